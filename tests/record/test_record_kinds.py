"""Every kind of record: a good example passes, and each fault is told with its field and reason."""

from __future__ import annotations

from typing import Any

import pytest

from counterfoil import entry
from counterfoil.__main__ import _KINDS
from counterfoil.limits import (
    ARTIFACTS_MAX,
    ATTRIBUTIONS_MAX,
    EVENT_SIZE_BYTES_MAX,
    ID_LENGTH_MAX,
    METADATA_ENTRIES_MAX,
    METADATA_KEY_LENGTH_MAX,
    METADATA_VALUE_LENGTH_MAX,
    PARTY_SIGNATURES_MAX,
    TEXT_LENGTH_MAX,
    TIME_US_MAX,
    TOKENS_MAX,
)
from counterfoil.record import (
    GENESIS,
    KIND_BY_NUMBER,
    KINDS,
    PAYOUT,
    TRAINING,
    USAGE,
    Kind,
    parse_message,
    problem,
)
from counterfoil.wire import field_varint

from .samples import SAMPLES, faults, good, serialize

KIND_NAMES = [kind.name for kind in KINDS]
# Characters that look like letters, break lines, or are invisible.
BAD_IDS = (
    "a b", "a\n", "\ta", "a\x00", "a\r\nb", "ä", "\u0430", "a\u200b", "a\u202e", "\ufeffa", "a%20",
    "a#", "a?b", "a&b", "<a>", "a'", 'a"', "a\\", "a,b", "a;b", "(a)", "a*", "a|b", "a!", "€", "\uff11",
)  # fmt: skip


def test_every_kind_has_a_sample() -> None:
    """A newcomer's kind is tested: the samples are of all kinds, each with a number and prefix of its own."""
    assert [kind for kind, _ in SAMPLES] == list(KINDS)
    assert {kind.number: kind for kind in KINDS} == KIND_BY_NUMBER
    assert len({kind.id_prefix for kind in KINDS}) == len(KINDS)
    assert [kind.number for kind in KINDS] == [
        entry.KIND_GENESIS,
        entry.KIND_TRAINING,
        entry.KIND_USAGE,
        entry.KIND_PAYOUT,
        entry.KIND_CREATOR,
        entry.KIND_ASSET,
        entry.KIND_LICENSE,
        entry.KIND_REVOCATION,
        entry.KIND_PRICE,
        entry.KIND_ASSESSMENT,
        entry.KIND_KEY_CHANGE,
    ]


def test_every_reason_is_in_the_list() -> None:
    """Reasons are fixed words in capitals, each in the list once."""
    words = {
        value for name, value in vars(problem).items() if name.isupper() and isinstance(value, str)
    }

    assert set(problem.REASONS) == words
    assert len(problem.REASONS) == len(words)
    assert all(word.replace("_", "").isalpha() and word.isupper() for word in words)


@pytest.mark.parametrize("kind", KINDS, ids=KIND_NAMES)
def test_a_good_body_has_no_problems(kind: Kind) -> None:
    """The sample of each kind passes, read back from its bytes."""
    body = parse_message(kind.message, serialize(good(kind)), "body")

    assert body == good(kind)
    assert faults(kind, body) == []


@pytest.mark.parametrize("kind", KINDS, ids=KIND_NAMES)
def test_an_empty_body_is_refused(kind: Kind) -> None:
    """A body without any field lacks what each kind needs."""
    assert faults(kind, kind.message())


def test_identities() -> None:
    """Usage is known by its event id, everything else by its request id."""
    for kind in KINDS:
        wanted = "e-1" if kind is USAGE else "r-9"
        assert kind.identity("r-9", good(kind)) == wanted


def test_terms() -> None:
    """Trainings and payouts are listed under the fields that people search by; usage is not listed."""
    assert dict(TRAINING.terms(good(TRAINING))) == {
        "creator_id": "creator_42",
        "model_id": "model_xyz",
        "dataset_id": "ds_1",
    }
    assert dict(PAYOUT.terms(good(PAYOUT))) == {"creator_id": "creator_42", "period": "2024-02"}
    assert not USAGE.terms(good(USAGE))
    assert not GENESIS.terms(good(GENESIS))


