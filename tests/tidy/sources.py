"""What the house rules look at: the files of this checkout, read once."""

from __future__ import annotations

import ast
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

# Where importable packages stand: folder of the path entry, then the package in it.
PACKAGES = (
    "ledger/counterfoil",
    "server/counterfoil_server",
    "server/counterfoil_cli",
    "clients/python/counterfoil_client",
)
GENERATED = "ledger/counterfoil/v1/"

# Folders that hold no source of the project.
_SKIPPED_FOLDERS = {"__pycache__", "node_modules", "build", "dist", "out"}
_KEPT_HIDDEN = {".ci", ".gitignore", ".gitattributes"}
_TEXT_SUFFIXES = {
    *(".py", ".pyi", ".proto", ".md", ".toml", ".yaml", ".yml", ".json", ".txt", ".sh", ".cfg"),
    *(".html", ".css", ".js", ".mjs", ".svg", ".lock", ""),
}


@dataclass(frozen=True)
class Source:
    """One text file.

    Attributes:
        path: relative to the top of the checkout, with forward slashes.
        text: what it holds.
    """

    path: str
    text: str

    @property
    def module(self) -> str:
        """The dotted name that a module of a package is imported by, or the empty string."""
        for package in PACKAGES:
            if self.path.startswith(package + "/") and self.path.endswith(".py"):
                dotted = self.path[len(package.rpartition("/")[0]) + 1 : -len(".py")]
                return dotted.replace("/", ".").removesuffix(".__init__")
        return ""

    def tree(self) -> ast.Module:
        """The syntax tree of a Python file."""
        return _parse(self.text, self.path)


@cache
def _parse(text: str, path: str) -> ast.Module:
    return ast.parse(text, filename=path)


@cache
def text_files() -> tuple[Source, ...]:
    """Every text file of the project, sorted by path."""
    return tuple(
        Source(path.relative_to(ROOT).as_posix(), path.read_text(encoding="utf-8"))
        for path in sorted(_walk(ROOT))
    )


def python_files() -> Iterator[Source]:
    """Every Python file that somebody wrote."""
    return (s for s in text_files() if s.path.endswith(".py") and not s.path.startswith(GENERATED))


def package_files() -> Iterator[Source]:
    """Every module of the four packages that somebody wrote."""
    return (source for source in python_files() if source.module)


def innermost(module: str, units: Sequence[str] | frozenset[str]) -> str | None:
    """The longest of ``units`` that is ``module`` or one of its parents."""
    matches = [unit for unit in units if module == unit or module.startswith(unit + ".")]
    return max(matches, key=len, default=None)


def expect_none(complaints: Iterable[str]) -> None:
    """Fail with every complaint in full, one a line."""
    found = list(complaints)
    if found:
        pytest.fail(f"{len(found)} found:\n" + "\n".join(found), pytrace=False)


def _walk(folder: Path) -> Iterator[Path]:
    for entry in os.scandir(folder):
        hidden = entry.name.startswith(".") and entry.name not in _KEPT_HIDDEN
        if hidden or entry.name in _SKIPPED_FOLDERS:
            continue
        if entry.is_dir(follow_symlinks=False):
            yield from _walk(Path(entry.path))
        elif Path(entry.name).suffix in _TEXT_SUFFIXES and entry.is_file():
            yield Path(entry.path)
