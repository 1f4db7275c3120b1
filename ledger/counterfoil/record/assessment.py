"""Kind 10: what the ledger knew about usage or training when it came in, logged right behind it.

The server writes these, nobody submits them. Verdicts are about prices and consents of a time; the entries that they
are about stay exactly as they were sent, so that a submitter can check its receipt without knowing the verdict.
"""

import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from counterfoil.entry import KIND_ASSESSMENT
from counterfoil.record import problem
from counterfoil.record.kind import Kind, by_request_id
from counterfoil.record.problem import Problem
from counterfoil.v1 import assessment_pb2
from counterfoil.wire import element_bytes, field_bytes, field_varint

_NUMBER_SIZE: Final = 2


@dataclass(frozen=True, slots=True)
class Verdicts:
    """What is to be said of the records of a batch.

    Attributes:
        as_of_size: the size of the log that the registry was read at. count: of the records.
        distinct: ``Verdict`` messages in wire form, each of some record.
        numbers: for each record the place of its verdict among them, unsigned 16-bit, little-endian; empty when there is
            only one.
    """

    as_of_size: int
    count: int
    distinct: Sequence[bytes]
    numbers: bytes = b""

    def number_of(self, position: int) -> int:
        """The place of a record's verdict."""
        return _number_at(self.numbers, position)

    def at(self, positions: Sequence[int]) -> "Verdicts":
        """What is to be said of the records at some positions alone; what none of them has is left out."""
        told = [self.number_of(position) for position in positions]
        kept = {number: at for at, number in enumerate(dict.fromkeys(told))}
        packed = struct.pack(f"<{len(told)}H", *(kept[number] for number in told))
        return Verdicts(
            self.as_of_size,
            len(told),
            [self.distinct[number] for number in kept],
            packed if len(kept) > 1 else b"",
        )


def format_assessment(verdicts: Verdicts) -> bytes:
    """The body, in wire form."""
    return b"".join(
        (
            field_varint(1, verdicts.count),
            field_varint(2, verdicts.as_of_size),
            *(element_bytes(3, verdict) for verdict in verdicts.distinct),
            field_bytes(4, verdicts.numbers),
        )
    )


def verdict_of(body: assessment_pb2.Assessment, position: int) -> assessment_pb2.Verdict:
    """The verdict of one of the entries that an assessment is about, counted from the first of them."""
    return body.verdicts[_number_at(body.verdict_numbers, position)]


def _number_at(numbers: bytes, position: int) -> int:
    """The number of a record's verdict; 0 where there are no numbers, because all have the only one."""
    begin = _NUMBER_SIZE * position
    return int.from_bytes(numbers[begin : begin + _NUMBER_SIZE], "little")


def _check(body: Any, _raw: bytes) -> Iterator[Problem]:
    if body.count < 1:
        yield Problem(0, "count", problem.MISSING, "an assessment is about one entry at least")
    if body.as_of_size < 1:
        yield Problem(0, "as_of_size", problem.MISSING, "as_of_size is the size of a log")
    if not body.verdicts:
        yield Problem(0, "verdicts", problem.MISSING, "an assessment has a verdict")
    packed = body.verdict_numbers
    if packed and len(packed) != _NUMBER_SIZE * body.count:
        told = "verdict_numbers has two bytes for each entry"
        yield Problem(0, "verdict_numbers", problem.MALFORMED, told)
    elif not packed and len(body.verdicts) > 1:
        told = "with several verdicts each entry has a number"
        yield Problem(0, "verdict_numbers", problem.MISSING, told)
    elif packed:
        numbers = struct.unpack(f"<{body.count}H", packed)
        if set(numbers) != set(range(len(body.verdicts))):
            told = "verdict_numbers names a verdict that is not there, or none names one that is"
            yield Problem(0, "verdict_numbers", problem.MALFORMED, told)


ASSESSMENT = Kind(
    number=KIND_ASSESSMENT,
    name="assessment",
    id_prefix="va",
    message=assessment_pb2.Assessment,
    check=_check,
    terms=lambda _body: {},
    identity=by_request_id,
)