IDS = (
    (TRAINING, "dataset_id", True),
    (TRAINING, "creator_id", True),
    (TRAINING, "model_id", True),
    (USAGE, "event_id", True),
    (USAGE, "model_id", True),
    (USAGE, "receipt_ref", False),
    (USAGE, "asset_id", False),
    (USAGE, "license_id", False),
    (USAGE, "consumer_id", False),
    (USAGE, "action", False),
    (PAYOUT, "creator_id", True),
    (PAYOUT, "tx_ref", False),
)


@pytest.mark.parametrize(("kind", "field", "required"), IDS)
def test_identifiers_are_checked(kind: Kind, field: str, required: bool) -> None:
    """Each identifier is refused when missing, too long, or with a character outside the alphabet."""
    assert faults(kind, good(kind, **{field: ""})) == (
        [(field, problem.MISSING)] if required else []
    )
    longest = "x" * ID_LENGTH_MAX
    assert faults(kind, good(kind, **{field: longest})) == []
    assert faults(kind, good(kind, **{field: longest + "x"})) == [(field, problem.TOO_LONG)]
    for bad in BAD_IDS:
        wanted = [(field, problem.BAD_CHARACTERS)]
        assert faults(kind, good(kind, **{field: bad})) == wanted, bad


@pytest.mark.parametrize(("kind", "field", "required"), IDS)
def test_every_character_of_the_alphabet_is_accepted(
    kind: Kind, field: str, required: bool
) -> None:
    """Letters, digits and the listed signs may stand in an identifier, in any place."""
    for character in "azAZ09._:/@+=~-":
        value = character if required else character * 3
        assert faults(kind, good(kind, **{field: value})) == [], character


