"""Modules and functions stay short enough to be read in one go."""

from __future__ import annotations

import ast
import statistics
from collections.abc import Iterable, Iterator

import pytest

from .sources import Source, expect_none, package_files, python_files

MODULE_LINES_MAX = 400
MODULE_LINES_AIM = 150  # the median
FUNCTION_LINES_MAX = 70


def long_modules(sources: Iterable[Source]) -> Iterator[str]:
    """Files that have too many lines."""
    for source in sources:
        lines = source.text.count("\n")
        if lines > MODULE_LINES_MAX:
            yield f"{source.path}: {lines} lines, at most {MODULE_LINES_MAX}"


def long_functions(sources: Iterable[Source]) -> Iterator[str]:
    """Functions whose body does not fit a screen; signature and docstring aside, which declare and do nothing."""
    for source in sources:
        for node in ast.walk(source.tree()):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                body = node.body[1:] if ast.get_docstring(node) else node.body
                lines = _last_line(node) - body[0].lineno + 1 if body else 0
                if lines > FUNCTION_LINES_MAX:
                    yield f"{source.path}:{node.lineno}: {node.name} has {lines} lines, at most {FUNCTION_LINES_MAX}"


def _last_line(node: ast.stmt) -> int:
    return node.end_lineno or node.lineno


def test_modules_are_short(capsys: pytest.CaptureFixture[str]) -> None:
    """No module is longer than the limit; the median of the packages is printed beside the aim."""
    lengths = [source.text.count("\n") for source in package_files()]

    with capsys.disabled():
        print(
            f" module lines: median {statistics.median(lengths):.0f} (aim {MODULE_LINES_AIM}) ",
            end="",
        )
    expect_none(long_modules(python_files()))


def test_functions_fit_a_screen() -> None:
    """No function is longer than the limit."""
    expect_none(long_functions(python_files()))


def test_a_planted_long_module_is_caught() -> None:
    """One line over the limit is reported; the limit itself is not."""
    fits, exceeds = (
        Source("a.py", "\n" * MODULE_LINES_MAX),
        Source("b.py", "\n" * (MODULE_LINES_MAX + 1)),
    )

    found = list(long_modules([fits, exceeds]))

    assert [line.split(":")[0] for line in found] == ["b.py"]


@pytest.mark.parametrize("keyword", ["def", "async def"])
def test_a_planted_long_function_is_caught(keyword: str) -> None:
    """One line over the limit is reported, in a method too; a docstring does not count."""
    docstring = '    """Summary.\n\n    More.\n    """\n'
    fits = f"{keyword} fits():\n{docstring}" + "    x = 1\n" * FUNCTION_LINES_MAX
    exceeds = f"class A:\n  {keyword} exceeds(self):\n" + "    x = 1\n" * (FUNCTION_LINES_MAX + 1)

    found = list(long_functions([Source("a.py", fits + exceeds)]))

    assert len(found) == 1
    assert "exceeds has 71 lines" in found[0]
