"""LogService: info, checkpoint, entries and proofs, checked against a tree that the test builds by itself."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations_with_replacement

import grpc
import pytest

from counterfoil.entry import NO_PREVIOUS, commitment, parse_leaf, parse_record
from counterfoil.errors import UnverifiableError, VerificationError
from counterfoil.note import parse_checkpoint
from counterfoil.tlog import leaf_hash, root_hash, verify_consistency, verify_inclusion
from counterfoil.v1 import log_service_pb2, record_pb2

from ..support.ledger_process import ORIGIN, LedgerProcess
from .edge import OTHER_KEY, Edge, connected, event, refused

GROWTH = 35


@dataclass(frozen=True)
class Small:
    """A log that does not grow any more, all its leaf hashes, and the root of every size."""

    edge: Edge
    hashes: list[bytes]
    roots: list[bytes]

    @property
    def size(self) -> int:
        """How many entries it has."""
        return len(self.hashes)


@pytest.fixture(scope="module")
def small(own_ledger: LedgerProcess) -> Iterator[Small]:
    """A log with batches of several sizes and single records between them."""
    with connected(own_ledger) as edge:
        at = 0
        while edge.size() < GROWTH:
            edge.append([event() for _ in range(at % 5 + 1)])
            edge.train() if at % 2 else edge.pay()
            at += 1
        hashes = [leaf_hash(edge.entry(index).leaf) for index in range(edge.size())]
        yield Small(edge, hashes, [root_hash(hashes[:size]) for size in range(len(hashes) + 1)])


def consistency(edge: Edge, old: int, new: int) -> log_service_pb2.GetConsistencyProofResponse:
    """GetConsistencyProof."""
    request = log_service_pb2.GetConsistencyProofRequest(old_size=old, new_size=new)
    answer: log_service_pb2.GetConsistencyProofResponse = edge.log.GetConsistencyProof(request)
    return answer


def inclusion(edge: Edge, index: int, size: int) -> log_service_pb2.GetInclusionProofResponse:
    """GetInclusionProof."""
    request = log_service_pb2.GetInclusionProofRequest(index=index, tree_size=size)
    answer: log_service_pb2.GetInclusionProofResponse = edge.log.GetInclusionProof(request)
    return answer


def test_the_log_says_who_it_is_and_how_far(small: Small) -> None:
    """GetLogInfo gives origin, key, environment and limits, and the root of just this size."""
    info = small.edge.info()
    assert (info.origin, info.vkey, info.environment) == (ORIGIN, small.edge.vkey, "live")
    assert (info.size, info.root_hash) == (small.size, small.roots[-1])
    assert (info.batch_events_max, info.batch_size_bytes_max) == (10_000, 8 << 20)


def test_the_checkpoint_is_signed_for_this_size_and_root(small: Small) -> None:
    """The newest checkpoint verifies under the log's key and commits to the tree of the entries."""
    checkpoint = parse_checkpoint(small.edge.checkpoint(), [small.edge.vkey])
    assert checkpoint.origin == ORIGIN
    assert (checkpoint.size, checkpoint.root_hash) == (small.size, small.roots[-1])


def test_another_key_does_not_verify_the_checkpoint(small: Small) -> None:
    """A checkpoint is no evidence to somebody who trusts another key."""
    with pytest.raises(UnverifiableError):
        parse_checkpoint(small.edge.checkpoint(), [OTHER_KEY])


def test_every_entry_chains_to_the_one_before_and_opens(small: Small) -> None:
    """Each leaf holds the hash of the leaf before it and the commitment to its record; times never go back."""
    previous, time_us = NO_PREVIOUS, 0
    for index, hashed in enumerate(small.hashes):
        entry = small.edge.entry(index)
        leaf = parse_leaf(entry.leaf)
        assert (entry.index, entry.kind, entry.time_us) == (index, leaf.kind, leaf.time_us)
        assert leaf.previous == previous
        assert leaf.commitment == commitment(entry.salt, entry.record)
        assert leaf.time_us >= time_us
        assert entry.id.split("_")[1:] == [str(index), hashed[:4].hex()]
        previous, time_us = hashed, leaf.time_us


