"""PayoutService: recording, reading, and every fault of a payout."""

from __future__ import annotations

from typing import Any

import grpc
import pytest

from counterfoil.entry import parse_record
from counterfoil.receipt import verify_receipt
from counterfoil.v1 import payout_service_pb2, record_pb2

from .edge import Edge, expect_invalid, fresh, payout, refused

FAULTS: list[tuple[dict[str, Any], str, str]] = [
    ({"creator_id": ""}, "creator_id", "FIELD_MISSING"),
    ({"creator_id": "x" * 129}, "creator_id", "FIELD_TOO_LONG"),
    ({"creator_id": "a b"}, "creator_id", "ID_CHARACTERS"),
    ({"tx_ref": "a\nb"}, "tx_ref", "ID_CHARACTERS"),
    ({"method": "m" * 65}, "method", "FIELD_TOO_LONG"),
    ({"method": "\x00"}, "method", "FIELD_MALFORMED"),
    ({"metadata": {"k": "v" * 513}}, "metadata[k]", "FIELD_TOO_LONG"),
    *(
        ({"amount": amount}, "amount", "FIELD_MALFORMED")
        for amount in (
            *("", "-1.00", "+1.00", "1e3", "1,50", "01.50", ".50", "1.", "NaN", "Infinity", "0x10"),
            *("1" * 19, "0." + "1" * 19, "1.5 ", "1.5\n", "\u0661.50"),
        )
    ),
    *(
        ({"currency": currency}, "currency", "FIELD_MALFORMED")
        for currency in ("", "eur", "EU", "EURO", "E R", "EUR\n", "ÉUR")
    ),
    *(
        ({"period": period}, "period", "FIELD_MALFORMED")
        for period in (
            "",
            "2026-13",
            "2026-00",
            "2026-1",
            "26-01",
            "2026-01-32",
            "2026/01",
            "2026-01\n",
        )
    ),
    ({"status": 0}, "status", "FIELD_MISSING"),
    ({"status": 99}, "status", "FIELD_MISSING"),
]


def test_a_payout_is_logged_with_a_receipt_and_found_by_its_id(edge: Edge) -> None:
    """The receipt verifies offline, the record holds the payout as it was sent, and GetPayout gives it back."""
    body = payout(
        amount="0.000000000000000001",
        method="ACH",
        tx_ref=fresh("tx"),
        metadata={"run": "7"},
    )
    request_id = fresh("req")

    answer = edge.pay(body, request_id=request_id)

    verified = verify_receipt(answer.receipt, edge.vkey)
    assert (verified.index, verified.kind, verified.time_us) == (answer.index, 4, answer.time_us)
    assert record_pb2.Payout.FromString(parse_record(verified.records[0]).body) == body
    request = payout_service_pb2.GetPayoutRequest(payout_id=answer.payout_id)
    found = edge.payout.GetPayout(request).payout
    assert found.payout == body
    assert (found.payout_id, found.index, found.time_us, found.submitter, found.request_id) == (
        answer.payout_id,
        answer.index,
        answer.time_us,
        "bank_1",
        request_id,
    )


def test_only_the_whole_id_of_a_payout_finds_it(edge: Edge) -> None:
    """An id with another tag, of another kind, or a bare index finds no payout."""
    known = edge.pay().payout_id
    _, index, tag = known.split("_")
    other_tag = "0" * 8 if tag != "0" * 8 else "1" * 8
    for name in (
        "",
        index,
        f"pay_{index}_{other_tag}",
        f"pt_{index}_{tag}",
        edge.train().training_id,
    ):
        request = payout_service_pb2.GetPayoutRequest(payout_id=name)
        fault = refused(lambda request=request: edge.payout.GetPayout(request))  # type: ignore[misc]
        assert (fault.code, fault.reason) == (grpc.StatusCode.NOT_FOUND, "NOT_FOUND"), name


@pytest.mark.parametrize(("fields", "field", "reason"), FAULTS)
def test_a_bad_payout_is_refused_by_its_field(
    edge: Edge, fields: dict[str, Any], field: str, reason: str
) -> None:
    """Each rule of a payout names the field that breaks it, and nothing is logged."""
    before = edge.size()
    expect_invalid(lambda: edge.pay(payout(**fields)), f"payout.{field}", reason)
    assert edge.size() == before


@pytest.mark.parametrize(
    ("field", "value", "reason"),
    [
        ("submitter", "", "FIELD_MISSING"),
        ("submitter", "x" * 129, "FIELD_TOO_LONG"),
        ("request_id", "a b", "ID_CHARACTERS"),
    ],
)
def test_a_bad_name_around_a_payout_is_refused(
    edge: Edge, field: str, value: str, reason: str
) -> None:
    """Submitter and request_id are identifiers like all others."""
    names: dict[str, Any] = {"submitter": "bank_1", "request_id": ""} | {field: value}
    expect_invalid(lambda: edge.pay(**names), field, reason)


@pytest.mark.parametrize("amount", ["0", "0.00", "1", "123456789012345678.123456789012345678"])
@pytest.mark.parametrize("period", ["2026", "2026-12", "2026-12-31"])
def test_amounts_and_periods_are_kept_as_they_are_written(
    edge: Edge, amount: str, period: str
) -> None:
    """Every exact decimal and every form of a period comes back digit for digit."""
    answer = edge.pay(payout(amount=amount, period=period, tx_ref=fresh("tx")))
    request = payout_service_pb2.GetPayoutRequest(payout_id=answer.payout_id)
    found = edge.payout.GetPayout(request).payout.payout
    assert (found.amount, found.period) == (amount, period)
