"""Kind 5: a creator, a person or company whose works are used. Names for people, references for payment, consents."""

from collections.abc import Iterator, Mapping
from typing import Any

from counterfoil.entry import KIND_CREATOR
from counterfoil.limits import NAME_LENGTH_MAX
from counterfoil.record import problem
from counterfoil.record.change import Change, listed_under
from counterfoil.record.kind import Kind, by_request_id
from counterfoil.record.problem import Problem
from counterfoil.record.text import check_id, check_metadata, check_text
from counterfoil.v1 import record_pb2, registry_pb2


def _check(body: Any, _raw: bytes) -> Iterator[Problem]:
    yield from check_id(body.creator_id, "creator_id")
    yield from check_id(body.replaces, "replaces", required=False)
    yield from check_text(body.display_name, "display_name", length_max=NAME_LENGTH_MAX)
    yield from check_id(body.payout_account_ref, "payout_account_ref", required=False)
    if body.kyc_status not in registry_pb2.KycStatus.values():
        yield Problem(0, "kyc_status", problem.MALFORMED, "kyc_status is none of those known")
    known = set(record_pb2.Consent.values()) - {record_pb2.CONSENT_UNSPECIFIED}
    if not set(body.consents) <= known:
        yield Problem(0, "consents", problem.MALFORMED, "a consent is none of those known")
    elif len(set(body.consents)) != len(body.consents):
        yield Problem(0, "consents", problem.MALFORMED, "a consent is listed twice")
    yield from check_metadata(body.metadata, "metadata")


def _terms(body: Any) -> Mapping[str, str]:
    return {"creator_id": body.creator_id}


def _change(body: Any) -> Change:
    return Change(
        kind=KIND_CREATOR,
        object_id=body.creator_id,
        id_field="creator_id",
        replaces=body.replaces,
        owner=body.creator_id,
        listed=listed_under({}),
    )


CREATOR = Kind(
    number=KIND_CREATOR,
    name="creator",
    id_prefix="cr",
    message=registry_pb2.Creator,
    check=_check,
    terms=_terms,
    identity=by_request_id,
    change=_change,
)