FAULTS: tuple[tuple[Kind, dict[str, Any], str, str], ...] = (
    (GENESIS, {"origin": ""}, "origin", problem.MISSING),
    (GENESIS, {"vkeys": []}, "origin", problem.MISSING),
    (TRAINING, {"license": "x" * (TEXT_LENGTH_MAX + 1)}, "license", problem.TOO_LONG),
    (TRAINING, {"notes": "x" * (TEXT_LENGTH_MAX + 1)}, "notes", problem.TOO_LONG),
    (TRAINING, {"license": "a\x00"}, "license", problem.MALFORMED),
    (TRAINING, {"notes": "a\x1b[31m"}, "notes", problem.MALFORMED),
    (TRAINING, {"notes": "a\rb"}, "notes", problem.MALFORMED),
    (TRAINING, {"notes": "a\u202eb"}, "notes", problem.MALFORMED),
    (TRAINING, {"artifact_hash": "sha256:" + "0F" * 32}, "artifact_hash", problem.MALFORMED),
    (TRAINING, {"artifact_hash": "sha256:" + "0f" * 31}, "artifact_hash", problem.MALFORMED),
    (TRAINING, {"artifact_hash": "sha256:" + "0f" * 33}, "artifact_hash", problem.MALFORMED),
    (TRAINING, {"artifact_hash": "md5:" + "0f" * 16}, "artifact_hash", problem.MALFORMED),
    (TRAINING, {"artifact_hash": "0f" * 32}, "artifact_hash", problem.MALFORMED),
    (TRAINING, {"artifact_hash": "sha256:" + "0f" * 32 + "\n"}, "artifact_hash", problem.MALFORMED),
    (TRAINING, {"artifact_hash": "", "artifacts": []}, "artifact_hash", problem.MISSING),
    (TRAINING, {"portion_used_ppm": 1_000_001}, "portion_used_ppm", problem.ABSURD),
    (TRAINING, {"portion_used_ppm": 2**32 - 1}, "portion_used_ppm", problem.ABSURD),
    (TRAINING, {"training_time_us": -1}, "training_time_us", problem.ABSURD),
    (TRAINING, {"training_time_us": TIME_US_MAX + 1}, "training_time_us", problem.ABSURD),
    (
        TRAINING,
        {"artifacts": [{"sha256": b"s" * 32}] * (ARTIFACTS_MAX + 1)},
        "artifacts",
        problem.TOO_MANY,
    ),
    (
        TRAINING,
        {"artifacts": [{"sha256": b"s" * 32}, {"sha256": b"s" * 31}]},
        "artifacts[1].sha256",
        problem.MALFORMED,
    ),
    (TRAINING, {"artifacts": [{"blake3": b"s" * 33}]}, "artifacts[0].blake3", problem.MALFORMED),
    (TRAINING, {"artifacts": [{"name": "x"}]}, "artifacts[0].sha256", problem.MISSING),
    (
        TRAINING,
        {"artifacts": [{"sha256": b"s" * 32, "size_bytes": -1}]},
        "artifacts[0].size_bytes",
        problem.NEGATIVE,
    ),
    (
        TRAINING,
        {"artifacts": [{"sha256": b"s" * 32, "name": "x" * 513}]},
        "artifacts[0].name",
        problem.TOO_LONG,
    ),
    (
        TRAINING,
        {"artifacts": [{"sha256": b"s" * 32, "name": "a\x07"}]},
        "artifacts[0].name",
        problem.MALFORMED,
    ),
    (
        TRAINING,
        {"signatures": [{"role": 1}] * (PARTY_SIGNATURES_MAX + 1)},
        "signatures",
        problem.TOO_MANY,
    ),
    (USAGE, {"event_time_us": 0}, "event_time_us", problem.MISSING),
    (USAGE, {"event_time_us": -1}, "event_time_us", problem.ABSURD),
    (USAGE, {"event_time_us": TIME_US_MAX + 1}, "event_time_us", problem.ABSURD),
    (USAGE, {"event_time_us": -(2**63)}, "event_time_us", problem.ABSURD),
    *(
        (USAGE, {field: value}, field, reason)
        for field in ("input_tokens", "output_tokens", "tokens")
        for value, reason in (
            (-1, problem.NEGATIVE),
            (-(2**63), problem.NEGATIVE),
            (TOKENS_MAX + 1, problem.ABSURD),
            (2**63 - 1, problem.ABSURD),
        )
    ),
    (
        USAGE,
        {"attributions": [{"asset_id": f"a{n}"} for n in range(ATTRIBUTIONS_MAX + 1)]},
        "attributions",
        problem.TOO_MANY,
    ),
    (
        USAGE,
        {"attributions": [{"asset_id": "a"}, {"asset_id": ""}]},
        "attributions[1].asset_id",
        problem.MISSING,
    ),
    (
        USAGE,
        {"attributions": [{"asset_id": "a b"}]},
        "attributions[0].asset_id",
        problem.BAD_CHARACTERS,
    ),
    (
        USAGE,
        {"attributions": [{"asset_id": "a"}, {"asset_id": "a"}]},
        "attributions",
        problem.MALFORMED,
    ),
    (
        USAGE,
        {
            "attributions": [
                {"asset_id": "a", "parts_per_million": 1_000_000},
                {"asset_id": "b", "parts_per_million": 1},
            ]
        },
        "attributions",
        problem.ABSURD,
    ),
    (USAGE, {"consents": [1, 2, 1]}, "consents", problem.MALFORMED),
    (USAGE, {"consents": [0]}, "consents", problem.MALFORMED),
    (USAGE, {"consents": [99]}, "consents", problem.MALFORMED),
    (USAGE, {"consents": [1, 2, 3, 4, 5, 6, 7, 8, 9]}, "consents", problem.MALFORMED),
    (PAYOUT, {"status": 0}, "status", problem.MISSING),
    (PAYOUT, {"status": 99}, "status", problem.MISSING),
    (PAYOUT, {"method": "x" * 65}, "method", problem.TOO_LONG),
    (PAYOUT, {"method": "a\x00"}, "method", problem.MALFORMED),
)


@pytest.mark.parametrize(("kind", "changes", "field", "reason"), FAULTS)
def test_a_fault_names_field_and_reason(
    kind: Kind, changes: dict[str, Any], field: str, reason: str
) -> None:
    """Each fault alone gives one problem, at position 0, with its field, its reason and words for people."""
    found = list(kind.check(good(kind, **changes), serialize(good(kind, **changes))))

    assert [(item.position, item.field, item.reason) for item in found] == [(0, field, reason)]
    assert found[0].message
    assert reason in problem.REASONS


