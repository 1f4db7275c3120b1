"""Which checkpoints a log's key is good for: those of the sizes from its first to its last, its *cut-off*."""

from __future__ import annotations

from dataclasses import dataclass

from counterfoil.errors import VerificationError
from counterfoil.keys import Verifier
from counterfoil.limits import TREE_SIZE_MAX
from counterfoil.note.lines import parse_decimal


@dataclass(frozen=True)
class KeySizes:
    """A key of a log, and the tree sizes whose checkpoints it may sign.

    Attributes:
        verifier: The key.
        first: The smallest size.
        last: The largest size: the cut-off of a key that was retired, else TREE_SIZE_MAX.
    """

    verifier: Verifier
    first: int = 0
    last: int = TREE_SIZE_MAX

    @classmethod
    def parse(cls, verifier: Verifier, text: str) -> KeySizes:
        """Read "FIRST-LAST"; LAST is left out when the key is not retired.

        Raises:
            VerificationError: If it is written otherwise, or no size lies between the two.
        """
        first, dash, last = text.partition("-")
        if not dash:
            raise VerificationError("sizes are written FIRST-LAST or FIRST-")
        sizes = cls(verifier, parse_decimal(first), parse_decimal(last) if last else TREE_SIZE_MAX)
        if sizes.first > sizes.last:
            raise VerificationError("sizes end before they begin")
        return sizes

    @property
    def text(self) -> str:
        """The sizes as parse reads them."""
        return f"{self.first}-{self.last if self.is_retired else ''}"

    @property
    def is_retired(self) -> bool:
        """Whether the key has a cut-off."""
        return self.last < TREE_SIZE_MAX

    def hold(self, size: int) -> bool:
        """Return whether the key may sign a checkpoint of this size."""
        return self.first <= size <= self.last

    def check(self, size: int) -> None:
        """Refuse a checkpoint of a size that this key may not have signed.

        Raises:
            VerificationError: If it is before the first size or beyond the cut-off.
        """
        if not self.hold(size):
            raise VerificationError(
                f"checkpoint of size {size} is signed by {self.verifier.vkey}, "
                f"which is good for sizes {self.text}"
            )
