"""TrainingService: recording, reading, and every fault of a proof of training."""

from __future__ import annotations

from typing import Any

import grpc
import pytest
from nacl.signing import SigningKey

from counterfoil.entry import parse_record
from counterfoil.receipt import verify_receipt
from counterfoil.record.training import SIGNED_LINE
from counterfoil.v1 import record_pb2, training_service_pb2

from .edge import HASH, Edge, exact, expect_invalid, fresh, now_us, refused, training

ARTIFACT = record_pb2.Artifact
YEAR_10000_US = 253_402_300_800 * 1_000_000
SIGNER = SigningKey(bytes(range(32)))

FAULTS: list[tuple[dict[str, Any], str, str]] = [
    *(
        ({field: value}, field, reason)
        for field in ("dataset_id", "creator_id", "model_id")
        for value, reason in (
            ("", "FIELD_MISSING"),
            ("x" * 129, "FIELD_TOO_LONG"),
            ("a b", "ID_CHARACTERS"),
            ("id\u202e", "ID_CHARACTERS"),
        )
    ),
    ({"artifact_hash": ""}, "artifact_hash", "FIELD_MISSING"),
    ({"artifact_hash": "md5:" + "ab" * 16}, "artifact_hash", "FIELD_MALFORMED"),
    ({"artifact_hash": HASH.upper()}, "artifact_hash", "FIELD_MALFORMED"),
    ({"artifact_hash": HASH[:-1]}, "artifact_hash", "FIELD_MALFORMED"),
    ({"artifact_hash": HASH + "\n"}, "artifact_hash", "FIELD_MALFORMED"),
    ({"artifacts": [ARTIFACT(sha256=bytes(31))]}, "artifacts[0].sha256", "FIELD_MALFORMED"),
    ({"artifacts": [ARTIFACT(blake3=bytes(33))]}, "artifacts[0].blake3", "FIELD_MALFORMED"),
    ({"artifacts": [ARTIFACT(name="n")]}, "artifacts[0].sha256", "FIELD_MISSING"),
    (
        {"artifacts": [ARTIFACT(sha256=bytes(32)), ARTIFACT(sha256=bytes(32), size_bytes=-1)]},
        "artifacts[1].size_bytes",
        "QUANTITY_NEGATIVE",
    ),
    (
        {"artifacts": [ARTIFACT(sha256=bytes(32), name="n" * 513)]},
        "artifacts[0].name",
        "FIELD_TOO_LONG",
    ),
    ({"artifacts": [ARTIFACT(sha256=bytes(32))] * 1001}, "artifacts", "TOO_MANY"),
    ({"evidence": {f"k{at}": "v" for at in range(33)}}, "evidence", "TOO_MANY"),
    ({"evidence": {"k": "v" * 513}}, "evidence[k]", "FIELD_TOO_LONG"),
    ({"metadata": {"": "v"}}, "metadata", "FIELD_MALFORMED"),
    ({"license": "l" * 4097}, "license", "FIELD_TOO_LONG"),
    ({"notes": "n" * 4097}, "notes", "FIELD_TOO_LONG"),
    ({"notes": "bell\a"}, "notes", "FIELD_MALFORMED"),
    ({"portion_used_ppm": 1_000_001}, "portion_used_ppm", "QUANTITY_ABSURD"),
    ({"training_time_us": -1}, "training_time_us", "QUANTITY_ABSURD"),
    ({"training_time_us": YEAR_10000_US + 1}, "training_time_us", "QUANTITY_ABSURD"),
]


def signed(body: record_pb2.ProofOfTraining, **fields: Any) -> record_pb2.ProofOfTraining:
    """The training with the signature of a party; keywords replace fields of the PartySignature."""
    given = {
        "role": record_pb2.PARTY_ROLE_MODEL_HOST,
        "public_key": bytes(SIGNER.verify_key),
        "signature": SIGNER.sign(SIGNED_LINE + exact(body)).signature,
    }
    whole = record_pb2.ProofOfTraining()
    whole.CopyFrom(body)
    whole.signatures.add(**(given | fields))
    return whole


def test_a_training_is_logged_byte_for_byte_with_a_receipt(edge: Edge) -> None:
    """The receipt that answers RecordTraining verifies offline, and its record holds the body that was sent."""
    body = training(
        artifacts=[ARTIFACT(name="part-0", size_bytes=7, sha256=bytes(32), blake3=bytes(32))],
        evidence={"slice": "first-1k-rows-hash"},
        license="CC-BY-4.0",
        portion_used_ppm=1_000_000,
        notes=fresh() + "\tline\nline é",
        metadata={"team": "a"},
        training_time_us=now_us(),
    )
    before = edge.size()

    answer = edge.train(body, request_id=fresh("req"))

    assert (answer.index, answer.duplicate) == (before, False)
    assert edge.size() == before + 1
    verified = verify_receipt(answer.receipt, edge.vkey)
    assert (verified.index, verified.kind, verified.time_us) == (before, 2, answer.time_us)
    assert verified.states == ("included",)
    stored = parse_record(verified.records[0])
    assert record_pb2.ProofOfTraining.FromString(stored.body) == body
    assert stored.submitter == "host_1"
    assert edge.entry(before).record == verified.records[0]
    assert edge.entry(before).id == answer.training_id


