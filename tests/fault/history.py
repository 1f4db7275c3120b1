"""The judge of second histories: a client that remembers every checkpoint it was ever shown."""

from __future__ import annotations

import itertools

from counterfoil.errors import CounterfoilError
from counterfoil.log.nodes import Nodes
from counterfoil.log.state import read_state
from counterfoil.note import parse_checkpoint
from counterfoil.store import Snapshot
from counterfoil.tlog import prove_consistency, verify_consistency


class Journal:
    """Checkpoints of one log, by size, from wherever they came.

    Attributes:
        roots: the root that was signed for each size seen.
        forks: what contradicts it, one line each; empty as long as there is one history.
    """

    def __init__(self, vkey: str) -> None:
        self.vkey = vkey
        self.roots: dict[int, bytes] = {}
        self.forks: list[str] = []

    def saw(self, note: bytes) -> int:
        """Remember a checkpoint, which must be the log's; its size."""
        checkpoint = parse_checkpoint(note, [self.vkey])
        if self.roots.setdefault(checkpoint.size, checkpoint.root_hash) != checkpoint.root_hash:
            self.forks.append(f"two trees of size {checkpoint.size} were signed")
        return checkpoint.size

    def compare(self, snapshot: Snapshot) -> None:
        """Ask a store for consistency proofs between all checkpoints seen, and up to its newest tree."""
        sizes = sorted(self.roots)
        if sizes[-1] > read_state(snapshot).size:
            self.forks.append(f"a tree of size {sizes[-1]} was signed, and its entries are gone")
            return
        read = Nodes(snapshot).read
        for old, new in itertools.pairwise(sizes):
            try:
                proof = prove_consistency(old, new, read)
                verify_consistency(old, new, self.roots[old], self.roots[new], proof)
            except CounterfoilError as error:
                self.forks.append(f"size {old} does not lead to size {new}: {error}")
