"""docs/ARCHITECTURE.md speaks of what is there: functions, files, layers, spaces, tuples, decisions."""

from __future__ import annotations

import re
from collections.abc import Iterator

from counterfoil.log.layout import SPACES
from counterfoil.log.log import Log

from ..tidy.layers import LINES
from .pages import ROOT, fenced_blocks, read_page

PAGE = "docs/ARCHITECTURE.md"
_PATH = re.compile(r"`((?:ledger|server|clients|proto|tests)/[\w/.]+)`")
_NAMED = re.compile(r"((?:`\w+`(?:, )?)+) \(`([\w/]+\.py)`\)")


def missing_paths(text: str) -> list[str]:
    """Files and folders that a text names and that are not there."""
    return [path for path in _PATH.findall(text) if not (ROOT / path).exists()]


def missing_functions(text: str) -> Iterator[str]:
    """Functions and classes that a text names with their file, and that the file does not have."""
    for names, path in _NAMED.findall(text):
        code = (ROOT / path).read_text(encoding="utf-8")
        for name in re.findall(r"\w+", names):
            if not re.search(rf"^ *(?:async )?(?:def|class) {name}\b", code, re.MULTILINE):
                yield f"{path}: {name}"


def test_named_files_are_there() -> None:
    """Every path in the page leads to a file or a folder."""
    assert _PATH.findall(read_page(PAGE))
    assert missing_paths(read_page(PAGE)) == []


def test_named_functions_are_there() -> None:
    """Every function that the page names with its file is in that file."""
    assert len(_NAMED.findall(read_page(PAGE))) > 15
    assert list(missing_functions(read_page(PAGE))) == []


def test_the_start_checks_are_those_of_the_code() -> None:
    """The functions that the page names without a file are those that open a log."""
    code = read_page("ledger/counterfoil/log/log.py")

    assert Log.__init__.__doc__
    assert all(f"def {name}(" in code for name in ("check_right_edge", "check_anchor"))


def test_the_layers_are_those_of_the_tidy_test() -> None:
    """The table of layers has each package that exists, on its line and in its order."""
    (block,) = (
        text for text in fenced_blocks(read_page(PAGE), "text") if "what an auditor" in text
    )
    shown = [re.findall(r"\bcounterfoil(?:\.\w+|_\w+)+", line) for line in block.splitlines()]

    assert [sorted(line) for line in shown if line] == [
        sorted(present) for line in LINES if (present := [unit for unit in line if exists(unit)])
    ]


def exists(unit: str) -> bool:
    """Whether somebody wrote this unit: planned packages and the compiled module are no lines of the table."""
    path = unit.replace(".", "/")
    roots = ("ledger", "server", "clients/python")
    return unit != "counterfoil" and any(
        (ROOT / root / path).is_dir() or (ROOT / root / f"{path}.py").is_file() for root in roots
    )


def test_every_space_is_explained() -> None:
    """Each space of the store has its row."""
    text = read_page(PAGE)

    assert [space for space in SPACES if f"\n| `{space}` | " not in text] == []


def test_every_decision_is_linked() -> None:
    """Each record of a decision is spoken of in the page."""
    text = read_page(PAGE)
    records = sorted(path.name for path in (ROOT / "docs" / "adr").glob("*.md"))

    assert records
    assert [name for name in records if f"(adr/{name})" not in text] == []


def test_every_decision_names_what_lost() -> None:
    """Each record has a status, at least two options, one decision, and its consequences."""
    for path in sorted((ROOT / "docs" / "adr").glob("*.md")):
        text = path.read_text(encoding="utf-8")
        options = text.partition("## Options")[2].partition("## Decision")[0]

        assert "\nStatus: " in text, path.name
        assert len(re.findall(r"^\d\. ", options, re.MULTILINE)) >= 2, path.name
        assert "\n## Consequences\n" in text, path.name
        assert text.startswith(f"# {int(path.name[:4])}. "), path.name


def test_what_is_not_there_would_be_seen() -> None:
    """Negative control: a planted path and a planted function are reported."""
    text = "`ledger/counterfoil/nowhere.py`, `nothing` (`ledger/counterfoil/entry.py`)"

    assert missing_paths(text) == ["ledger/counterfoil/nowhere.py"]
    assert list(missing_functions(text)) == ["ledger/counterfoil/entry.py: nothing"]
