"""What the registry does not allow: each is refused inside the append, alone, and leaves nothing behind."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from google.protobuf.message import Message

from counterfoil.errors import (
    AlreadyExists,
    Conflict,
    CounterfoilError,
    FailedPrecondition,
    InvalidInput,
    NotFound,
    VersionMismatch,
)
from counterfoil.log import Appended
from counterfoil.log.registry import apply
from counterfoil.record import ASSET, CREATOR, LICENSE, PRICE, Kind

from .bench import Bench
from .registering import (
    DAY_US,
    add,
    asset,
    batch_of,
    creator,
    fill,
    licence,
    newest,
    price,
    refuse,
    revocation,
)

Etag = Callable[[Kind, str], str]

REFUSED: tuple[tuple[str, Callable[[Etag], Message], type[CounterfoilError], str], ...] = (
    ("create again", lambda _: creator("ada"), AlreadyExists, "EXISTS"),
    ("create what ended", lambda _: licence("l1"), AlreadyExists, "EXISTS"),
    ("update nothing", lambda _: creator("eve", replaces="cr_1_00000000"), NotFound, ""),
    ("end nothing", lambda _: revocation(CREATOR, "eve", ""), NotFound, ""),
    ("end as another kind", lambda of: revocation(ASSET, "ada", of(CREATOR, "ada")), NotFound, ""),
    ("old etag", lambda _: creator("ada", replaces="cr_1_00000000"), VersionMismatch, ""),
    ("no etag", lambda _: revocation(CREATOR, "ada", ""), VersionMismatch, ""),
    ("etag of another", lambda of: creator("ada", replaces=of(CREATOR, "bob")), VersionMismatch, ""),
    ("no creator", lambda _: asset("a", "eve"), FailedPrecondition, "creator_id"),
    ("no creator of a price", lambda _: price("p", "eve"), FailedPrecondition, "creator_id"),
    ("no creator of a licence", lambda _: licence("l", "eve"), FailedPrecondition, "creator_id"),
    ("no asset", lambda _: licence("l", asset_id="none"), FailedPrecondition, "asset_id"),
    ("a price for an asset", lambda _: licence("l", asset_id="standard"), FailedPrecondition, "asset_id"),
    ("another's asset", lambda _: licence("l", asset_id="copy"), FailedPrecondition, "asset_id"),
    ("no price", lambda _: licence("l", price_id="none"), FailedPrecondition, "price_id"),
    (
        "no default price",
        lambda _: asset("a", license_defaults={"price_id": "none"}),
        FailedPrecondition,
        "license_defaults.price_id",
    ),
    ("update what ended", lambda of: licence("l1", replaces=of(LICENSE, "l1")), FailedPrecondition, "ENDED"),
    (
        "end what ended",
        lambda of: revocation(LICENSE, "l1", of(LICENSE, "l1")),
        FailedPrecondition,
        "ENDED",
    ),
    ("give an asset away", lambda of: asset("novel", "bob", replaces=of(ASSET, "novel")), InvalidInput, "creator_id"),
    ("give a price away", lambda of: price("standard", "bob", replaces=of(PRICE, "standard")), InvalidInput, "creator_id"),
    ("another buyer", lambda of: licence("l2", buyer="acme", replaces=of(LICENSE, "l2")), InvalidInput, "buyer"),
    (
        "another asset",
        lambda of: licence("l2", asset_id="novel", replaces=of(LICENSE, "l2")),
        InvalidInput,
        "asset_id",
    ),
)  # fmt: skip


@pytest.mark.parametrize(
    ("what", "body", "error", "told"), REFUSED, ids=[row[0] for row in REFUSED]
)
def test_it_is_refused_without_a_trace(
    memory: Bench,
    what: str,
    body: Callable[[Etag], Message],
    error: type[CounterfoilError],
    told: str,
) -> None:
    """Each breach has its own error, which names the field or the reason; the store stays as it was, to the byte."""
    fill(memory)

    found = refuse(memory, body(lambda kind, name: newest(memory, kind, name).version.entry.id))
    reason, field, etag = (getattr(found, name, "") for name in ("reason", "field", "etag"))

    assert type(found) is error, what
    assert told in (field, reason) or not told
    assert (reason == "REFERENCE_MISSING") == (error is FailedPrecondition and told != "ENDED")
    assert bool(etag) == (error in (AlreadyExists, VersionMismatch))
    assert memory.fsck().sound


def test_the_newest_etag_comes_with_the_refusal(memory: Bench) -> None:
    """Whoever lost a race is told which version won, and with that one the same change is accepted."""
    first = add(memory, creator("ada", display_name="A"))
    second = add(memory, creator("ada", display_name="B", replaces=first))

    error = refuse(memory, creator("ada", display_name="C", replaces=first))

    assert isinstance(error, VersionMismatch)
    assert error.etag == second
    add(memory, creator("ada", display_name="C", replaces=error.etag))


def test_of_two_changes_in_one_group_one_is_made(subject: Bench) -> None:
    """Two updates of one version under one lock: the first is logged, the second told of it; nothing is lost."""
    etag = add(subject, creator("ada"))
    group = [
        batch_of(subject, creator("ada", display_name=name, replaces=etag)) for name in ("B", "C")
    ]

    first, second = subject.append(*group)

    assert isinstance(first, Appended)
    assert isinstance(second, VersionMismatch)
    state = newest(subject, CREATOR, "ada")
    body: Any = CREATOR.message.FromString(state.version.entry.body)
    assert body.display_name == "B"
    assert second.etag == state.version.entry.id
    assert subject.fsck().sound


def test_of_two_first_versions_in_one_group_one_is_made(subject: Bench) -> None:
    """Two creations of one id under one lock: the second is told of the first."""
    first, second = subject.append(
        batch_of(subject, creator("ada", display_name="A")),
        batch_of(subject, creator("ada", display_name="B")),
    )

    assert isinstance(first, Appended)
    assert isinstance(second, AlreadyExists)
    assert second.etag == newest(subject, CREATOR, "ada").version.entry.id


def test_what_a_group_registers_its_later_records_may_name(subject: Bench) -> None:
    """A creator and its asset in one group are fine in this order, and not in the other."""
    early, made, late = subject.append(
        batch_of(subject, asset("novel")),
        batch_of(subject, creator("ada")),
        batch_of(subject, asset("novel")),
    )

    assert isinstance(early, FailedPrecondition)
    assert isinstance(made, Appended)
    assert isinstance(late, Appended)


def test_a_repeat_is_a_duplicate_and_no_lost_race(memory: Bench) -> None:
    """The same write under the same request id gets its original, also when the object has long gone on."""
    first = batch_of(memory, creator("ada"), request_id="r-1")
    memory.add(first)
    etag = newest(memory, CREATOR, "ada").version.entry.id
    second = batch_of(memory, creator("ada", display_name="B", replaces=etag), request_id="r-2")
    memory.add(second)
    before = memory.dump()

    for batch in (first, second):
        (again,) = memory.append(batch)
        assert isinstance(again, Appended)
        assert (again.head, len(again.existing), again.existing[0].field) == (None, 1, None)
    assert memory.dump() == before


def test_a_request_id_with_another_version_is_a_conflict(memory: Bench) -> None:
    """A request id names one write for ever; that is looked at before the registry is."""
    memory.add(batch_of(memory, creator("ada"), request_id="r-1"))
    (outcome,) = memory.append(
        batch_of(memory, creator("bob"), request_id="r-1", atomic=True),
    )

    assert isinstance(outcome, Conflict)


def test_an_irrevocable_licence_cannot_be_ended_or_made_revocable(memory: Bench) -> None:
    """What was promised for ever holds, by either way; other terms may change, and a revocable one may become one."""
    add(memory, creator("ada"))
    etag = add(memory, licence("l", notice_s=5))
    etag = add(memory, licence("l", irrevocable=True, replaces=etag))

    ended: Any = refuse(memory, revocation(LICENSE, "l", etag))
    loosened: Any = refuse(memory, licence("l", replaces=etag))

    assert (type(ended), ended.reason) == (FailedPrecondition, "IRREVOCABLE")
    assert (type(loosened), loosened.field) == (InvalidInput, "terms.revocation.irrevocable")
    add(memory, licence("l", irrevocable=True, template="x@1", replaces=etag))


def test_an_object_that_will_end_can_be_named_until_then(memory: Bench) -> None:
    """A reference to an object whose end has not come yet is good; from its end on it is not."""
    etag = add(memory, creator("ada"))
    add(memory, revocation(CREATOR, "ada", etag, effective_time_us=memory.now_us + DAY_US))
    add(memory, asset("novel"))
    memory.now_us += DAY_US

    error: Any = refuse(memory, asset("late"))

    assert (error.reason, error.field) == ("REFERENCE_MISSING", "creator_id")


def test_an_object_has_only_so_many_versions(
    memory: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Beyond the bound no version is taken, but the end is."""
    monkeypatch.setattr(apply, "VERSIONS_MAX", 3)
    etag = add(memory, creator("ada"))
    for number in range(2):
        etag = add(memory, creator("ada", display_name=str(number), replaces=etag))

    error: Any = refuse(memory, creator("ada", replaces=etag))

    assert (type(error), error.reason) == (InvalidInput, "TOO_MANY")
    add(memory, revocation(CREATOR, "ada", etag))


def test_records_that_change_the_registry_come_one_by_one(memory: Bench) -> None:
    """A batch of two such records cannot be made: each change is checked against what was before it."""
    bodies = [creator(name).SerializeToString() for name in ("ada", "bob")]

    with pytest.raises(ValueError, match="one is allowed"):
        memory.batch(CREATOR, bodies)


def test_without_the_check_a_lost_update_would_be_logged(
    memory: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The control: with the check taken out both of two updates are logged, and fsck names the second."""
    etag = add(memory, creator("ada"))
    monkeypatch.setattr(apply.Registry, "check", lambda *_args, **_options: None)
    for name in ("B", "C"):
        add(memory, creator("ada", display_name=name, replaces=etag))
    monkeypatch.undo()

    problems = memory.fsck().problems

    assert ("registry", 3) in [(fault.what, fault.index) for fault in problems]
