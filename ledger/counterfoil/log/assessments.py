"""What was said about an entry: the assessment stands right behind the batch that the entry came in."""

from typing import NamedTuple

from counterfoil.errors import IntegrityError, OutOfRange
from counterfoil.log.nodes import find_part
from counterfoil.log.read import read_entry
from counterfoil.record import ASSESSMENT
from counterfoil.record.assessment import verdict_of
from counterfoil.store import Snapshot
from counterfoil.v1 import assessment_pb2


class Said(NamedTuple):
    """The verdict on an entry, and where it stands in the log."""

    assessment_index: int
    verdict: assessment_pb2.Verdict


def read_said(snapshot: Snapshot, index: int) -> Said | None:
    """What was said about an entry of the log; None when nothing was.

    Raises:
        IntegrityError: what is stored contradicts itself.
    """
    head = find_part(snapshot, index).head
    behind = head.first + head.count
    try:
        entry = read_entry(snapshot, behind)
    except OutOfRange:
        return None
    if entry.kind is not ASSESSMENT:
        return None
    said = assessment_pb2.Assessment.FromString(entry.body)
    if said.count != head.count:
        told = f"assessment {behind} is about {said.count} entries, behind a batch of {head.count}"
        raise IntegrityError(told, index=behind)
    return Said(behind, verdict_of(said, index - head.first))
