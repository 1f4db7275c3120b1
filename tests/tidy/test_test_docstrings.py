"""Every test says in one line what it shows."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator

import pytest

from .sources import Source, expect_none, python_files

Function = ast.FunctionDef | ast.AsyncFunctionDef


def undescribed_tests(sources: Iterable[Source]) -> Iterator[str]:
    """Test functions whose docstring is missing or is not one line with a full stop."""
    for source in sources:
        if not source.path.startswith("tests/"):
            continue
        for node in ast.walk(source.tree()):
            if isinstance(node, Function) and node.name.startswith("test_"):
                docstring = ast.get_docstring(node)
                if not docstring:
                    yield f"{source.path}:{node.lineno}: {node.name} has no docstring"
                elif "\n" in docstring or not docstring.endswith("."):
                    yield f"{source.path}:{node.lineno}: the docstring of {node.name} is not one sentence in one line"


def test_every_test_states_its_proposition() -> None:
    """Each test function has a docstring of one line."""
    expect_none(undescribed_tests(python_files()))


@pytest.mark.parametrize(
    "text",
    [
        "def test_a(): pass",
        "async def test_a(): pass",
        "def test_a():\n    # a comment\n    x = 1",
        'def test_a():\n    """"""',
        'def test_a():\n    """Two\n    lines."""',
        'def test_a():\n    """No stop"""',
        "class TestA:\n    def test_a(self): pass",
    ],
)
def test_a_planted_test_without_a_proposition_is_caught(text: str) -> None:
    """A docstring that is missing, empty or long is reported."""
    assert len(list(undescribed_tests([Source("tests/unit/test_x.py", text)]))) == 1


def test_helpers_and_described_tests_are_let_pass() -> None:
    """The rule asks nothing of helpers, nor of code outside tests."""
    described = Source(
        "tests/unit/test_x.py", 'def test_a():\n    """A holds."""\ndef helper(): pass'
    )
    elsewhere = Source("scripts/x.py", "def test_a(): pass")

    assert list(undescribed_tests([described, elsewhere])) == []
