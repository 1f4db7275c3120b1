"""Entries that were read: each spoiled field and each missing entry is seen."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import pytest

from counterfoil.errors import VerificationError
from counterfoil.note import Checkpoint
from counterfoil.v1.log_service_pb2 import Entry
from counterfoil_client.entries import check_entries, check_entry

from .toy_log import ToyLog

LOG = ToyLog()
for _size in (1, 4, 1, 7, 3):
    LOG.append([f"body {_size} {at}".encode() for at in range(_size)])
SIZE = len(LOG.hashes)
CHECKPOINT = LOG.policy.check(LOG.checkpoint())


class Prover:
    """Gives proofs and counts them."""

    def __init__(self) -> None:
        self.asked: list[int] = []

    def __call__(self, indexes: Sequence[int], size: int) -> list[list[bytes]]:
        """The proofs."""
        self.asked += indexes
        return [LOG.prove_inclusion(index, size) for index in indexes]


def entries(*indexes: int) -> list[Entry]:
    """Some entries."""
    return [LOG.entry(index) for index in indexes]


@pytest.mark.parametrize(
    ("indexes", "proofs"),
    [
        (range(SIZE), [15]),
        ([0], [0]),
        ([4, 5, 6], [6]),
        ([1, 3, 4, 9], [1, 4, 9]),
        ([], []),
    ],
)
def test_a_run_without_gaps_costs_one_proof(indexes: Sequence[int], proofs: list[int]) -> None:
    """Honest entries pass, and only the last of each run is proven."""
    prove = Prover()

    check_entries(entries(*indexes), CHECKPOINT, prove)

    assert prove.asked == proofs


@pytest.mark.parametrize("indexes", [[3, 2], [4, 4], [0, 5, 1]])
def test_entries_out_of_order_are_refused(indexes: list[int]) -> None:
    """Indexes have to rise."""
    with pytest.raises(VerificationError):
        check_entries(entries(*indexes), CHECKPOINT, Prover())


def flipped(name: str) -> Callable[[Entry], object]:
    """Change one bit of a bytes field."""

    def spoil(entry: Entry) -> None:
        data = bytearray(getattr(entry, name))
        data[len(data) // 2] ^= 1
        setattr(entry, name, bytes(data))

    return spoil


SPOILS: list[Callable[[Entry], object]] = [
    flipped("leaf"),
    flipped("salt"),
    flipped("record"),
    lambda entry: setattr(entry, "kind", 2),
    lambda entry: setattr(entry, "time_us", entry.time_us + 1),
    lambda entry: entry.ClearField("salt"),
    lambda entry: entry.ClearField("record"),
    lambda entry: entry.ClearField("leaf"),
    lambda entry: entry.CopyFrom(Entry(index=entry.index)),
]


@pytest.mark.parametrize("spoil", range(len(SPOILS)))
@pytest.mark.parametrize("place", [0, 2, 4])
def test_a_spoiled_entry_is_seen_wherever_it_stands(spoil: int, place: int) -> None:
    """First, middle or last of a run: one changed field is refused."""
    run = entries(4, 5, 6, 7, 8)
    SPOILS[spoil](run[place])

    with pytest.raises(VerificationError):
        check_entries(run, CHECKPOINT, Prover())


@pytest.mark.parametrize("place", [0, 1, 2])
def test_an_entry_in_the_place_of_another_is_seen(place: int) -> None:
    """A good entry under another index is refused."""
    run = entries(4, 5, 6)
    stranger = LOG.entry(9)
    stranger.index = run[place].index
    run[place].CopyFrom(stranger)

    with pytest.raises(VerificationError):
        check_entries(run, CHECKPOINT, Prover())


def test_entries_of_another_history_are_seen() -> None:
    """A whole run that is consistent in itself, but not in the signed tree, is refused."""
    other = ToyLog()
    for size in (1, 4, 1, 7, 3):
        other.append([f"other {size} {at}".encode() for at in range(size)])

    with pytest.raises(VerificationError):
        check_entries([other.entry(index) for index in range(SIZE)], CHECKPOINT, Prover())


@pytest.mark.parametrize(
    "checkpoint",
    [replace(CHECKPOINT, root_hash=bytes(32)), replace(CHECKPOINT, size=SIZE - 1)],
    ids=["root", "size"],
)
def test_the_tree_is_the_one_of_the_checkpoint(checkpoint: Checkpoint) -> None:
    """Another root or size refuses entries that are good in the real tree."""
    with pytest.raises(VerificationError):
        check_entries(entries(3, 4), checkpoint, Prover())


def test_a_redacted_entry_is_checked_by_its_leaf() -> None:
    """Without record and salt the leaf and its place still verify."""
    run = entries(4, 5, 6)
    run[1].ClearField("record")
    run[1].ClearField("salt")

    check_entries(run, CHECKPOINT, Prover())

    assert check_entry(run[1]) == LOG.hashes[5]