EDGES: tuple[tuple[Kind, dict[str, Any]], ...] = (
    (TRAINING, {"license": "x" * TEXT_LENGTH_MAX, "notes": "é" * TEXT_LENGTH_MAX}),
    (TRAINING, {"license": "", "notes": "", "evidence": {}, "metadata": {}}),
    (TRAINING, {"artifact_hash": ""}),
    (TRAINING, {"artifacts": []}),
    (TRAINING, {"artifact_hash": "blake3:" + "a0" * 32}),
    (TRAINING, {"artifacts": [{"sha256": b"s" * 32}] * ARTIFACTS_MAX}),
    (TRAINING, {"portion_used_ppm": 0}),
    (TRAINING, {"portion_used_ppm": 1_000_000}),
    (TRAINING, {"training_time_us": 0}),
    (TRAINING, {"training_time_us": TIME_US_MAX}),
    (USAGE, {"event_time_us": 1}),
    (USAGE, {"event_time_us": TIME_US_MAX}),
    (USAGE, {"input_tokens": 0, "output_tokens": 0, "tokens": 0}),
    (USAGE, {"input_tokens": TOKENS_MAX, "output_tokens": TOKENS_MAX, "tokens": TOKENS_MAX}),
    (USAGE, {"attributions": [{"asset_id": f"a{n}"} for n in range(ATTRIBUTIONS_MAX)]}),
    (USAGE, {"attributions": [{"asset_id": "a", "parts_per_million": 1_000_000}]}),
    (USAGE, {"consents": [4, 3, 2, 1]}),
    (PAYOUT, {"method": "x" * 64}),
    (PAYOUT, {"method": "", "tx_ref": "", "metadata": {}}),
)


@pytest.mark.parametrize(("kind", "changes"), EDGES)
def test_the_limits_themselves_are_accepted(kind: Kind, changes: dict[str, Any]) -> None:
    """What just fits is let pass, as is what may be left out."""
    assert faults(kind, good(kind, **changes)) == []


@pytest.mark.parametrize(
    ("kind", "field"),
    [(TRAINING, "evidence"), (TRAINING, "metadata"), (USAGE, "metadata"), (PAYOUT, "metadata")],
)
def test_metadata_is_bounded(kind: Kind, field: str) -> None:
    """Maps have a bound on entries, keys and values, and keys have the alphabet of identifiers."""
    entries = {f"k{n}": "v" for n in range(METADATA_ENTRIES_MAX)}
    long_key, long_text = "k" * METADATA_KEY_LENGTH_MAX, "v" * METADATA_VALUE_LENGTH_MAX
    cases: tuple[tuple[dict[str, str], list[tuple[str, str]]], ...] = (
        (entries, []),
        ({**entries, "more": ""}, [(field, problem.TOO_MANY)]),
        ({long_key: long_text}, []),
        ({long_key + "k": "v"}, [(field, problem.MALFORMED)]),
        ({"": "v"}, [(field, problem.MALFORMED)]),
        ({"a b": "v"}, [(field, problem.MALFORMED)]),
        ({"k": long_text + "v"}, [(f"{field}[k]", problem.TOO_LONG)]),
        ({"k": "\x00"}, [(f"{field}[k]", problem.MALFORMED)]),
        ({"k": "\x7f"}, [(f"{field}[k]", problem.MALFORMED)]),
    )

    for value, wanted in cases:
        assert faults(kind, good(kind, **{field: value})) == wanted, value


def test_a_large_event_is_refused() -> None:
    """An event of more bytes than one may have is refused by its exact bytes, whatever its fields say."""
    body = good(USAGE)
    raw = serialize(body)
    padded = raw + field_varint(6, 30) * ((EVENT_SIZE_BYTES_MAX - len(raw)) // 2)

    assert len(padded) in (EVENT_SIZE_BYTES_MAX - 1, EVENT_SIZE_BYTES_MAX)
    assert USAGE.message.FromString(padded) == body
    assert faults(USAGE, body, padded) == []
    assert faults(USAGE, body, padded + field_varint(6, 30)) == [("events", problem.TOO_LARGE)]


def test_the_verifier_names_every_kind() -> None:
    """The base install, which knows no bodies, calls each kind by its name."""
    assert {kind.number: kind.name for kind in KINDS} == _KINDS
