"""Reading the documents: marked blocks, commands, links."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

_MARKED = re.compile(r"^<!-- (\S+) -->\n```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_FENCED = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")
_HEADING = re.compile(r"^#{1,6} (.+)$", re.MULTILINE)


def pages() -> list[Path]:
    """README.md and every page of docs/."""
    return [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]


def read_page(name: str) -> str:
    """The text of a page by its path from the top of the checkout."""
    return (ROOT / name).read_text(encoding="utf-8")


def marked_blocks(text: str) -> dict[str, str]:
    """What stands in the blocks marked with a name: the blocks of one name follow each other."""
    found: dict[str, str] = {}
    for name, language, block in _MARKED.findall(text):
        gap = "\n\n" if language == "python" and name in found else ""
        found[name] = found.get(name, "") + gap + block
    return found


def fenced_blocks(text: str, language: str) -> list[str]:
    """The blocks of a language."""
    return [block for found, block in _FENCED.findall(text) if found == language]


def without_blocks(text: str) -> str:
    """The text with its blocks taken out."""
    return _FENCED.sub("", text)


def console_commands(text: str) -> Iterator[tuple[str, str]]:
    """Each command of the console blocks, on one line, with the output that is printed below it."""
    for block in fenced_blocks(text, "console"):
        for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
            command, _, output = re.sub(r" *\\\n *", " ", part).partition("\n")
            yield command, output


def links(text: str) -> list[str]:
    """The targets of the links in a text."""
    return _LINK.findall(without_blocks(text))


def anchors(text: str) -> set[str]:
    """The names by which the headings of a page can be linked to, as GitHub makes them."""
    kept = (re.sub(r"[^\w\- ]", "", heading.lower()) for heading in _HEADING.findall(text))
    return {name.strip().replace(" ", "-") for name in kept}
