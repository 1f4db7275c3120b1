"""README.md is true: its tour runs, its program runs, its commands and links exist; and so do those of docs/."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer.main

from counterfoil_cli.main import app

from .pages import (
    ROOT,
    anchors,
    console_commands,
    fenced_blocks,
    links,
    pages,
    read_page,
)
from .tour import Tour

PAGES = [path.relative_to(ROOT).as_posix() for path in pages()]


@pytest.fixture(scope="module")
def tour(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tour]:
    """The commands of the README, run in order in a fresh folder; the ledger is still serving."""
    made = Tour(tmp_path_factory.mktemp("tour"))
    try:
        for command, output in console_commands(read_page("README.md")):
            if not command.startswith("make "):
                made.run(command, output)
        yield made
    finally:
        made.close()


def test_the_tour_prints_what_the_readme_shows(tour: Tour) -> None:
    """Every command of the README prints the lines that stand below it."""
    assert tour.address


def test_a_wrong_line_would_be_seen(tour: Tour) -> None:
    """Negative control: a command that prints something else than the page says fails the tour."""
    with pytest.raises(AssertionError):
        tour.run("counterfoil fsck ledger", "All is well: 5 entries are sound (1 a second).\n")


def test_the_program_of_the_readme_runs(tour: Tour, tmp_path: Path) -> None:
    """The Python program reports a thousand events, and all are logged."""
    (program,) = fenced_blocks(read_page("README.md"), "python")
    assert "127.0.0.1:7070" in program
    done = subprocess.run(
        [sys.executable, "-c", program.replace("127.0.0.1:7070", tour.address)],
        cwd=tmp_path,
        env=tour.environment,
        capture_output=True,
        text=True,
    )

    assert re.fullmatch(r"1000 events logged; \d+ receipts kept\n", done.stdout), done.stderr


def test_the_two_commands_come_first() -> None:
    """The README begins with one sentence and the two commands, which the Makefile has."""
    head = read_page("README.md").partition("## ")[0]
    targets = re.findall(r"^(\w+):", read_page("Makefile"), re.MULTILINE)

    assert [command for command, _ in console_commands(head)] == ["make demo", "make test"]
    assert {"demo", "test"} <= set(targets)


def parse(arguments: list[str]) -> None:
    """Parse a command line as the program does, without running it."""
    command: Any = typer.main.get_command(app)
    context = command.make_context("counterfoil", list(arguments))
    while hasattr(command, "commands"):
        # What a group keeps of the line is the name of a command and its arguments.
        rest = [*getattr(context, "_protected_args", []), *context.args]
        _, command, rest = command.resolve_command(context, rest)
        context = command.make_context(command.name, rest, parent=context)


@pytest.mark.parametrize("page", PAGES)
def test_every_command_line_of_the_documents_parses(page: str) -> None:
    """Options and arguments of every command that a page shows are those of the real program."""
    for command, _ in console_commands(read_page(page)):
        for part in re.split(r" \| | > | && ", command):
            words = shlex.split(part)
            if words[0] == "counterfoil":
                parse(words[1:])


@pytest.mark.parametrize(
    "arguments",
    [
        ["serve", "ledger", "--port", "1"],
        ["training", "record"],
        ["log", "head"],
        ["verify"],
        ["receipt", "1", "--format", "pdf"],
    ],
    ids=" ".join,
)
def test_a_wrong_command_line_would_be_seen(arguments: list[str]) -> None:
    """Negative control: what the program does not take does not parse."""
    with pytest.raises(typer.TyperException):
        parse(arguments)


def broken_links(page: str, text: str) -> Iterator[str]:
    """Links to files or headings of this checkout that are not there."""
    for target in links(text):
        if "://" in target:
            continue
        file, _, anchor = target.partition("#")
        path = (ROOT / page).parent / file if file else ROOT / page
        if not path.exists():
            yield f"{page}: there is no {target}"
        elif anchor and anchor not in anchors(path.read_text(encoding="utf-8")):
            yield f"{page}: there is no heading for {target}"


@pytest.mark.parametrize("page", [*PAGES, "CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md"])
def test_links_lead_somewhere(page: str) -> None:
    """Every link of a page to a file or a heading of this checkout has its target."""
    assert list(broken_links(page, read_page(page))) == []


def test_a_broken_link_would_be_seen() -> None:
    """Negative control: a missing file and a missing heading are both reported."""
    text = "[a](NOWHERE.md) [b](#nothing) [c](../README.md#two-minutes) [d](https://example.com/x)"

    assert len(list(broken_links("docs/SPEC.md", text))) == 2


@pytest.mark.parametrize("page", PAGES)
def test_a_page_is_reached_from_the_readme(page: str) -> None:
    """No page stands alone: the README, or a page that it links to, links to it."""
    near = {
        (ROOT / target).resolve() for target in links(read_page("README.md")) if "://" not in target
    }
    linked = set(near)
    for path in near:
        if path.suffix == ".md":
            text = path.read_text(encoding="utf-8")
            linked |= {(path.parent / target.partition("#")[0]).resolve() for target in links(text)}

    assert page == "README.md" or (ROOT / page).resolve() in linked
