"""GetReceipt: every form of the receipt of every kind of entry, by index and by id, verified offline."""

from __future__ import annotations

import json
from typing import Any

import grpc
import jwt
import pytest

from counterfoil.errors import UnverifiableError, VerificationError
from counterfoil.receipt import verify_receipt
from counterfoil.v1 import log_service_pb2

from .edge import OTHER_KEY, Edge, event, expect_invalid, refused

FORMS: dict[int, tuple[str, str]] = {
    log_service_pb2.RECEIPT_FORMAT_BINARY: ("receipt", "application/octet-stream"),
    log_service_pb2.RECEIPT_FORMAT_TLOG_PROOF: ("tlog-proof", "text/plain; charset=utf-8"),
    log_service_pb2.RECEIPT_FORMAT_JWT: ("jwt", "application/jwt"),
    log_service_pb2.RECEIPT_FORMAT_JSON: ("json", "application/json"),
    log_service_pb2.RECEIPT_FORMAT_BATCH: ("batch-receipt", "application/octet-stream"),
}


def ask(edge: Edge, name: object, form: int = 0) -> Any:
    """GetReceipt."""
    return edge.log.GetReceipt(log_service_pb2.GetReceiptRequest(id=str(name), format=form))  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def indexes(edge: Edge) -> dict[str, int]:
    """One entry of each kind; the usage event stands in the middle of a batch."""
    return {
        "genesis": 0,
        "training": edge.train().index,
        "usage": edge.append([event(metadata={"k": "v"}) for _ in range(9)]).first_index + 4,
        "payout": edge.pay().index,
    }


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("kind", ["genesis", "training", "usage", "payout"])
def test_every_form_of_receipt_verifies_offline(
    edge: Edge, indexes: dict[str, int], kind: str, form: int
) -> None:
    """A receipt by index and by id is the same bytes, verifies with the log's key alone, and holds the record."""
    index = indexes[kind]
    entry = edge.entry(index)

    answer = ask(edge, index, form)

    name, media_type = FORMS[form]
    assert (answer.index, answer.media_type) == (index, media_type)
    assert ask(edge, entry.id, form) == answer
    verified = verify_receipt(answer.receipt, edge.vkey)
    assert (verified.form, verified.kind, verified.states) == (name, entry.kind, ("included",))
    assert verified.first_index <= index < verified.first_index + verified.count
    assert verified.records[index - verified.first_index] == entry.record
    assert verified.time_us == entry.time_us


@pytest.mark.parametrize("form", FORMS)
def test_a_receipt_stays_the_same_while_the_log_grows(
    edge: Edge, indexes: dict[str, int], form: int
) -> None:
    """A receipt that is asked for later is byte for byte the one of before."""
    before = ask(edge, indexes["usage"], form)
    edge.append([event() for _ in range(3)])
    assert ask(edge, indexes["usage"], form) == before


@pytest.mark.parametrize("form", FORMS)
def test_a_receipt_with_one_changed_byte_does_not_verify(
    edge: Edge, indexes: dict[str, int], form: int
) -> None:
    """Whatever byte of a receipt is changed, verification fails: nothing in it goes unchecked."""
    good = ask(edge, indexes["training"], form).receipt
    verify_receipt(good, edge.vkey)
    for at in range(len(good)):
        changed = bytearray(good)
        changed[at] ^= 1
        with pytest.raises(VerificationError):
            verify_receipt(bytes(changed), edge.vkey)


@pytest.mark.parametrize("form", FORMS)
def test_a_receipt_is_nothing_to_who_trusts_another_log(
    edge: Edge, indexes: dict[str, int], form: int
) -> None:
    """With another verifier key it cannot be told whether a receipt is good."""
    with pytest.raises(UnverifiableError):
        verify_receipt(ask(edge, indexes["training"], form).receipt, OTHER_KEY)


def test_binary_is_the_form_when_none_is_asked_for(edge: Edge) -> None:
    """Without a format GetReceipt gives what RecordTraining answered."""
    recorded = edge.train()
    assert ask(edge, recorded.training_id).receipt == recorded.receipt


def test_the_batch_form_is_the_answer_of_the_batch_with_its_records(edge: Edge) -> None:
    """The batch receipt of any of its events begins with the bytes that answered AppendUsage."""
    answer = edge.append([event() for _ in range(5)])
    for at in range(5):
        kept = ask(edge, answer.first_index + at, log_service_pb2.RECEIPT_FORMAT_BATCH).receipt
        assert kept.startswith(answer.receipts[0])
        assert verify_receipt(kept, edge.vkey).count == 5


def test_the_jwt_shows_the_record_to_any_jwt_library(edge: Edge, indexes: dict[str, int]) -> None:
    """Header and claims are those of a common signed token, with the record as JSON in it."""
    token = ask(edge, indexes["training"], log_service_pb2.RECEIPT_FORMAT_JWT).receipt.decode()
    header = jwt.get_unverified_header(token)
    claims = jwt.decode(token, options={"verify_signature": False})
    assert (header["alg"], header["typ"]) == ("EdDSA", "counterfoil-receipt+jwt")
    assert claims["iss"] == edge.info().origin
    assert claims["sub"] == edge.entry(indexes["training"]).id
    assert claims["index"] == indexes["training"]
    assert claims["payload"]["dataset_id"] == "ds_1"


def test_the_json_form_is_json(edge: Edge, indexes: dict[str, int]) -> None:
    """The JSON form is one document on one line."""
    text = ask(edge, indexes["payout"], log_service_pb2.RECEIPT_FORMAT_JSON).receipt
    assert text.count(b"\n") == 1
    assert json.loads(text)["index"] == indexes["payout"]


def test_what_names_no_entry_finds_no_receipt(edge: Edge, indexes: dict[str, int]) -> None:
    """Wrong tags, other prefixes, indexes beyond the log and nonsense are NOT_FOUND in every form."""
    prefix, index, tag = edge.entry(indexes["training"]).id.split("_")
    wrong = [
        "",
        " ",
        "-1",
        "+1",
        "1.0",
        "\u0661",
        edge.size(),
        2**63,
        "9" * 19,
        "9" * 20,
        f"{prefix}_{index}_{'0' * 8 if tag != '0' * 8 else '1' * 8}",
        f"ev_{index}_{tag}",
        f"pay_{index}_{tag}",
        f"{prefix}_{index}",
        f"{prefix}_{index}_{tag.upper()}" if tag.upper() != tag else f"{prefix}_{index}_",
        f"{prefix}_{2**63}_{tag}",
        "x" * 100_000,
    ]
    for name in wrong:
        for form in (0, *FORMS):
            fault = refused(lambda name=name, form=form: ask(edge, name, form))  # type: ignore[misc]
            assert (fault.code, fault.reason) == (grpc.StatusCode.NOT_FOUND, "NOT_FOUND"), name
            assert len(fault.message) < 300, "a refusal quotes no long input"


@pytest.mark.parametrize("form", [6, 99, -1])
def test_an_unknown_form_is_refused(edge: Edge, form: int) -> None:
    """A number that is no form is named as a bad format, not answered in another one."""
    expect_invalid(lambda: ask(edge, 0, form), "format", "FIELD_MALFORMED")
