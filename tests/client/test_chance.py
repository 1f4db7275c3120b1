"""Names and pauses: fresh where they must be, repeatable where they may be."""

from __future__ import annotations

import uuid

import pytest

from counterfoil_client.chance import Backoff, new_id


def test_ids_are_uuids_of_version_4() -> None:
    """Every new id is the text of a random UUID, and no two are alike."""
    ids = [new_id() for _ in range(2000)]

    assert len(set(ids)) == len(ids)
    for text in ids:
        parsed = uuid.UUID(text)
        assert (str(parsed), parsed.version, parsed.variant) == (text, 4, uuid.RFC_4122)


def test_every_free_bit_of_an_id_varies() -> None:
    """No bit but those of version and variant is always the same."""
    numbers = [uuid.UUID(new_id()).int for _ in range(500)]
    always = ~0
    never = ~0
    for number in numbers:
        always &= number
        never &= ~number
    fixed = (always | never) & (1 << 128) - 1

    assert fixed == 0xF << 76 | 0x3 << 62


def test_pauses_with_a_seed_are_repeatable() -> None:
    """The same seed gives the same pauses, another seed others."""
    first, same, other = (Backoff(0.1, 10.0, seed) for seed in (7, 7, 8))

    pauses = [first.next_s() for _ in range(20)]

    assert [same.next_s() for _ in range(20)] == pauses
    assert [other.next_s() for _ in range(20)] != pauses


@pytest.mark.parametrize("seed", range(10))
def test_pauses_stay_below_a_ceiling_that_doubles(seed: int) -> None:
    """Pause n is at most twice the ceiling of the one before, and never above the last ceiling."""
    backoff = Backoff(0.5, 4.0, seed)

    pauses = [backoff.next_s() for _ in range(8)]

    ceilings = [0.5, 1.0, 2.0, 4.0, 4.0, 4.0, 4.0, 4.0]
    for pause, ceiling in zip(pauses, ceilings, strict=True):
        assert 0.0 <= pause <= ceiling, f"seed {seed}"


def test_success_begins_again_with_short_pauses() -> None:
    """After a reset the first ceiling holds."""
    backoff = Backoff(0.001, 1000.0, 3)
    for _ in range(25):
        backoff.next_s()

    backoff.reset()

    assert backoff.next_s() <= 0.001
