"""The error tree."""

from __future__ import annotations

import inspect

import pytest

from counterfoil import errors


def error_classes() -> list[type[BaseException]]:
    """Every class that the module defines."""
    members = inspect.getmembers(errors, inspect.isclass)
    return [value for _, value in members if issubclass(value, BaseException)]


@pytest.mark.parametrize("cls", error_classes())
def test_every_error_has_the_common_root(cls: type[BaseException]) -> None:
    """Whoever catches CounterfoilError catches every error of the module."""
    assert issubclass(cls, errors.CounterfoilError)


@pytest.mark.parametrize("cls", error_classes())
def test_every_error_is_in_the_drawing(cls: type[BaseException]) -> None:
    """The module docstring shows the whole tree."""
    assert errors.__doc__ is not None
    assert cls.__name__ in errors.__doc__


def test_unverifiable_is_a_failed_verification() -> None:
    """Evidence that cannot be judged is never taken for good by someone who catches failures."""
    assert issubclass(errors.UnverifiableError, errors.VerificationError)


@pytest.mark.parametrize("cls", [ValueError, TypeError, KeyError, LookupError, OSError])
def test_no_error_is_a_builtin_one(cls: type[BaseException]) -> None:
    """No error passes for one that Python raises by itself."""
    assert [error for error in error_classes() if issubclass(error, cls)] == []


def test_attributes_are_kept() -> None:
    """What programs need is on the error, and the message is the message."""
    invalid = errors.InvalidInput("no", field="a.b", reason="WHY", position=3)
    conflict = errors.Conflict("other", field="a", original_index=7)

    assert (
        str(invalid),
        invalid.field,
        invalid.reason,
        invalid.position,
    ) == ("no", "a.b", "WHY", 3)
    assert (str(conflict), conflict.field, conflict.original_index) == ("other", "a", 7)
    assert errors.OutOfRange("far", size=5).size == 5
    assert errors.Busy("wait", retry_after_s=0.5).retry_after_s == 0.5
    assert errors.IntegrityError("broken", index=9).index == 9
    assert errors.IntegrityError("broken").index is None
    assert errors.InvalidInput("no", field="a", reason="WHY").position is None
