"""What a verified receipt says, whatever form it came in, and the checks that all forms share."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, NoReturn

from counterfoil.errors import VerificationError
from counterfoil.note import Checkpoint, Policy

INCLUDED = "included"
WITNESSED = "witnessed"


@dataclass(frozen=True, slots=True)
class VerifiedReceipt:
    """A receipt whose every claim was checked. Only verification makes one.

    Attributes:
        form: ``receipt``, ``batch-receipt``, ``tlog-proof``, ``jwt`` or ``json``.
        first_index, count: the entries it speaks of: ``count`` of them from ``first_index`` on.
        kind: the kind in their leaves. time_us: the log's time in them, microseconds since 1970.
        leaf_hashes: one for each entry.
        records: the exact bytes of the Records; empty where the record was redacted.
        checkpoint: the signed tree that holds them.
        states: ``included``, and ``witnessed`` when a quorum of the policy's witnesses cosigned.
    """

    form: str
    first_index: int
    count: int
    kind: int
    time_us: int
    leaf_hashes: Sequence[bytes]
    records: Sequence[bytes]
    checkpoint: Checkpoint
    states: tuple[str, ...]

    @property
    def index(self) -> int:
        """The index of the first entry."""
        return self.first_index

    @property
    def origin(self) -> str:
        """The log that signed."""
        return self.checkpoint.origin

    @property
    def size(self) -> int:
        """The tree size of the checkpoint."""
        return self.checkpoint.size


def as_policy(policy: Policy | str) -> Policy:
    """A policy as it is, or that which trusts the one log with this verifier key."""
    return policy if isinstance(policy, Policy) else Policy.trust(policy)


@lru_cache(maxsize=64)
def check_checkpoint(policy: Policy, note: bytes) -> Checkpoint:
    """The checkpoint in a note that satisfies the policy.

    A group commit signs once for many receipts, so the same note comes again and again; failures are not kept.

    Raises:
        VerificationError: bad signature, or the policy is not met.
        UnverifiableError: no log of the policy signed it.
    """
    return policy.check(note)


def states_of(checkpoint: Checkpoint) -> tuple[str, ...]:
    """What a checkpoint that met the policy lets us say."""
    return (INCLUDED, WITNESSED) if checkpoint.witnessed else (INCLUDED,)


def single_field(
    fields: dict[int, list[int | bytes]], number: int, default: int | bytes
) -> int | bytes:
    """The only value of a field, or its default.

    Raises:
        VerificationError: the field is repeated or of another type.
    """
    values = fields.pop(number, [])
    if len(values) > 1:
        raise VerificationError(f"field {number} is repeated")
    value = values[0] if values else default
    if type(value) is not type(default):
        raise VerificationError(f"field {number} has the wrong type")
    return value


def parse_json_object(data: bytes, name: str) -> dict[str, Any]:
    """A JSON object in UTF-8, read so that no two readers of JSON can see two things in it.

    Readers disagree about other encodings, about a name that is repeated, about ``-0``, and about constants such as
    ``NaN`` that Python knows and JSON does not (RFC 8259 sections 4, 6 and 8.1): there must be none of these.

    Raises:
        VerificationError: it is no such object.
    """
    try:
        value = json.loads(
            data.decode(),
            object_pairs_hook=_unique_names,
            parse_int=_parse_integer,
            parse_constant=_refuse_constant,
        )
    except (ValueError, RecursionError) as error:
        raise VerificationError(f"{name} is not JSON: {error}") from error
    if not isinstance(value, dict):
        raise VerificationError(f"{name} is not a JSON object")
    return value


def _unique_names(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    document = dict(pairs)
    if len(document) != len(pairs):
        raise VerificationError("a JSON object repeats a name")
    return document


def _parse_integer(text: str) -> int:
    if text == "-0":
        raise VerificationError("a JSON number is -0")
    return int(text)


def _refuse_constant(text: str) -> NoReturn:
    raise VerificationError(f"{text} is not JSON")


def byte_fields(fields: dict[int, list[int | bytes]], number: int) -> tuple[bytes, ...]:
    """All values of a repeated bytes field.

    Raises:
        VerificationError: one of them is a number.
    """
    return tuple(_only_bytes(fields.pop(number, []), number))


def _only_bytes(values: Iterable[int | bytes], number: int) -> Iterable[bytes]:
    for value in values:
        if not isinstance(value, bytes):
            raise VerificationError(f"field {number} has the wrong type")
        yield value
