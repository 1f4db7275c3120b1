"""Payouts: exact decimals, currencies and periods in one spelling each."""

from __future__ import annotations

import random
from decimal import Decimal

import pytest

from counterfoil.record import PAYOUT, problem

from .samples import faults, good

SEED = 20260806


@pytest.mark.parametrize(
    "amount",
    [
        "0",
        "1",
        "1.5",
        "1.50",
        "0.000000000000000001",
        "9" * 18,
        "9" * 18 + "." + "9" * 18,
        "0.0",
        "10",
    ],
)
def test_exact_decimals_are_amounts(amount: str) -> None:
    """Up to 18 digits before the point and 18 behind it make an amount."""
    assert faults(PAYOUT, good(PAYOUT, amount=amount)) == []


@pytest.mark.parametrize(
    "amount",
    [
        "", "-1", "+1", "-0", "01", "00", "00.5", ".5", "5.", "1..5", "1.5.0", "1,50", "1 000", "1_000",
        "1e3", "1E3", "0x10", "NaN", "Infinity", "inf", "1.50 ", " 1.50", "1.50\n", "1.5€", "\u0661", "\uff11",
        "1" * 19, "0." + "1" * 19, "1" * 400, "--1", "1/2", "½", "\x00", "null",
    ],
)  # fmt: skip
def test_other_numbers_are_no_amounts(amount: str) -> None:
    """Signs, exponents, leading zeros, separators, other digits and too many digits are refused."""
    assert faults(PAYOUT, good(PAYOUT, amount=amount)) == [("amount", problem.MALFORMED)]


def test_an_amount_is_read_by_decimal_without_loss() -> None:
    """Every accepted amount, at random, is an exact decimal that prints as it was sent."""
    chance = random.Random(SEED)
    for _ in range(300):
        whole = str(chance.randrange(10 ** chance.randrange(1, 19)))
        digits = chance.randrange(19)
        amount = whole + ("." + "".join(chance.choices("0123456789", k=digits)) if digits else "")
        assert faults(PAYOUT, good(PAYOUT, amount=amount)) == [], (SEED, amount)
        assert format(Decimal(amount), "f") == amount, (SEED, amount)


@pytest.mark.parametrize(
    "currency", ["", "EU", "EURO", "eur", "Eur", "E R", "12A", "€€€", "\uff25\uff35\uff32", "EUR\n"]
)
def test_other_currencies_are_refused(currency: str) -> None:
    """A currency is three capital letters."""
    assert faults(PAYOUT, good(PAYOUT, currency=currency)) == [("currency", problem.MALFORMED)]


@pytest.mark.parametrize(
    "period", ["2024", "2024-02", "2024-12", "2024-02-29", "0000", "9999-12-31"]
)
def test_years_months_and_days_are_periods(period: str) -> None:
    """A period is a year, a month or a day."""
    assert faults(PAYOUT, good(PAYOUT, period=period)) == []


@pytest.mark.parametrize(
    "period",
    [
        "", "24", "20240", "2024-2", "2024-00", "2024-13", "2024-02-00", "2024-02-32", "2024-02-1",
        "2024/02", "2024-02-", "2024-", "-2024", "2024-Q1", "2024-W01", "2024-02-29T00", " 2024", "2024\n",
        "\u0662\u0660\u0662\u0664", "2024-02-29-01", "latest",
    ],
)  # fmt: skip
def test_other_periods_are_refused(period: str) -> None:
    """Other spellings of dates, quarters and weeks are refused."""
    assert faults(PAYOUT, good(PAYOUT, period=period)) == [("period", problem.MALFORMED)]


def test_several_faults_are_all_told() -> None:
    """A payout with many faults has a problem for each."""
    body = good(
        PAYOUT, creator_id="", amount="-1", currency="x", period="x", status=0, tx_ref="a b"
    )

    assert sorted(faults(PAYOUT, body)) == [
        ("amount", problem.MALFORMED),
        ("creator_id", problem.MISSING),
        ("currency", problem.MALFORMED),
        ("period", problem.MALFORMED),
        ("status", problem.MISSING),
        ("tx_ref", problem.BAD_CHARACTERS),
    ]
