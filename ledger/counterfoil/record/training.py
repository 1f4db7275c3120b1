"""Kind 2: proof of training. It shows who said what, when, and that nothing was changed since; not that it is true."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from counterfoil.entry import KIND_TRAINING
from counterfoil.errors import VerificationError
from counterfoil.keys import KEY_TYPE_ED25519, Verifier
from counterfoil.limits import (
    PARTS_PER_MILLION,
    PARTY_SIGNATURES_MAX,
    TIME_US_MAX,
)
from counterfoil.record import problem
from counterfoil.record.artifacts import check_artifacts
from counterfoil.record.kind import Kind, by_request_id
from counterfoil.record.problem import Problem
from counterfoil.record.text import check_id, check_metadata, check_text
from counterfoil.v1 import record_pb2
from counterfoil.wire import parse_fields

SIGNED_LINE = b"counterfoil.v1/proof-of-training\n"
_SIGNATURES = record_pb2.ProofOfTraining.SIGNATURES_FIELD_NUMBER
_HASH = re.compile(r"(sha256|blake3):[0-9a-f]{64}")


def signed_bytes(body: bytes) -> bytes:
    """What the parties of a training sign: a line of context, then the body without its signatures.

    Raises:
        VerificationError: something follows the signatures, or the body is malformed.
    """
    end = len(body)
    for number, _value, start in parse_fields(body):
        if number == _SIGNATURES:
            end = min(end, start)
        elif end != len(body):
            raise VerificationError("signatures must come last in the body")
    return SIGNED_LINE + body[:end]


def _check(body: Any, raw: bytes) -> Iterator[Problem]:
    yield from check_id(body.dataset_id, "dataset_id")
    yield from check_id(body.creator_id, "creator_id")
    yield from check_id(body.model_id, "model_id")
    yield from check_text(body.license, "license")
    yield from check_text(body.notes, "notes")
    yield from check_metadata(body.evidence, "evidence")
    yield from check_metadata(body.metadata, "metadata")
    if body.artifact_hash and not _HASH.fullmatch(body.artifact_hash):
        told = "artifact_hash must be sha256: or blake3: and 64 lower-case hexadecimal digits"
        yield Problem(0, "artifact_hash", problem.MALFORMED, told)
    if not body.artifact_hash and not body.artifacts:
        told = "give artifact_hash or at least one artifact, so that the record points at content"
        yield Problem(0, "artifact_hash", problem.MISSING, told)
    if body.portion_used_ppm > PARTS_PER_MILLION:
        told = f"portion_used_ppm is at most {PARTS_PER_MILLION}"
        yield Problem(0, "portion_used_ppm", problem.ABSURD, told)
    if not 0 <= body.training_time_us <= TIME_US_MAX:
        told = "training_time_us is microseconds since 1970, up to the year 9999"
        yield Problem(0, "training_time_us", problem.ABSURD, told)
    yield from check_artifacts(body.artifacts, "artifacts")
    yield from _check_signatures(body, raw)


def _check_signatures(body: Any, raw: bytes) -> Iterator[Problem]:
    if len(body.signatures) > PARTY_SIGNATURES_MAX:
        told = f"{len(body.signatures)} signatures; at most {PARTY_SIGNATURES_MAX} are allowed"
        yield Problem(0, "signatures", problem.TOO_MANY, told)
        return
    for at, signature in enumerate(body.signatures):
        where = f"signatures[{at}]"
        if signature.role not in record_pb2.PartyRole.values() or not signature.role:
            yield Problem(0, f"{where}.role", problem.MISSING, f"{where} must say whose it is")
        try:
            message = signed_bytes(raw)
            party = Verifier("party", KEY_TYPE_ED25519, signature.public_key)
            party.verify(message, signature.signature)
        except VerificationError as error:
            told = f"{where} does not verify: {error}"
            yield Problem(0, f"{where}.signature", problem.BAD_SIGNATURE, told)


def _terms(body: Any) -> Mapping[str, str]:
    return {
        "creator_id": body.creator_id,
        "model_id": body.model_id,
        "dataset_id": body.dataset_id,
    }


TRAINING = Kind(
    number=KIND_TRAINING,
    name="training",
    id_prefix="pt",
    message=record_pb2.ProofOfTraining,
    check=_check,
    terms=_terms,
    identity=by_request_id,
)