def test_the_first_entry_is_the_genesis(small: Small) -> None:
    """Entry 0 says origin, key and environment of the log."""
    genesis = record_pb2.Genesis.FromString(parse_record(small.edge.entry(0).record).body)
    assert (genesis.origin, list(genesis.vkeys)) == (ORIGIN, [small.edge.vkey])
    assert (genesis.environment, genesis.leaf_version) == (record_pb2.ENVIRONMENT_LIVE, 1)


@pytest.mark.parametrize("beyond", [-1, -(2**63), 0, 1, 2**62, 2**63 - 1])
def test_an_entry_that_is_not_there_is_out_of_range(small: Small, beyond: int) -> None:
    """An index below zero, or at or beyond the size, is OUT_OF_RANGE and the size is told."""
    index = small.size + beyond if 0 <= beyond < 2**62 else beyond
    fault = refused(lambda: small.edge.entry(index))
    assert (fault.code, fault.reason) == (grpc.StatusCode.OUT_OF_RANGE, "OUT_OF_RANGE")
    assert fault.metadata == {"size": str(small.size)}


def test_inclusion_proofs_verify_for_every_index_and_size(small: Small) -> None:
    """Each entry is shown to be in the tree of every size that holds it, and in no other root."""
    for size in range(1, small.size + 1):
        for index in range(size):
            answer = inclusion(small.edge, index, size)
            assert (answer.index, answer.tree_size) == (index, size)
            assert answer.leaf_hash == small.hashes[index]
            proof = list(answer.proof)
            verify_inclusion(index, size, answer.leaf_hash, proof, small.roots[size])
            with pytest.raises(VerificationError):
                verify_inclusion(index, size, answer.leaf_hash, proof, small.roots[size - 1])


def test_consistency_proofs_verify_between_all_sizes(small: Small) -> None:
    """Each tree is shown to be a prefix of every later one; with another old root the proof fails."""
    for old, new in combinations_with_replacement(range(small.size + 1), 2):
        if new == 0:
            continue
        answer = consistency(small.edge, old, new)
        assert (answer.old_size, answer.new_size) == (old, new)
        proof = list(answer.proof)
        verify_consistency(old, new, small.roots[old], small.roots[new], proof)
        with pytest.raises(VerificationError):
            verify_consistency(old, new, bytes(32), small.roots[new], proof)


def test_a_size_of_zero_means_the_newest_tree(small: Small) -> None:
    """Proofs without a tree size are for the newest one."""
    assert inclusion(small.edge, 3, 0) == inclusion(small.edge, 3, small.size)
    assert consistency(small.edge, 3, 0) == consistency(small.edge, 3, small.size)


def test_proofs_beyond_the_log_are_out_of_range(small: Small) -> None:
    """Sizes and indexes that are negative, reversed or not there yet are OUT_OF_RANGE, not an empty proof."""
    end = small.size
    for index, size in (
        (end, 0),
        (end, end),
        (0, end + 1),
        (5, 5),
        (6, 5),
        (-1, 5),
        (0, -1),
        (0, 2**63 - 1),
    ):
        fault = refused(lambda index=index, size=size: inclusion(small.edge, index, size))  # type: ignore[misc]
        assert (fault.code, fault.reason) == (grpc.StatusCode.OUT_OF_RANGE, "OUT_OF_RANGE"), (
            index,
            size,
        )
    for old, new in ((end + 1, 0), (6, 5), (-1, 5), (5, -1), (0, end + 1), (2**63 - 1, 0)):
        fault = refused(lambda old=old, new=new: consistency(small.edge, old, new))  # type: ignore[misc]
        assert (fault.code, fault.reason) == (grpc.StatusCode.OUT_OF_RANGE, "OUT_OF_RANGE"), (
            old,
            new,
        )
