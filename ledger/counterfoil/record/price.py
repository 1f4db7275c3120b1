"""Kind 9: a price: what use costs, declared. The arithmetic is done where statements are made."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from counterfoil.entry import KIND_PRICE
from counterfoil.limits import PARTS_PER_MILLION
from counterfoil.record import problem
from counterfoil.record.agreed import price_change
from counterfoil.record.kind import Kind, by_request_id
from counterfoil.record.money import check_amount, check_currency
from counterfoil.record.problem import Problem
from counterfoil.record.text import check_id
from counterfoil.v1 import registry_pb2


def _check(body: Any, _raw: bytes) -> Iterator[Problem]:
    yield from check_id(body.price_id, "price_id")
    yield from check_id(body.replaces, "replaces", required=False)
    yield from check_id(body.creator_id, "creator_id", required=False)
    yield from check_currency(body.currency, "currency")
    model = body.WhichOneof("model")
    if model is None:
        told = "a price has one model, such as per_token or flat_fee"
        yield Problem(0, "model", problem.MISSING, told)
    else:
        yield from _MODELS[model](getattr(body, model), model)
    yield from check_amount(body.monthly_cap, "monthly_cap", required=False)
    yield from check_amount(body.minimum_payout, "minimum_payout", required=False)


def _check_rate(model: Any, field: str) -> Iterator[Problem]:
    yield from check_amount(model.rate, f"{field}.rate")


def _check_per_token(model: Any, field: str) -> Iterator[Problem]:
    yield from check_amount(model.input_rate, f"{field}.input_rate")
    yield from check_amount(model.output_rate, f"{field}.output_rate")


def _check_fee(model: Any, field: str) -> Iterator[Problem]:
    yield from check_amount(model.amount, f"{field}.amount")
    if not model.period or model.period not in registry_pb2.BillingPeriod.values():
        told = f"{field}.period must say for how long the amount is: a day, a month or a year"
        yield Problem(0, f"{field}.period", problem.MISSING, told)


def _check_floor(model: Any, field: str) -> Iterator[Problem]:
    yield from _check_fee(model.floor, f"{field}.floor")
    yield from _check_per_token(model.usage, f"{field}.usage")


def _check_shares(model: Any, field: str) -> Iterator[Problem]:
    whole = model.creator_ppm + model.platform_ppm + model.host_ppm
    if not whole:
        yield Problem(0, field, problem.MISSING, f"{field} must give somebody a part")
    elif whole > PARTS_PER_MILLION:
        told = f"{field} sums to {whole}, more than {PARTS_PER_MILLION} parts per million"
        yield Problem(0, field, problem.ABSURD, told)


# One row for each field of the oneof in the message.
_MODELS: Final[Mapping[str, Callable[[Any, str], Iterator[Problem]]]] = {
    "per_token": _check_per_token,
    "per_call": _check_rate,
    "per_training_example": _check_rate,
    "revenue_share": _check_shares,
    "flat_fee": _check_fee,
    "floor_plus_usage": _check_floor,
    "subscription_pool": _check_fee,
}


def _terms(body: Any) -> Mapping[str, str]:
    return {name: getattr(body, name) for name in ("price_id", "creator_id")}


PRICE = Kind(
    number=KIND_PRICE,
    name="price",
    id_prefix="pr",
    message=registry_pb2.Price,
    check=_check,
    terms=_terms,
    identity=by_request_id,
    change=price_change,
)
