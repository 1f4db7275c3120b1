"""Creators, assets and revocations: what each must hold, and what each changes in the registry."""

from __future__ import annotations

from typing import Any

import pytest
from blake3 import blake3

from counterfoil.limits import ARTIFACTS_MAX, ID_LENGTH_MAX, NAME_LENGTH_MAX, TAGS_MAX, TIME_US_MAX
from counterfoil.record import (
    ASSET,
    CREATOR,
    LICENSE,
    PAYOUT,
    PRICE,
    REVOCATION,
    TRAINING,
    USAGE,
    Change,
    Kind,
    Reference,
    problem,
)

from .samples import faults, good

REFUSED: tuple[tuple[Kind, dict[str, Any], str, str], ...] = (
    (CREATOR, {"creator_id": None}, "creator_id", problem.MISSING),
    (CREATOR, {"creator_id": "a b"}, "creator_id", problem.BAD_CHARACTERS),
    (CREATOR, {"creator_id": "a" * (ID_LENGTH_MAX + 1)}, "creator_id", problem.TOO_LONG),
    (CREATOR, {"replaces": "cr 1"}, "replaces", problem.BAD_CHARACTERS),
    (CREATOR, {"display_name": "a\x00"}, "display_name", problem.MALFORMED),
    (CREATOR, {"display_name": "a" * (NAME_LENGTH_MAX + 1)}, "display_name", problem.TOO_LONG),
    (CREATOR, {"payout_account_ref": "DE 1"}, "payout_account_ref", problem.BAD_CHARACTERS),
    (CREATOR, {"kyc_status": 99}, "kyc_status", problem.MALFORMED),
    (CREATOR, {"consents": [1, 1]}, "consents", problem.MALFORMED),
    (CREATOR, {"consents": [0]}, "consents", problem.MALFORMED),
    (CREATOR, {"consents": [99]}, "consents", problem.MALFORMED),
    (CREATOR, {"metadata": {"a b": "c"}}, "metadata", problem.MALFORMED),
    (ASSET, {"asset_id": None}, "asset_id", problem.MISSING),
    (ASSET, {"creator_id": None}, "creator_id", problem.MISSING),
    (ASSET, {"title": "a\x07"}, "title", problem.MALFORMED),
    (ASSET, {"contents": [{"sha256": b"s" * 31}]}, "contents[0].sha256", problem.MALFORMED),
    (ASSET, {"contents": [{"name": "a"}]}, "contents[0].sha256", problem.MISSING),
    (
        ASSET,
        {"contents": [{"sha256": b"s" * 32, "size_bytes": -1}]},
        "contents[0].size_bytes",
        problem.NEGATIVE,
    ),
    (
        ASSET,
        {"contents": [{"sha256": b"s" * 32}] * (ARTIFACTS_MAX + 1)},
        "contents",
        problem.TOO_MANY,
    ),
    (ASSET, {"mime_type": "text"}, "mime_type", problem.MALFORMED),
    (ASSET, {"mime_type": "text/plain; charset=utf-8"}, "mime_type", problem.MALFORMED),
    (ASSET, {"mime_type": "text/plain\n"}, "mime_type", problem.MALFORMED),
    (ASSET, {"tags": [""]}, "tags[0]", problem.MISSING),
    (ASSET, {"tags": ["a", "a"]}, "tags", problem.MALFORMED),
    (ASSET, {"tags": ["a" * 65]}, "tags[0]", problem.TOO_LONG),
    (ASSET, {"tags": [str(n) for n in range(TAGS_MAX + 1)]}, "tags", problem.TOO_MANY),
    (ASSET, {"rights_statement": "a\r"}, "rights_statement", problem.MALFORMED),
    (
        ASSET,
        {"license_defaults": {"template": "x"}},
        "license_defaults.template",
        problem.MALFORMED,
    ),
    (
        ASSET,
        {"license_defaults": {"price_id": "a b"}},
        "license_defaults.price_id",
        problem.BAD_CHARACTERS,
    ),
    (ASSET, {"visibility": None}, "visibility", problem.MISSING),
    (ASSET, {"visibility": 99}, "visibility", problem.MISSING),
    (REVOCATION, {"kind": None}, "kind", problem.MALFORMED),
    (REVOCATION, {"kind": 2}, "kind", problem.MALFORMED),
    (REVOCATION, {"kind": 8}, "kind", problem.MALFORMED),
    (REVOCATION, {"object_id": None}, "object_id", problem.MISSING),
    (REVOCATION, {"effective_time_us": -1}, "effective_time_us", problem.ABSURD),
    (REVOCATION, {"effective_time_us": TIME_US_MAX + 1}, "effective_time_us", problem.ABSURD),
    (REVOCATION, {"reason": "a" * 4097}, "reason", problem.TOO_LONG),
)


