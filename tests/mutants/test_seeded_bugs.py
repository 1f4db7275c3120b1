"""The seeded bugs stay what they are meant to be: each fits the code of today, and a trial is judged strictly."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from .mutant import ROOT, Mutant, apply, read_mutant, read_mutants
from .trial import BROKEN, CAUGHT, SURVIVED, judge

MUTANTS = read_mutants()
COUNT_MIN = 30
PACKAGES = ("ledger/", "server/", "clients/python/")

PASSED = '<testcase classname="tests.core.test_x" name="test_a"/>'
FAILED = '<testcase classname="tests.core.test_x" name="test_b"><failure message="{}">.</failure></testcase>'
UNREADY = '<testcase classname="tests.core.test_x" name="test_c"><error message="boom">.</error></testcase>'
DIFFERENCE = "AssertionError: assert 1 == 2"


def change(text: str) -> str:
    """A patch of one line of the README."""
    return text + "--- a/README.md\n+++ b/README.md\n@@ -1 +1 @@\n-no such line\n+another\n"


@pytest.mark.parametrize("mutant", MUTANTS, ids=[mutant.name for mutant in MUTANTS])
def test_every_bug_fits_the_code(mutant: Mutant) -> None:
    """A patch applies to the files as they are, changes the product alone, and names tests that are there."""
    assert apply(mutant, ROOT, "--check") == ""
    assert all(file.startswith(PACKAGES) for file in mutant.files)
    assert [test for test in mutant.tests if not _exists(test)] == []


def test_there_are_enough_bugs_in_every_part() -> None:
    """There are at least thirty bugs, in the library, the store, the twin, the server and the client."""
    files = [file for mutant in MUTANTS for file in mutant.files]

    assert len(MUTANTS) >= COUNT_MIN
    for part in (
        "ledger/counterfoil/tlog/",
        "ledger/counterfoil/note/",
        "ledger/counterfoil/receipt/",
        "ledger/counterfoil/log/",
        "ledger/counterfoil/store/",
        "ledger/native/",
        "server/counterfoil_server/",
        "clients/python/counterfoil_client/",
    ):
        assert any(file.startswith(part) for file in files), part


def test_a_patch_that_has_rotted_is_noticed(tmp_path: Path) -> None:
    """A patch whose lines are no longer in the file does not apply."""
    path = tmp_path / "rotten.patch"
    path.write_text(change("It does not fit.\nCaught by: tests/core\n\n"))

    assert "patch does not apply" in apply(read_mutant(path), ROOT, "--check")


@pytest.mark.parametrize(
    "text",
    [
        change("It names no tests.\n\n"),
        change("Caught by: tests/core\n\n"),
        "It changes nothing.\nCaught by: tests/core\n",
        "",
    ],
)
def test_a_patch_that_does_not_say_what_it_is_is_refused(tmp_path: Path, text: str) -> None:
    """A patch must say what is wrong, name tests, and change a file."""
    path = tmp_path / "unsaid.patch"
    path.write_text(text)

    with pytest.raises(ValueError, match=r"unsaid\.patch must say"):
        read_mutant(path)


@pytest.mark.parametrize(
    ("code", "cases", "outcome"),
    [
        (1, [PASSED, FAILED.format(DIFFERENCE)], CAUGHT),
        (0, [PASSED], SURVIVED),
        (1, [PASSED, UNREADY], BROKEN),
        (1, [UNREADY, FAILED.format(DIFFERENCE)], BROKEN),
        (1, [FAILED.format("Failed: Timeout (&gt;120.0s) from pytest-timeout.")], BROKEN),
        (1, [FAILED.format("NameError: name 'x' is not defined")], BROKEN),
        (1, [FAILED.format("ModuleNotFoundError: No module named 'x'")], BROKEN),
        (1, [PASSED], BROKEN),
        # Interrupted by an error of collection, an error inside pytest, wrong usage, no tests at all, a signal.
        (2, [], BROKEN),
        (3, [], BROKEN),
        (4, [], BROKEN),
        (5, [], BROKEN),
        (-11, [], BROKEN),
    ],
)
def test_only_a_test_that_ran_and_failed_catches_a_bug(
    tmp_path: Path, code: int, cases: list[str], outcome: str
) -> None:
    """Errors of collection and of fixtures, timeouts, and code that is no program do not count as caught."""
    report = tmp_path / "report.xml"
    report.write_text(f"<testsuites><testsuite>{''.join(cases)}</testsuite></testsuites>")

    found, told = judge(code, report, "")

    assert found == outcome
    assert told.endswith("test_b") == (outcome == CAUGHT)


def _exists(test: str) -> bool:
    file, _, name = test.partition("::")
    if not (ROOT / file).exists():
        return False
    if not name:
        return True
    tree = ast.parse((ROOT / file).read_text("utf-8"))
    named = (
        node.name
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    )
    return name.partition("[")[0] in named
