"""Proofs out of the store, each verified before it leaves.

Nodes are stored without checksums. A rotted one would make a proof that no client accepts: not a lie, but a wrong
answer. So every proof is checked here against the root that was signed, and a rotted node becomes an IntegrityError.
"""

from collections.abc import Callable
from functools import cached_property

from counterfoil.errors import IntegrityError, OutOfRange, VerificationError
from counterfoil.log.layout import CHECKPOINT, index_key, parse_index_key, unseal
from counterfoil.log.nodes import Nodes, find_part, read_leaf_hashes
from counterfoil.log.state import read_state
from counterfoil.note import parse_checkpoint_text
from counterfoil.store import Snapshot
from counterfoil.tlog import (
    ReadNode,
    prove_consistency,
    prove_inclusion,
    prove_range,
    tree_root,
    verify_consistency,
    verify_inclusion,
    verify_range,
)


class Prover:
    """Makes proofs from one snapshot, for any tree that the log ever had."""

    def __init__(self, snapshot: Snapshot) -> None:
        """Prove from a snapshot, and no longer than it is open."""
        self._snapshot = snapshot

    @cached_property
    def _read(self) -> ReadNode:
        """Proofs about neighbours share most of their nodes; whoever asks for a checkpoint needs none."""
        return Nodes(self._snapshot).read

    @property
    def size(self) -> int:
        """The size of the newest tree."""
        return read_state(self._snapshot).size

    def checkpoint(self, size: int | None = None) -> tuple[int, bytes]:
        """The size and note of the newest checkpoint, or of the oldest one that covers ``size`` leaves.

        Raises:
            OutOfRange: the log is not that long.
            IntegrityError: the one that was signed for these leaves is damaged or gone.
        """
        found_size, note = self._find_checkpoint(size)
        if size:
            self._check_oldest(size, found_size)
        return found_size, note

    def _find_checkpoint(self, size: int | None) -> tuple[int, bytes]:
        """The same by the keys alone: where one has rotted, the checkpoint behind it is found."""
        start = b"" if size is None else index_key(size)
        found = self._snapshot.scan(CHECKPOINT, start=start, limit=1, reverse=size is None)
        for key, value in found:
            found_size = parse_index_key(key)[0]
            return found_size, unseal(value, f"checkpoint of size {found_size}")
        raise OutOfRange(f"no checkpoint covers {size} entries", size=self.size)

    def _check_oldest(self, size: int, found_size: int) -> None:
        """All leaves of a commit have one time, and no other commit has it: so the commit of the last leaf ended there."""
        if size < found_size:
            last, found = (find_part(self._snapshot, at - 1) for at in (size, found_size))
            if last.head.time_us != found.head.time_us:
                told = f"the checkpoint of entry {size - 1} is damaged; run fsck"
                raise IntegrityError(told, index=size - 1)

    def inclusion(self, index: int, size: int) -> tuple[bytes, list[bytes]]:
        """The leaf hash at an index, and its inclusion proof in the tree of a size."""
        self._check_size(size)
        proof = prove_inclusion(index, size, self._read)
        leaf = read_leaf_hashes(self._snapshot, index, index + 1)[0]
        root = self._signed_root(size)
        self._check(lambda: verify_inclusion(index, size, leaf, proof, root), index)
        return leaf, proof

    def range(self, begin: int, end: int, size: int) -> list[bytes]:
        """The range proof of the entries [begin, end) in the tree of a size."""
        self._check_size(size)
        proof = prove_range(begin, end, size, self._read)
        leaves = read_leaf_hashes(self._snapshot, begin, end)
        root = self._signed_root(size)
        self._check(lambda: verify_range(begin, end, size, leaves, proof, root), begin)
        return proof

    def consistency(self, old_size: int, new_size: int) -> list[bytes]:
        """That the tree of one size is a prefix of that of another."""
        self._check_size(new_size)
        proof = prove_consistency(old_size, new_size, self._read)
        if old_size:
            old, new = self._signed_root(old_size), self._signed_root(new_size)
            self._check(lambda: verify_consistency(old_size, new_size, old, new, proof), None)
        return proof

    def _signed_root(self, size: int) -> bytes:
        """The root of a size above 0: from a checkpoint of that size, or computed and shown to lead to a signed one."""
        # Any checkpoint of this size or beyond will do: the tree is shown to lead to it.
        signed_size, note = self._find_checkpoint(size)
        signed = self._parse(note, signed_size)
        if signed_size == size:
            return signed
        root = tree_root(size, self._read)
        proof = prove_consistency(size, signed_size, self._read)
        self._check(lambda: verify_consistency(size, signed_size, root, signed, proof), None)
        return root

    def _parse(self, note: bytes, size: int) -> bytes:
        try:
            _, stated, root = parse_checkpoint_text(note.decode().partition("\n\n")[0] + "\n")
        except (VerificationError, UnicodeDecodeError) as error:
            raise IntegrityError(f"the checkpoint of size {size} is damaged; run fsck") from error
        if stated != size:
            raise IntegrityError(f"the checkpoint of size {size} is damaged; run fsck")
        return root

    def _check(self, verify: Callable[[], None], index: int | None) -> None:
        try:
            verify()
        except VerificationError as error:
            told = "the stored tree does not lead to the root that was signed; run fsck"
            raise IntegrityError(told, index=index) from error

    def _check_size(self, size: int) -> None:
        if not 0 <= size <= self.size:
            told = f"there is no tree of size {size}; the log has {self.size} entries"
            raise OutOfRange(told, size=self.size)
