"""What must not stand in any file: claims we cannot keep, reminders, places of one machine."""

from __future__ import annotations

import io
import re
import tokenize
from collections.abc import Iterable, Iterator

import pytest

from .sources import Source, expect_none, text_files

# Written so that no pattern matches its own line. Each has what to say instead, or why not.
BANNED: tuple[tuple[str, str], ...] = (
    (r"(?i)tamper[-\s]?proof", "say tamper-evident: a change is seen, not prevented"),
    (
        r"(?i)exactly[-]once|(?i:exactly\s+once\s+(?:delivery|semantics|processing))",
        "say what a repeat does",
    ),
    (r"(?i)guarantee[sd]?\s+(?:of\s+)?delivery", "say how often and how long a delivery is tried"),
    (r"(?i)proves\s+that\s+(?:the\s+)?training\s+took", "a record proves who said what, and when"),
    (r"\b(?:TO[D]O|FIX[M]E)\b", "do it, or leave it out"),
    (r"pragma:\s*no\s+cover", "test it, or take it out"),
    (
        r"(?<![\w.:/~-])/(?:work|root|home|Users|builds)/",
        "a path of one machine means nothing on another",
    ),
    (r"(?i)\bC:\\+Users\b", "a path of one machine means nothing on another"),
    (
        r"(?i)\b(?:pypi|pythonhosted|registry\.npmjs|crates|buf\.build)\.(?:org|io|com)\b",
        "name the package, not its registry",
    ),
)
# A comment that starts so is a reminder; in code it may be the currency code of ISO 4217.
_REMINDER_IN_COMMENT = re.compile(r"#\W*X[X]X\b")


def banned_words(sources: Iterable[Source]) -> Iterator[str]:
    """Lines that match a banned pattern."""
    patterns = [(re.compile(pattern), advice) for pattern, advice in BANNED]
    for source in sources:
        for pattern, advice in patterns:
            for match in pattern.finditer(source.text):
                line = source.text.count("\n", 0, match.start()) + 1
                yield f"{source.path}:{line}: {match.group().strip()!r}: {advice}"
        if source.path.endswith(".py"):
            yield from _reminders(source)


def _reminders(source: Source) -> Iterator[str]:
    for token in tokenize.generate_tokens(io.StringIO(source.text).readline):
        if token.type == tokenize.COMMENT and _REMINDER_IN_COMMENT.match(token.string):
            yield f"{source.path}:{token.start[0]}: {token.string!r}: do it, or leave it out"


def test_no_file_holds_a_banned_word() -> None:
    """No claim we cannot keep, no reminder and no path of one machine stands in any text file."""
    expect_none(banned_words(text_files()))


@pytest.mark.parametrize(
    "words",
    [
        ("This log is tamper", "-proof."),
        ("A Tamper", "proof log"),
        ("exactly", "-once writes"),
        ("Exactly", "-Once"),
        ("exactly once ", "delivery"),
        ("guaranteed", " delivery"),
        ("we guarantee", " delivery"),
        ("guaranteed", "\ndelivery"),
        ("this proves that", " training took place"),
        ("# TO", "DO: later"),
        ("# FIX", "ME"),
        ("x = 1  # XX", "X look again"),
        ("x = 1  # pragma: no", " cover"),
        ("see /wo", "rk/main"),
        ("open('/ho", "me/me/x')"),
        ("cd /ro", "ot/x"),
        (r"C:\Use", r"rs\me"),
        ("pip install -i https://py", "pi.org/simple"),
    ],
)
def test_a_planted_banned_word_is_caught(words: tuple[str, str]) -> None:
    """Each pattern is found in any file, with its line."""
    text = "fine\n" + "".join(words) + "\n"
    python = words[0].startswith("x = ")

    found = list(banned_words([Source("x.py" if python else "x.md", text)]))

    assert len(found) == 1, found
    assert ":2: " in found[0]


@pytest.mark.parametrize(
    "text",
    [
        "the log is tamper-evident",
        "fn is called exactly once",
        "currency = 'XXX'  # no currency",
        "GET https://example.com/home/index and ./work/x and ~/root/",
        "/var/lib/counterfoil",
    ],
)
def test_words_that_only_look_alike_are_let_pass(text: str) -> None:
    """The patterns are no wider than they need be."""
    assert list(banned_words([Source("x.py" if "=" in text else "x.md", text + "\n")])) == []