@pytest.mark.parametrize(("kind", "changes", "field", "reason"), REFUSED)
def test_faults_are_told(kind: Kind, changes: dict[str, Any], field: str, reason: str) -> None:
    """Each fault is told with its field and its reason, and nothing else is."""
    assert faults(kind, good(kind, **changes)) == [(field, reason)]


@pytest.mark.parametrize("mime_type", ["", "text/plain", "image/svg+xml", "application/vnd.x-1.2"])
def test_mime_types(mime_type: str) -> None:
    """Types of the usual forms pass."""
    assert not faults(ASSET, good(ASSET, mime_type=mime_type))


def change_of(kind: Kind, /, **changes: Any) -> Change:
    """What the good body of a kind changes, with other values in some fields."""
    assert kind.change is not None
    return kind.change(good(kind, **changes))


def test_only_what_is_registered_changes_the_registry() -> None:
    """Trainings, usage and payouts change nothing there."""
    assert [kind.change for kind in (TRAINING, USAGE, PAYOUT)] == [None] * 3


def test_each_object_says_what_must_be_there() -> None:
    """References name the field, the object and whose it must be."""
    assert change_of(CREATOR).references == ()
    assert change_of(ASSET).references == (
        Reference("creator_id", 5, "creator_42"),
        Reference("license_defaults.price_id", 9, "price:1", owner="creator_42"),
    )
    assert change_of(LICENSE).references == (
        Reference("creator_id", 5, "creator_42"),
        Reference("asset_id", 6, "asset/1", owner="creator_42"),
        Reference("price_id", 9, "price:1", owner="creator_42"),
    )
    assert change_of(PRICE).references == (Reference("creator_id", 5, "creator_42"),)
    assert change_of(PRICE, creator_id=None).references == ()
    assert change_of(REVOCATION).references == ()


def test_objects_are_listed_under_what_cannot_change() -> None:
    """Each text of a list is a fixed field's, so that a later version needs no other row."""
    for kind in (CREATOR, ASSET, LICENSE, PRICE):
        change = change_of(kind)
        fixed = set(change.fixed.values())
        assert all(set(texts[1:]) <= fixed for texts in change.listed), change.listed
        assert () in change.listed


def test_an_irrevocable_licence_stays_one() -> None:
    """What was promised for ever is among the fields that no later version changes."""
    irrevocable = change_of(LICENSE, terms={"revocation": {"irrevocable": True}})
    revocable = change_of(LICENSE)

    assert irrevocable.notice_us is None
    assert revocable.notice_us == 60_000_000
    assert set(irrevocable.fixed) - set(revocable.fixed) == {"terms.revocation.irrevocable"}


def test_both_fingerprints_of_each_file_tell_the_content() -> None:
    """SHA-256 and BLAKE3 are told apart, each file counts once, and an empty one not at all."""
    nothing = {"blake3": blake3().digest()}
    same = {"sha256": b"s" * 32}

    assert change_of(ASSET).contents == {
        ("sha256", b"s" * 32),
        ("blake3", b"b" * 32),
        ("blake3", b"c" * 32),
    }
    assert change_of(ASSET, contents=[same, same, nothing]).contents == {("sha256", b"s" * 32)}


def test_a_revocation_ends_what_it_names() -> None:
    """Its change is that object's end, not before the time it names."""
    change = change_of(REVOCATION)

    assert (change.kind, change.object_id, change.ends) == (7, "lic:1", True)
    assert change.effective_time_us == 1_700_000_000_000_000
    assert not change.contents
