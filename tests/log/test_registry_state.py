"""What the registry says of an object, now and at any time: versions, ends, lists, history."""

from __future__ import annotations

from pathlib import Path

import pytest

from counterfoil.errors import NotFound, StartupError
from counterfoil.log import SPACES
from counterfoil.log.layout import REGISTRY
from counterfoil.log.registry import list_objects, read_history, read_newest, read_state_at
from counterfoil.record import ASSET, CREATOR, LICENSE, PRICE, Kind
from counterfoil.record.agreed import license_scope
from counterfoil.store import open_store

from . import bench
from .bench import START_US, Bench
from .registering import (
    DAY_US,
    add,
    asset,
    body_at,
    creator,
    ended_at,
    fill,
    licence,
    newest,
    price,
    revocation,
)


def test_the_newest_version_is_the_object(memory: Bench) -> None:
    """What was said last is what an object is, under the etag of that entry."""
    first = add(memory, creator("ada", display_name="A"))
    second = add(memory, creator("ada", display_name="Ada", replaces=first))

    state = newest(memory, CREATOR, "ada")

    assert (state.version.entry.id, state.version.number, state.end) == (second, 2, None)
    assert body_at(memory, CREATOR, "ada", memory.now_us).display_name == "Ada"


def test_versions_count_from_their_own_time_on(memory: Bench) -> None:
    """The first version counts for all time before it; a later one from its entry's time, and not a moment sooner."""
    first = add(memory, creator("ada", display_name="1"))
    second = add(memory, creator("ada", display_name="2", replaces=first))
    at_us = memory.now_us
    add(memory, creator("ada", display_name="3", replaces=second))

    told = {
        time_us: body_at(memory, CREATOR, "ada", time_us).display_name
        for time_us in (0, 1, START_US - DAY_US, at_us - 1, at_us, memory.now_us - 1, memory.now_us)
    }

    assert list(told.values()) == ["1", "1", "1", "1", "2", "2", "3"]


def test_an_unknown_object_has_no_state(memory: Bench) -> None:
    """Neither now nor at a time; and an id of one kind is none of another."""
    add(memory, creator("ada"))

    with memory.store.snapshot() as snapshot:
        with pytest.raises(NotFound):
            read_newest(snapshot, CREATOR, "bob")
        with pytest.raises(NotFound):
            read_newest(snapshot, ASSET, "ada")
        with pytest.raises(NotFound):
            read_history(snapshot, CREATOR, "ad", 1, 10)
        assert read_state_at(snapshot, CREATOR, "adaa", memory.now_us) is None


def test_an_end_takes_effect_when_it_is_logged(memory: Bench) -> None:
    """Before the revocation's time the object has not ended, from then on it has; a time in the past changes nothing."""
    etag = add(memory, creator("ada"))
    add(memory, revocation(CREATOR, "ada", etag, effective_time_us=START_US))

    assert not ended_at(memory, CREATOR, "ada", memory.now_us - 1)
    assert ended_at(memory, CREATOR, "ada", memory.now_us)
    assert body_at(memory, CREATOR, "ada", memory.now_us) is not None


def test_an_end_may_be_set_for_later(memory: Bench) -> None:
    """An object ends at the time that its revocation names, and not before."""
    etag = add(memory, creator("ada"))
    later_us = memory.now_us + DAY_US
    add(memory, revocation(CREATOR, "ada", etag, effective_time_us=later_us))

    assert not ended_at(memory, CREATOR, "ada", later_us - 1)
    assert ended_at(memory, CREATOR, "ada", later_us)
    assert newest(memory, CREATOR, "ada").end is not None


