"""Prices: exact decimals, one model, and shares that do not exceed the whole."""

from __future__ import annotations

from typing import Any

import pytest

from counterfoil.record import PRICE, parse_message, problem
from counterfoil.record.price import _MODELS
from counterfoil.v1 import registry_pb2

from .license_samples import price_of, price_with, told
from .samples import serialize

DAY = registry_pb2.BILLING_PERIOD_DAY
GOOD_MODELS: dict[str, dict[str, Any]] = {
    "per_token": {"input_rate": "0", "output_rate": "0.000000000000000001"},
    "per_call": {"rate": "0.01"},
    "per_training_example": {"rate": "0.0000005"},
    "revenue_share": {"creator_ppm": 700_000, "platform_ppm": 100_000, "host_ppm": 200_000},
    "flat_fee": {"amount": "1000.00", "period": registry_pb2.BILLING_PERIOD_MONTH},
    "floor_plus_usage": {
        "floor": {"amount": "50", "period": registry_pb2.BILLING_PERIOD_YEAR},
        "usage": {"input_rate": "0.0001", "output_rate": "0.0002"},
    },
    "subscription_pool": {"amount": "9" * 18 + "." + "9" * 18, "period": DAY},
}
BAD_AMOUNTS = (
    "-1", "+1", "-0", "01", ".5", "5.", "1,50", "1 000", "1_000", "1e3", "1E-6", "0x10", "NaN", "Infinity",
    "1.50 ", " 1.50", "1.50\n", "1.5€", "\u0661", "\uff11", "1" * 19, "0." + "1" * 19, "1/2", "\x00",
)  # fmt: skip
AMOUNTS: tuple[tuple[str, str], ...] = (
    ("per_token", "input_rate"),
    ("per_token", "output_rate"),
    ("per_call", "rate"),
    ("per_training_example", "rate"),
    ("flat_fee", "amount"),
    ("floor_plus_usage", "floor.amount"),
    ("floor_plus_usage", "usage.input_rate"),
    ("floor_plus_usage", "usage.output_rate"),
    ("subscription_pool", "amount"),
)
PERIODS = (("flat_fee", "period"), ("floor_plus_usage", "floor.period"), ("subscription_pool", "period"))  # fmt: skip


def changed(model: str, path: str, value: Any) -> Any:
    """A price of a model, with another value in one of the model's fields; None leaves it out."""
    first, _, rest = path.partition(".")
    fields = dict(GOOD_MODELS[model])
    if rest:
        fields[first] = {**fields[first], rest: value}
        if value is None:
            del fields[first][rest]
    elif value is None:
        del fields[first]
    else:
        fields[first] = value
    return price_of(model, fields)


def test_every_model_of_the_message_is_checked() -> None:
    """Each field of the oneof has a check and a good example here."""
    fields = {field.name for field in registry_pb2.Price.DESCRIPTOR.oneofs_by_name["model"].fields}

    assert _MODELS.keys() == fields
    assert GOOD_MODELS.keys() == fields


@pytest.mark.parametrize("model", GOOD_MODELS)
def test_a_good_price_has_no_problems(model: str) -> None:
    """An example of each model passes, read back from its bytes."""
    raw = serialize(price_of(model, GOOD_MODELS[model]))

    assert told(PRICE, parse_message(registry_pb2.Price, raw, "body")) == []


@pytest.mark.parametrize(("model", "path"), AMOUNTS)
def test_every_amount_is_an_exact_decimal(model: str, path: str) -> None:
    """Signs, exponents, separators, other digits and more than 18 places are refused; so is an amount left out."""
    wanted = [(f"{model}.{path}", problem.MALFORMED)]

    assert told(PRICE, changed(model, path, None)) == wanted
    for amount in BAD_AMOUNTS:
        assert told(PRICE, changed(model, path, amount)) == wanted, amount
    for amount in ("0", "0.0", "1.50", "9" * 18 + "." + "9" * 18):
        assert told(PRICE, changed(model, path, amount)) == [], amount


