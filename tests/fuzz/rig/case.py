"""One case of the comparison: what is shown to every verifier, and what is known of it."""

from __future__ import annotations

import base64
from collections.abc import Iterable
from typing import NamedTuple

INCLUSION = "inclusion"
CONSISTENCY = "consistency"
RANGE = "range"
NOTE = "note"
RECEIPT = "receipt"
BATCH = "batch"


class Case(NamedTuple):
    """Facts and evidence, as text that every language can split.

    Attributes:
        kind: one of the names above, or the form of a receipt.
        fields: numbers in decimal, bytes in base64, lists as ``.item.item`` in base64.
        good: whether the evidence is good: known from how the case was made, never from a verifier.
        rule: the rule that ``good`` follows from.
        differ: the verifiers of which it is known, and written down, that they judge this rule the other way.
    """

    kind: str
    fields: tuple[str, ...]
    good: bool
    rule: str
    differ: frozenset[str] = frozenset()

    @property
    def line(self) -> bytes:
        """The case as one line of the protocol."""
        return "\t".join((self.kind, *self.fields)).encode() + b"\n"

    def expected_of(self, verifier: str) -> bool:
        """What a verifier must say."""
        return self.good != (verifier in self.differ)


def encode(data: bytes) -> str:
    """Bytes for a line."""
    return base64.b64encode(data).decode()


def encode_all(items: Iterable[bytes]) -> str:
    """A list for a line."""
    return "".join(f".{encode(item)}" for item in items)