@pytest.mark.parametrize(("named_days", "ends_after_days"), [(0, 30), (10, 30), (40, 40)])
def test_notice_counts_from_the_log_and_only_makes_it_later(
    memory: Bench, named_days: int, ends_after_days: int
) -> None:
    """A licence goes on for the notice of the version in force, however early an end its revocation names."""
    add(memory, creator("ada"))
    first = add(memory, licence("l", notice_s=1))
    etag = add(memory, licence("l", notice_s=30 * 24 * 3600, replaces=first))
    memory.now_us += 7 * DAY_US
    named_us = memory.now_us + named_days * DAY_US if named_days else 0
    add(memory, revocation(LICENSE, "l", etag, effective_time_us=named_us))
    logged_us = memory.now_us

    end = newest(memory, LICENSE, "l").end

    assert end is not None
    half_a_second = 500_000
    wanted_us = logged_us + ends_after_days * DAY_US - (half_a_second if named_days == 40 else 0)
    assert end.effective_time_us == wanted_us
    assert not ended_at(memory, LICENSE, "l", wanted_us - 1)


def test_history_has_everything_in_order(memory: Bench) -> None:
    """All versions and the end, numbered from 1, and page by page the same."""
    etag = add(memory, creator("ada", display_name="0"))
    ids = [etag]
    for number in range(1, 7):
        etag = add(memory, creator("ada", display_name=str(number), replaces=etag))
        ids.append(etag)
    ids.append(add(memory, revocation(CREATOR, "ada", etag)))

    for size in (1, 3, 8, 100):
        found = []
        first, more = 1, True
        while more:
            with memory.store.snapshot() as snapshot:
                page, more = read_history(snapshot, CREATOR, "ada", first, size)
            found += page
            first = found[-1].number + 1
        assert [version.entry.id for version in found] == ids
        assert [version.number for version in found] == list(range(1, 9))


LISTS: tuple[tuple[Kind, tuple[str, ...], list[str]], ...] = (
    (CREATOR, (), ["ada", "bob"]),
    (ASSET, (), ["novel", "copy"]),
    (ASSET, ("creator_id", "bob"), ["copy"]),
    (ASSET, ("creator_id", "bo"), []),
    (ASSET, ("creator_id",), []),
    (PRICE, (), ["standard"]),
    (LICENSE, (), ["l1", "l2"]),
    (LICENSE, ("buyer", "acme"), ["l1"]),
    (LICENSE, ("asset_id", "novel"), ["l1"]),
    (LICENSE, license_scope("ada", "novel", "acme"), ["l1"]),
    (LICENSE, license_scope("ada", "novel", ""), []),
    (LICENSE, license_scope("ada", "", ""), ["l2"]),
    (LICENSE, ("buyer", ""), ["l2"]),
)


@pytest.mark.parametrize(("kind", "texts", "wanted"), LISTS)
def test_objects_are_listed_where_they_belong(
    memory: Bench, kind: Kind, texts: tuple[str, ...], wanted: list[str]
) -> None:
    """Once each, in the order of registration, whatever became of them; and from any place on."""
    fill(memory)

    with memory.store.snapshot() as snapshot:
        found = list(list_objects(snapshot, kind, texts))
        assert [object_id for _, object_id in found] == wanted
        for at, (number, _) in enumerate(found):
            assert list(list_objects(snapshot, kind, texts, number)) == found[at:]
            assert list(list_objects(snapshot, kind, texts, number + 1)) == found[at + 1 :]


def test_the_registry_survives_a_restart(memory: Bench) -> None:
    """What is registered is in the store, and a new process goes on with it."""
    fill(memory)
    etag = newest(memory, CREATOR, "ada").version.entry.id
    memory.restart()

    assert newest(memory, CREATOR, "ada").version.entry.id == etag
    add(memory, creator("ada", replaces=etag))
    add(memory, asset("another"))
    add(memory, price("own", "ada"))
    assert memory.fsck().sound


def test_a_store_from_before_the_registry_gets_its_space(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Opened to be read only it says what to do; opened for writing it has an empty registry, and all is well."""
    monkeypatch.setattr(bench, "SPACES", tuple(space for space in SPACES if space != REGISTRY))
    old = Bench("lmdb:", tmp_path)
    old.add(old.usage("e"))
    old.store.close()
    monkeypatch.undo()
    url = f"lmdb:{old.store_path}"

    with pytest.raises(StartupError, match="no 'registry'; open it for writing once"):
        open_store(url, SPACES, read_only=True)

    old.restart()
    assert old.fsck().sound
    fill(old)
    assert old.fsck().sound
    old.close()