@pytest.mark.parametrize(("model", "path"), PERIODS)
def test_every_period_is_stated(model: str, path: str) -> None:
    """An amount for a period says which one, and it is one of those known."""
    wanted = [(f"{model}.{path}", problem.MISSING)]

    assert told(PRICE, changed(model, path, None)) == wanted
    assert told(PRICE, changed(model, path, 99)) == wanted
    assert told(PRICE, changed(model, path, DAY)) == []


@pytest.mark.parametrize("field", ["monthly_cap", "minimum_payout"])
def test_bounds_of_payment_are_exact_decimals(field: str) -> None:
    """Cap and minimum may be left out; what is given is an exact decimal."""
    assert told(PRICE, price_with(**{field: None})) == []
    assert told(PRICE, price_with(**{field: "0.000000000000000001"})) == []
    for amount in BAD_AMOUNTS:
        assert told(PRICE, price_with(**{field: amount})) == [(field, problem.MALFORMED)], amount


@pytest.mark.parametrize(
    ("shares", "reason"),
    [
        ((1_000_000, 0, 0), ""),
        ((0, 1, 0), ""),
        ((333_333, 333_333, 333_334), ""),
        ((0, 0, 0), problem.MISSING),
        ((1_000_001, 0, 0), problem.ABSURD),
        ((1_000_000, 0, 1), problem.ABSURD),
        ((500_000, 500_000, 1), problem.ABSURD),
        # A sum that would come out small in 32 bits.
        ((2**31, 2**31, 1), problem.ABSURD),
        ((2**32 - 1, 2**32 - 1, 2**32 - 1), problem.ABSURD),
    ],
)
def test_shares_do_not_exceed_the_whole(shares: tuple[int, int, int], reason: str) -> None:
    """Parts of a revenue sum to a million at most, and to something."""
    names = ("creator_ppm", "platform_ppm", "host_ppm")
    body = price_of("revenue_share", dict(zip(names, shares, strict=True)))

    assert told(PRICE, body) == ([("revenue_share", reason)] if reason else [])


def test_a_price_has_a_model() -> None:
    """A price without a model is refused; of two in one message the last one counts, as protobuf has it."""
    assert told(PRICE, price_with(per_token=None)) == [("model", problem.MISSING)]
    two = serialize(price_of("per_call", {"rate": "x"})) + serialize(price_of("per_call", {}))
    assert told(PRICE, registry_pb2.Price.FromString(two)) == [("per_call.rate", problem.MALFORMED)]


def test_an_empty_model_is_refused() -> None:
    """Each model without any of its fields is refused."""
    for model in GOOD_MODELS:
        assert told(PRICE, price_of(model, {})), model


@pytest.mark.parametrize(
    "currency", ["", "EU", "EURO", "eur", "Eur", "E R", "12A", "€€€", "\uff25\uff35\uff32", "EUR\n"]
)
def test_other_currencies_of_prices_are_refused(currency: str) -> None:
    """A currency is three capital letters."""
    assert told(PRICE, price_with(currency=currency)) == [("currency", problem.MALFORMED)]


def test_identifiers_of_a_price_are_checked() -> None:
    """A price has an id; its creator may be left out, and neither has other characters."""
    assert told(PRICE, price_with(price_id="")) == [("price_id", problem.MISSING)]
    assert told(PRICE, price_with(creator_id="", replaces="")) == []
    for field in ("price_id", "creator_id", "replaces"):
        assert told(PRICE, price_with(**{field: "a b"})) == [(field, problem.BAD_CHARACTERS)]
        assert told(PRICE, price_with(**{field: "x" * 129})) == [(field, problem.TOO_LONG)]


def test_a_price_is_listed_under_what_it_names() -> None:
    """Prices are found by id and by creator; each is known by its request id."""
    assert dict(PRICE.terms(price_with())) == {"price_id": "price:1", "creator_id": "creator_42"}
    assert PRICE.identity("r-9", price_with()) == "r-9"
