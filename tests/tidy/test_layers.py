"""The import order: a module imports from lines below its own, and each unit only the third parties it is given."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterable, Iterator

import pytest

from .imports import imported_names
from .layers import LINES, NARROWED, OURS, PURE, PURE_PARTIES, THIRD_PARTIES, UNITS
from .sources import Source, expect_none, innermost, package_files


def _unit_of(module: str) -> str | None:
    unit = innermost(module, UNITS)
    # A module of the library that has no line of its own must get one; it does not inherit the package's.
    return None if unit == "counterfoil" and module != "counterfoil" else unit


def _imported_unit(name: str) -> str | None:
    unit = innermost(name, UNITS)
    known = name in {"counterfoil", "counterfoil.__version__"} or unit != "counterfoil"
    return unit if known else None


def _line_of(unit: str) -> int:
    return next(number for number, line in enumerate(LINES) if unit in line)


def _allowed(unit: str) -> frozenset[str]:
    below = frozenset(other for line in LINES[_line_of(unit) + 1 :] for other in line)
    return NARROWED.get(unit, below) | {unit}


def broken_layers(sources: Iterable[Source]) -> Iterator[str]:
    """Imports that the tables above do not allow."""
    for source in sources:
        unit = _unit_of(source.module)
        if unit is None:
            yield f"{source.path}: {source.module} has no line in the import order"
            continue
        for line, name in imported_names(source):
            top = name.partition(".")[0]
            where = f"{source.path}:{line}: {source.module}"
            if top in OURS:
                target = _imported_unit(name)
                if target is None:
                    yield f"{where} imports {name}, which has no line in the import order"
                elif target not in _allowed(unit):
                    yield f"{where} must not import {target}"
            elif top not in sys.stdlib_module_names:
                parties = PURE_PARTIES if unit in PURE else THIRD_PARTIES[unit]
                if top not in parties:
                    yield f"{where} must not import {top}"


def test_every_import_follows_the_import_order() -> None:
    """Each module imports only from lines below its own and the third parties of its unit."""
    expect_none(broken_layers(package_files()))


@pytest.mark.parametrize(
    ("path", "text", "complaint"),
    [
        (
            "ledger/counterfoil/tlog/proof.py",
            "import counterfoil.note",
            "must not import counterfoil.note",
        ),
        (
            "ledger/counterfoil/tlog/proof.py",
            "from counterfoil import receipt",
            "must not import counterfoil.receipt",
        ),
        (
            "ledger/counterfoil/tlog/proof.py",
            "import counterfoil.keys",
            "must not import counterfoil.keys",
        ),
        (
            "ledger/counterfoil/tlog/proof.py",
            "from .. import note",
            "must not import counterfoil.note",
        ),
        ("ledger/counterfoil/tlog/proof.py", "def f():\n import numpy", "must not import numpy"),
        (
            "ledger/counterfoil/receipt.py",
            "from counterfoil.v1 import receipt_pb2",
            "must not import counterfoil.v1",
        ),
        (
            "ledger/counterfoil/receipt.py",
            "from google.protobuf import message",
            "must not import google",
        ),
        (
            "ledger/counterfoil/receipt.py",
            "import importlib\nimportlib.import_module('lmdb')",
            "must not import lmdb",
        ),
        (
            "ledger/counterfoil/__init__.py",
            "from counterfoil.errors import NotFound",
            "must not import counterfoil.errors",
        ),
        (
            "ledger/counterfoil/store/lmdb_store.py",
            "import counterfoil.record",
            "must not import counterfoil.record",
        ),
        ("ledger/counterfoil/views/x.py", "import numpy", "must not import numpy"),
        (
            "server/counterfoil_server/x.py",
            "import counterfoil_client",
            "must not import counterfoil_client",
        ),
        (
            "server/counterfoil_server/x.py",
            "import counterfoil_cli.main",
            "must not import counterfoil_cli",
        ),
        ("server/counterfoil_server/x.py", "import requests", "must not import requests"),
        ("ledger/counterfoil/helpers.py", "", "no line in the import order"),
        (
            "ledger/counterfoil/log/x.py",
            "import counterfoil.helpers",
            "no line in the import order",
        ),
    ],
)
def test_a_planted_import_against_the_order_is_caught(path: str, text: str, complaint: str) -> None:
    """An import upwards, sideways or of a stranger is reported."""
    found = list(broken_layers([Source(path, text)]))

    assert len(found) == 1, found
    assert complaint in found[0]


def test_imports_downwards_are_allowed() -> None:
    """The rule lets pass what the order allows."""
    text = "import hashlib\nimport nacl.signing\nfrom counterfoil.tlog import leaf_hash\nfrom counterfoil import keys"

    assert list(broken_layers([Source("ledger/counterfoil/note/signed.py", text)])) == []


def _import_blocked(modules: list[str]) -> subprocess.CompletedProcess[str]:
    """Import modules in a process of its own that has only the standard library and what the pure core is given."""
    program = (
        f"import importlib, sys\nours, parties = {sorted(OURS)!r}, {sorted(PURE_PARTIES)!r}\n"
        "class Block:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        top = name.partition('.')[0]\n"
        "        if top not in (*ours, *parties, *NEEDED, *sys.stdlib_module_names): raise ImportError('blocked: ' + top)\n"
        "NEEDED = ('cffi', '_cffi_backend', 'pycparser')\n"
        "sys.meta_path.insert(0, Block())\n"
        f"for name in {modules!r}: importlib.import_module(name)"
    )
    return subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)


def test_pure_core_imports_where_nothing_else_is_installed() -> None:
    """Every pure module imports in a process in which every third party but its own is blocked."""
    modules = sorted(source.module for source in package_files() if _unit_of(source.module) in PURE)

    done = _import_blocked(modules)

    assert done.returncode == 0, done.stderr


def test_a_blocked_third_party_fails_the_import_of_a_module_that_needs_it() -> None:
    """The block of the test above is real: generated code cannot be imported under it."""
    done = _import_blocked(["counterfoil.v1.record_pb2"])

    assert done.returncode == 1
    assert "ImportError: blocked: google" in done.stderr
