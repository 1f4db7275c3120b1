"""docs/API.md has a line for each method, with what each role sees of it, as the table says."""

from __future__ import annotations

import re

from counterfoil.v1.access_service_pb2 import Role
from counterfoil_server.access.table import ROLES, TABLE

from ..docs.pages import read_page
from .world import METHODS

_ROW = re.compile(r"^\| `(\w+Service\.\w+)` \|(.*)\|$", re.MULTILINE)


def read_rows(text: str) -> dict[str, list[str]]:
    """The cells of each method's line, in the order of the columns."""
    section = text.partition("## Who may call what")[2].partition("\n## ")[0]
    return {
        name: [cell.strip() for cell in cells.split("|")] for name, cells in _ROW.findall(section)
    }


def wrong_rows(text: str) -> list[str]:
    """Methods whose line is missing or says something else than the table."""
    shown = read_rows(text)
    told = {
        method: [row[role].value if role in row else "" for role in ROLES]
        for method, row in TABLE.items()
    }
    return sorted(
        method
        for method in {*shown, *told, *METHODS}
        if shown.get(method, [])[: len(ROLES)] != told.get(method)
    )


def test_each_method_has_its_line() -> None:
    """All methods of all services that are served, and no other, with the words of the table."""
    text = read_page("docs/API.md")

    assert wrong_rows(text) == []
    names = [Role.Name(role).removeprefix("ROLE_").lower() for role in ROLES]
    assert f"| method | {' | '.join(names)} | reasons of its own |" in text


def test_the_reasons_of_a_line_are_explained() -> None:
    """Each reason that a line names stands in the tables of errors."""
    text = read_page("docs/API.md")
    errors = text.partition("## Errors")[2]
    named = {
        reason
        for cells in read_rows(text).values()
        for reason in re.findall(r"`([A-Z_]+)`", cells[-1])
    }

    assert len(named) > 10
    assert [reason for reason in named if f"`{reason}`" not in errors] == []


def test_a_wrong_line_would_be_seen() -> None:
    """Negative control: a line that promises mirrors too much, and one that is missing, are reported."""
    text = read_page("docs/API.md")
    line = "| `LogService.GetEntry` | all | all | own | own | all | all |"
    assert line in text

    assert wrong_rows(text.replace(line, line.replace("own", "all"))) == ["LogService.GetEntry"]
    assert wrong_rows(text.replace(line, "")) == ["LogService.GetEntry"]
