"""Rows of the registry that rotted, vanished or were made up: never answered from, and named by fsck and the scrub."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from counterfoil.errors import IntegrityError, NotFound, OutcomeUnknown
from counterfoil.log.fsck import Scrub
from counterfoil.log.fsck import registry as fsck_registry
from counterfoil.log.layout import REGISTRY
from counterfoil.log.registry import (
    find_contesting,
    list_contested,
    list_objects,
    read_history,
    read_newest,
    read_state_at,
)
from counterfoil.log.registry import (
    rows as registry_rows,
)
from counterfoil.record import ASSET, CREATOR, LICENSE, PRICE
from counterfoil.store import Snapshot, decode_key, encode_key

from .bench import Bench, flipped
from .registering import add, asset, batch_of, creator, fill, newest, rows

KINDS = (CREATOR, ASSET, LICENSE, PRICE)


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    """A log with objects of every kind; each test leaves it as it was."""
    made = Bench("memory:", tmp_path_factory.mktemp("registry"))
    fill(made)
    assert made.fsck().sound
    assert {decode_key(key)[0] for key in rows(made)} == {
        "object",
        "listed",
        "content",
        "contested",
        "newest",
    }
    yield made
    made.close()


def answers(snapshot: Snapshot) -> list[object]:
    """Everything that the registry can be asked, answered or refused because something is damaged."""

    def ask(question: Callable[[], object]) -> object:
        try:
            return question()
        except (IntegrityError, NotFound) as error:
            return type(error)

    found: list[object] = []
    for kind in KINDS:
        for name in ("ada", "bob", "novel", "copy", "l1", "l2", "standard"):
            found += [
                ask(lambda k=kind, n=name: read_newest(snapshot, k, n)),  # type: ignore[misc]
                ask(lambda k=kind, n=name: read_history(snapshot, k, n, 1, 100)),  # type: ignore[misc]
                ask(lambda k=kind, n=name: read_state_at(snapshot, k, n, 1 << 62)),  # type: ignore[misc]
            ]
        for texts in ((), ("creator_id", "ada"), ("buyer", "acme"), ("asset_id", "novel")):
            found.append(ask(lambda k=kind, t=texts: list(list_objects(snapshot, k, t))))  # type: ignore[misc]
    found.append(ask(lambda: list(list_contested(snapshot))))
    for name in ("novel", "copy"):
        found.append(
            ask(lambda n=name: find_contesting(snapshot, read_newest(snapshot, ASSET, n), 9))  # type: ignore[misc]
        )
    return found


def test_every_flipped_bit_of_a_value_is_told(filled: Bench) -> None:
    """With one bit of a row's value changed, fsck names it, and each answer is the right one or an error."""
    right = read_all(filled)
    for number, (key, value) in enumerate(rows(filled).items()):
        bit = number * 7 % (8 * len(value))
        filled.put(REGISTRY, key, flipped(value, bit))
        try:
            assert "registry" in {fault.what for fault in filled.fsck().problems}, key
            for wanted, found in zip(right, read_all(filled), strict=True):
                assert found in (wanted, IntegrityError), decode_key(key)
        finally:
            filled.put(REGISTRY, key, value)


def read_all(bench: Bench) -> list[object]:
    """All answers as of now."""
    with bench.store.snapshot() as snapshot:
        return answers(snapshot)


