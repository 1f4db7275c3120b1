"""The same content under several creators is found, counted and told, for as long as it lasts."""

from __future__ import annotations

from typing import Any

from counterfoil.errors import AlreadyExists
from counterfoil.log.registry import find_contesting, list_contested
from counterfoil.record import ASSET

from .bench import Bench
from .registering import add, asset, creator, newest, refuse, revocation


def contested(bench: Bench, owner: str = "") -> list[str]:
    """The ids of the contested assets."""
    with bench.store.snapshot() as snapshot:
        return [asset_id for _, asset_id in list_contested(snapshot, owner)]


def contesting(bench: Bench, asset_id: str, limit: int = 100) -> list[str]:
    """Which assets of others have content in common with one."""
    state = newest(bench, ASSET, asset_id)
    with bench.store.snapshot() as snapshot:
        return find_contesting(snapshot, state, limit)


def people(bench: Bench) -> None:
    """Three creators."""
    for name in ("ada", "bob", "eve"):
        add(bench, creator(name))


def test_the_same_content_is_told_to_both_sides(memory: Bench) -> None:
    """Two assets of two creators with a fingerprint in common name each other."""
    people(memory)
    add(memory, asset("a", "ada", contents="xy"))
    assert contested(memory) == []
    add(memory, asset("b", "bob", contents="yz"))

    assert contested(memory) == ["a", "b"]
    assert (contested(memory, "ada"), contested(memory, "bob")) == (["a"], ["b"])
    assert (contesting(memory, "a"), contesting(memory, "b")) == (["b"], ["a"])
    assert contested(memory, "eve") == []


def test_a_creators_own_copies_are_no_contest(memory: Bench) -> None:
    """One creator may register the same content in many assets."""
    people(memory)
    for name in "abc":
        add(memory, asset(name, "ada", contents="x"))

    assert contested(memory) == []
    assert contesting(memory, "a") == []


def test_all_copies_are_contested_at_once(memory: Bench) -> None:
    """When somebody else registers it, every copy of the first creator's is flagged, and only those."""
    people(memory)
    for name in "abc":
        add(memory, asset(name, "ada", contents="x"))
    add(memory, asset("d", "ada", contents="w"))
    add(memory, asset("e", "bob", contents="x"))

    assert contested(memory) == ["a", "b", "c", "e"]
    assert contesting(memory, "e") == ["a", "b", "c"]
    assert contesting(memory, "e", limit=2) == ["a", "b"]


def test_an_update_adds_and_removes_content(memory: Bench) -> None:
    """What a version no longer has is no longer contested, and what it has now is."""
    people(memory)
    etag = add(memory, asset("a", "ada", contents="x"))
    add(memory, asset("b", "bob", contents="y"))
    etag = add(memory, asset("a", "ada", contents="xy", replaces=etag))
    assert contested(memory) == ["a", "b"]
    etag = add(memory, asset("a", "ada", contents="x", replaces=etag))
    assert contested(memory) == []
    add(memory, asset("a", "ada", contents="y", replaces=etag))
    assert contested(memory) == ["a", "b"]
    assert memory.fsck().sound


def test_an_asset_that_ended_contests_nothing(memory: Bench) -> None:
    """A revocation settles the matter for the other side."""
    people(memory)
    add(memory, asset("a", "ada", contents="x"))
    etag = add(memory, asset("b", "bob", contents="x"))
    add(memory, revocation(ASSET, "b", etag))

    assert contested(memory) == []
    assert contesting(memory, "a") == []
    assert memory.fsck().sound


def test_one_of_three_leaves_and_two_remain(memory: Bench) -> None:
    """A fingerprint is contested as long as two creators hold it."""
    people(memory)
    add(memory, asset("a", "ada", contents="xy"))
    etag = add(memory, asset("b", "bob", contents="xy"))
    add(memory, asset("c", "eve", contents="y"))
    add(memory, asset("b", "bob", contents="", replaces=etag))

    assert contested(memory) == ["a", "c"]
    assert contesting(memory, "a") == ["c"]


def test_content_of_others_is_refused_where_that_is_the_rule(memory: Bench) -> None:
    """An exclusive asset with content of another creator's is refused; with its own creator's it is not."""
    people(memory)
    etag = add(memory, asset("a", "ada", contents="xy"), exclusive=True)

    error: Any = refuse(memory, asset("b", "bob", contents="zy"), exclusive=True)

    assert (type(error), error.reason, error.etag) == (AlreadyExists, "CONTENT_REGISTERED", "")
    add(memory, asset("c", "ada", contents="x"), exclusive=True)
    add(memory, asset("d", "bob", contents="z"), exclusive=True)
    add(memory, asset("a", "ada", contents="xyw", replaces=etag), exclusive=True)


def test_what_was_contested_before_the_rule_can_be_updated(memory: Bench) -> None:
    """The rule looks at what a version adds: an asset that is contested already is not locked by it."""
    people(memory)
    add(memory, asset("a", "ada", contents="x"))
    etag = add(memory, asset("b", "bob", contents="x"))

    etag = add(memory, asset("b", "bob", contents="xv", replaces=etag), exclusive=True)
    refuse(memory, asset("a2", "eve", contents="v"), exclusive=True)


def test_sha256_and_blake3_are_two_things(memory: Bench) -> None:
    """The same digest under two algorithms is not the same content."""
    people(memory)
    add(memory, asset("a", "ada", contents="x"))
    other = asset("b", "bob")
    other.contents.add(blake3=b"x" * 32)
    add(memory, other)

    assert contested(memory) == []
