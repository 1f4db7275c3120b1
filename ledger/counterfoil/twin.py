"""The compiled twin of the batch functions, where it was built, and the choice between the two.

Each hot function is written in Python, where it is short and is the reference; :func:`twin_of` puts the compiled function
of the same name in its place when there is one. Both give the same bytes. ``COUNTERFOIL_TWIN=off`` in the environment
takes the Python ones.
"""

import importlib
import os
from collections.abc import Callable
from types import ModuleType
from typing import Any, TypeVar

F = TypeVar("F", bound=Callable[..., Any])


def _load() -> ModuleType | None:
    if os.environ.get("COUNTERFOIL_TWIN") == "off":
        return None
    try:
        return importlib.import_module("counterfoil._native")
    except ImportError:
        return None


native: ModuleType | None = _load()
references: dict[str, Callable[..., Any]] = {}
"""The Python functions that have a twin, by name; tests compare each with its own."""


def twin_of(reference: F) -> F:
    """Take the compiled function with the name of a Python one, or, without it, the Python one."""
    references[reference.__name__] = reference
    compiled: F = getattr(native, reference.__name__, reference)
    return compiled