def test_a_training_is_found_by_its_id(edge: Edge) -> None:
    """GetTraining gives what was recorded, by whom, under which request_id, and when."""
    body, request_id = training(notes=fresh()), fresh("req")
    answer = edge.train(body, "host_7", request_id)

    request = training_service_pb2.GetTrainingRequest(training_id=answer.training_id)
    found = edge.training.GetTraining(request).training

    assert found.training == body
    assert (found.training_id, found.index) == (answer.training_id, answer.index)
    assert (found.submitter, found.request_id) == ("host_7", request_id)
    assert found.time_us == answer.time_us


def test_only_the_whole_id_of_a_training_finds_it(edge: Edge) -> None:
    """An id with another tag, of another kind, a bare index and nonsense find no training."""
    known = edge.train().training_id
    prefix, index, tag = known.split("_")
    wrong = [
        "",
        index,
        f"{prefix}_{index}",
        f"{prefix}_{index}_{'0' * 8 if tag != '0' * 8 else '1' * 8}",
        f"pay_{index}_{tag}",
        f"{prefix}_{int(index) + 10**9}_{tag}",
        f"{prefix}_{2**63}_{tag}",
        known + " ",
        edge.pay().payout_id,
        edge.entry(0).id,
        "x" * 10_000,
    ]

    for name in wrong:
        request = training_service_pb2.GetTrainingRequest(training_id=name)
        fault = refused(lambda request=request: edge.training.GetTraining(request))  # type: ignore[misc]
        assert (fault.code, fault.reason) == (grpc.StatusCode.NOT_FOUND, "NOT_FOUND"), name
        assert len(fault.message) < 200, "a refusal quotes no long input"


@pytest.mark.parametrize(("fields", "field", "reason"), FAULTS)
def test_a_bad_training_is_refused_by_its_field(
    edge: Edge, fields: dict[str, Any], field: str, reason: str
) -> None:
    """Each rule of a proof of training names the field that breaks it, and nothing is logged."""
    before = edge.size()
    expect_invalid(lambda: edge.train(training(**fields)), f"training.{field}", reason)
    assert edge.size() == before


@pytest.mark.parametrize("field", ["submitter", "request_id"])
@pytest.mark.parametrize(
    ("value", "reason"), [("x" * 129, "FIELD_TOO_LONG"), ("a b", "ID_CHARACTERS")]
)
def test_a_bad_name_around_a_training_is_refused(
    edge: Edge, field: str, value: str, reason: str
) -> None:
    """Submitter and request_id are identifiers like all others."""
    names: dict[str, Any] = {"submitter": "host_1", "request_id": ""} | {field: value}
    expect_invalid(lambda: edge.train(**names), field, reason)


def test_a_training_without_submitter_is_refused(edge: Edge) -> None:
    """Somebody must have said it."""
    expect_invalid(lambda: edge.train(submitter=""), "submitter", "FIELD_MISSING")


def test_a_training_above_256_kib_is_refused(edge: Edge) -> None:
    """A body that is too large is refused by its size."""
    body = training(notes=fresh())
    data = exact(body) + exact(record_pb2.ProofOfTraining(notes="n" * 4000)) * 70
    request = b"\x0a\x06host_1\x1a" + _length(data) + data
    path = "/counterfoil.v1.TrainingService/RecordTraining"
    expect_invalid(lambda: edge.raw(path, request), "training", "TOO_LARGE")


def _length(data: bytes) -> bytes:
    number, out = len(data), bytearray()
    while number >= 0x80:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes((*out, number))


def test_the_signatures_of_other_parties_are_logged_when_they_verify(edge: Edge) -> None:
    """A training with a party's good signature is logged with it."""
    body = signed(training(notes=fresh()))
    answer = edge.train(body)
    stored = parse_record(verify_receipt(answer.receipt, edge.vkey).records[0])
    assert record_pb2.ProofOfTraining.FromString(stored.body).signatures == body.signatures


@pytest.mark.parametrize(
    ("fields", "field", "reason"),
    [
        ({"signature": bytes(64)}, "signatures[0].signature", "SIGNATURE_INVALID"),
        ({"signature": b""}, "signatures[0].signature", "SIGNATURE_INVALID"),
        ({"public_key": bytes(32)}, "signatures[0].signature", "SIGNATURE_INVALID"),
        ({"public_key": b"short"}, "signatures[0].signature", "SIGNATURE_INVALID"),
        (
            {"signature": SIGNER.sign(exact(training())).signature},
            "signatures[0].signature",
            "SIGNATURE_INVALID",
        ),
        ({"role": 0}, "signatures[0].role", "FIELD_MISSING"),
    ],
    ids=["zeros", "empty", "low-order-key", "short-key", "without-context", "no-role"],
)
def test_a_party_signature_that_does_not_verify_refuses_the_training(
    edge: Edge, fields: dict[str, Any], field: str, reason: str
) -> None:
    """Nothing is logged under the name of a party that did not sign these very bytes."""
    before = edge.size()
    body = signed(training(notes=fresh()), **fields)
    expect_invalid(lambda: edge.train(body), f"training.{field}", reason)
    assert edge.size() == before


def test_a_party_signature_covers_the_whole_training(edge: Edge) -> None:
    """A training that was changed after a party signed it is refused."""
    body = signed(training(notes=fresh()))
    body.notes += "!"
    expect_invalid(
        lambda: edge.train(body), "training.signatures[0].signature", "SIGNATURE_INVALID"
    )


def test_a_role_that_is_unknown_is_refused(edge: Edge) -> None:
    """A party must have one of the roles that the API knows."""
    body = signed(training(notes=fresh()), role=99)
    expect_invalid(lambda: edge.train(body), "training.signatures[0].role", "FIELD_MISSING")
