"""Checks of amounts, rates and currencies: money is an exact decimal in text, and a float never touches it."""

import re
from collections.abc import Iterator

from counterfoil.record import problem
from counterfoil.record.problem import Problem

# Up to 18 digits before the point and 18 after it; no sign, no exponent, no leading zeros.
_AMOUNT = re.compile(r"(0|[1-9][0-9]{0,17})(\.[0-9]{1,18})?")
_CURRENCY = re.compile(r"[A-Z]{3}")


def check_amount(value: str, field: str, *, required: bool = True) -> Iterator[Problem]:
    """Problems of an amount of money, or of a rate: not an exact decimal, or negative.

    One that need not be stated may be empty.
    """
    if not _AMOUNT.fullmatch(value) and (value or required):
        told = f'{field} must be an exact decimal such as "1.50", not negative'
        yield Problem(0, field, problem.MALFORMED, told)


def check_currency(value: str, field: str) -> Iterator[Problem]:
    """Problems of a currency: it has the form of an ISO 4217 code, or it is refused."""
    if not _CURRENCY.fullmatch(value):
        told = f"{field} must be three capital letters (ISO 4217)"
        yield Problem(0, field, problem.MALFORMED, told)