def test_without_checksums_rot_would_be_served(
    filled: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The control: with the checksum not looked at, a flipped bit gives a wrong answer."""
    right = read_all(filled)
    key = encode_key("object", 5, "ada")
    value = rows(filled)[key]
    # The lowest bit of the second version's effective time.
    filled.put(REGISTRY, key, flipped(value, 8 * (17 + 8)))
    monkeypatch.setattr(registry_rows, "check_row", lambda _key, value: bytes(value[:-8]))
    try:
        wrong = [
            found
            for wanted, found in zip(right, read_all(filled), strict=True)
            if found not in (wanted, IntegrityError)
        ]
    finally:
        filled.put(REGISTRY, key, value)
    assert wrong


def test_a_row_under_another_key_is_no_answer(filled: Bench) -> None:
    """The versions of one object copied to another's place are told, because the key is under the checksum."""
    value = rows(filled)[encode_key("object", 5, "ada")]
    stolen = encode_key("object", 5, "eve")
    filled.put(REGISTRY, stolen, value)
    try:
        with filled.store.snapshot() as snapshot, pytest.raises(IntegrityError):
            read_newest(snapshot, CREATOR, "eve")
        assert [fault.detail for fault in filled.fsck().problems] == [
            "the row object 5 eve is one that no entry gives"
        ]
    finally:
        filled.delete(REGISTRY, stolen)


def test_each_missing_row_is_named(filled: Bench) -> None:
    """fsck names every row that is gone."""
    for key, value in rows(filled).items():
        filled.delete(REGISTRY, key)
        try:
            told = [fault.detail for fault in filled.fsck().problems]
            assert told == [f"the row {' '.join(map(str, decode_key(key)))} is missing"]
        finally:
            filled.put(REGISTRY, key, value)


def test_each_row_made_up_is_named(filled: Bench) -> None:
    """fsck names rows with a good checksum that no entry gives, and keys that are none."""
    forged: dict[bytes, str] = {
        encode_key("object", 5, "zoe"): "object 5 zoe",
        encode_key("listed", 5, 99): "listed 5 99",
        b"\xff": "ff",
        b"\x00": "00",
    }
    for key, name in forged.items():
        filled.store.transact(lambda rows, key=key: registry_rows.put_row(rows, key, b"x"))  # type: ignore[misc]
        try:
            (fault,) = filled.fsck().problems
            assert fault.detail == f"the row {name} is one that no entry gives"
        finally:
            filled.delete(REGISTRY, key)


def test_a_registry_of_all_rows_lost_is_named(memory: Bench) -> None:
    """fsck makes the rows from the entries, and not from what rows there are."""
    fill(memory)
    gone = rows(memory)
    for key in gone:
        memory.delete(REGISTRY, key)

    assert len(memory.fsck().problems) == len(gone)


@pytest.mark.parametrize("at_a_time", [1, 2, 5])
def test_the_replay_may_take_many_transactions(
    filled: Bench, monkeypatch: pytest.MonkeyPatch, at_a_time: int
) -> None:
    """However little one transaction holds, each record is replayed once."""
    monkeypatch.setattr(fsck_registry, "GROUP_RECORDS_MAX", at_a_time)
    assert filled.fsck().problems == []

    key = encode_key("object", 5, "ada")
    value = rows(filled)[key]
    filled.delete(REGISTRY, key)
    try:
        assert [fault.detail for fault in filled.fsck().problems] == [
            "the row object 5 ada is missing"
        ]
    finally:
        filled.put(REGISTRY, key, value)


def test_the_scrub_finds_what_is_missing(filled: Bench) -> None:
    """A round of the scrub names the entry whose row is gone, and nothing when all is well."""
    assert scrubbed(filled) == []
    for key in (
        encode_key("object", 5, "bob"),
        encode_key("listed", 6, newest(filled, ASSET, "copy").number),
        encode_key("content", "sha256", b"z" * 32, "bob", newest(filled, ASSET, "copy").number),
    ):
        value = rows(filled)[key]
        filled.delete(REGISTRY, key)
        try:
            assert {what for what, _ in scrubbed(filled)} == {"registry"}
        finally:
            filled.put(REGISTRY, key, value)


def scrubbed(bench: Bench) -> list[tuple[str, int | None]]:
    """What a whole round of the scrub finds."""
    period_us = 1_000_000
    scrub = Scrub(bench.store, bench.signer.verifier, bench.log.secret, period_us)
    found = [fault for at in (0, 999_999, 1_000_000) for fault in scrub.look(at)]
    return [(fault.what, fault.index) for fault in found]


def test_nothing_is_logged_over_a_damaged_row(memory: Bench) -> None:
    """A change of an object whose row rotted stops the log: what cannot be read must not be built on."""
    fill(memory)
    etag = newest(memory, CREATOR, "ada").version.entry.id
    key = encode_key("object", 5, "ada")
    value = rows(memory)[key]
    memory.put(REGISTRY, key, flipped(value, 3))
    size = memory.state().size

    with pytest.raises(OutcomeUnknown):
        memory.append(batch_of(memory, creator("ada", replaces=etag)))

    assert memory.state().size == size
    memory.forgive()
    memory.put(REGISTRY, key, value)
    add(memory, creator("ada", replaces=etag))


@pytest.mark.parametrize(
    "point", ["begin", *(f"put {n}" for n in range(1, 11)), "before-commit", "after-commit"]
)
def test_a_crash_leaves_record_and_rows_together(memory: Bench, point: str) -> None:
    """Struck at any point of the transaction, the store has the record with all its rows, or neither."""
    fill(memory)
    before, size = rows(memory), memory.state().size
    puts = 0

    def strike(at: str) -> None:
        nonlocal puts
        puts += at == "put"
        if point in (at, f"{at} {puts}"):
            raise RuntimeError(point)

    memory.fault = strike
    with pytest.raises(OutcomeUnknown):
        memory.append(batch_of(memory, asset("late", contents="xw")))
    memory.fault = None
    memory.restart()

    assert (rows(memory) != before) == (memory.state().size > size) == (point == "after-commit")
    assert memory.fsck().sound
