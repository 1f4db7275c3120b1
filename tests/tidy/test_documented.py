"""Whatever a person can type or set is described where that person looks."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterable, Iterator

import typer
from typer.core import TyperGroup
from typer.main import get_command

from .sources import ROOT, expect_none, text_files

# The packages are imported inside the tests: one that cannot be imported fails its own test, and no other.


def typed_commands(command: object, words: tuple[str, ...] = ("counterfoil",)) -> Iterator[str]:
    """Every command as somebody types it, without its arguments; hidden ones aside."""
    if isinstance(command, TyperGroup):
        for name, child in command.commands.items():
            if not child.hidden:
                yield from typed_commands(child, (*words, name))
    else:
        yield " ".join(words)


def undocumented_commands(commands: Iterable[str], text: str) -> Iterator[str]:
    """The commands that stand nowhere in the text as somebody would type them."""
    for command in commands:
        if not re.search(rf"(?<![\w-]){re.escape(command)}(?![\w-])", text):
            yield f"`{command}` is neither in README.md nor in docs/"


def undocumented_settings(names: Iterable[str], text: str) -> Iterator[str]:
    """The settings that stand nowhere in the text as code: between backticks, or at the start of an assignment."""
    for name in names:
        if not re.search(rf"`{re.escape(name)}`|^ *{re.escape(name)} *=", text, re.MULTILINE):
            yield f"the setting {name} is not in docs/OPERATING.md"


def test_every_command_is_documented() -> None:
    """Each command of the program stands in README.md or in docs/, as it is typed."""
    from counterfoil_cli.main import app

    pages = (
        s.text for s in text_files() if s.path == "README.md" or re.match(r"docs/.*\.md$", s.path)
    )

    expect_none(undocumented_commands(typed_commands(get_command(app)), "\n".join(pages)))


def test_every_file_of_commands_is_registered() -> None:
    """A file in the folder of commands is in COMMANDS: none lies there unused."""
    from counterfoil_cli.main import COMMANDS

    files = (ROOT / "server" / "counterfoil_cli" / "commands").glob("[!_]*.py")

    assert {path.stem for path in files} == {
        module.__name__.rpartition(".")[2] for module in COMMANDS
    }


def test_every_setting_is_documented() -> None:
    """Each setting of counterfoil.toml stands in docs/OPERATING.md."""
    from counterfoil_server.directory import Settings

    names = [field.name for field in dataclasses.fields(Settings)]

    assert names
    expect_none(
        undocumented_settings(names, (ROOT / "docs" / "OPERATING.md").read_text(encoding="utf-8"))
    )


def test_planted_commands_without_a_word_are_caught() -> None:
    """A command is missing when only a longer word, or its group, is written about."""
    app, group = typer.Typer(), typer.Typer()
    app.add_typer(group, name="log")
    for holder, name in ((app, "serve"), (app, "init"), (group, "tail"), (group, "get")):
        holder.command(name)(lambda: None)
    app.command("inner", hidden=True)(lambda: None)
    text = "Run `counterfoil serve DIR`, counterfoil init-all, counterfoil log and `counterfoil log get 3`."

    found = list(undocumented_commands(typed_commands(get_command(app)), text))

    assert [line.split("`")[1] for line in found] == ["counterfoil init", "counterfoil log tail"]


def test_planted_settings_without_a_word_are_caught() -> None:
    """A setting that is only part of another, or of a sentence, is missing."""
    text = "| `window_past_s` | the window |\n\n    store = 'lmdb:'\n\nThe anchor is a file."

    found = list(undocumented_settings(["window_past_s", "window", "store", "anchor"], text))

    assert [line.split()[2] for line in found] == ["window", "anchor"]
