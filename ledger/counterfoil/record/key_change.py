"""Kind 11: from this entry on another key signs. Written by the log itself, when an operator rotates a key."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from counterfoil.entry import KIND_KEY_CHANGE
from counterfoil.errors import VerificationError
from counterfoil.keys import Verifier
from counterfoil.limits import TIME_US_MAX, TREE_SIZE_MAX
from counterfoil.record import problem
from counterfoil.record.kind import Kind, by_request_id
from counterfoil.record.problem import Problem
from counterfoil.record.text import check_text
from counterfoil.v1 import key_change_pb2

PURPOSES: Final[Mapping[str, int]] = {
    name.removeprefix("KEY_PURPOSE_").lower(): number
    for name, number in key_change_pb2.KeyPurpose.items()
    if number
}
"""What keys are for, by the name that people use."""


def _check(body: Any, _raw: bytes) -> Iterator[Problem]:
    if body.purpose not in PURPOSES.values():
        yield Problem(0, "purpose", problem.MISSING, "purpose must say what the keys are for")
    names = set()
    for field in ("retired_vkey", "new_vkey"):
        try:
            names.add(Verifier.parse(getattr(body, field)).name)
        except VerificationError as error:
            yield Problem(0, field, problem.MALFORMED, f"{field}: {error}")
    if len(names) == 2 or body.retired_vkey == body.new_vkey:
        told = "a change is from one key to another of the same name"
        yield Problem(0, "new_vkey", problem.MALFORMED, told)
    for field, largest in (("overlap_entries", TREE_SIZE_MAX), ("overlap_us", TIME_US_MAX)):
        if not 0 <= getattr(body, field) <= largest:
            yield Problem(0, field, problem.ABSURD, f"{field} must be 0 to {largest}")
    yield from check_text(body.reason, "reason")


def _terms(body: Any) -> Mapping[str, str]:
    return {"purpose": str(body.purpose)}


KEY_CHANGE = Kind(
    number=KIND_KEY_CHANGE,
    name="key_change",
    id_prefix="kc",
    message=key_change_pb2.KeyChange,
    check=_check,
    terms=_terms,
    identity=by_request_id,
)
