"""Time and randomness come in as arguments: only the modules of one table read a clock or a generator."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator

import pytest

from .sources import Source, expect_none, innermost, package_files

CLOCK = "clock"
RANDOM = "randomness"

# Dotted names that read a clock or draw random bytes; a parent stands for all below it.
SOURCES: dict[str, str] = {
    **dict.fromkeys(
        (
            *(
                "time.time",
                "time.time_ns",
                "time.monotonic",
                "time.monotonic_ns",
                "time.perf_counter",
            ),
            *(
                "time.perf_counter_ns",
                "time.process_time",
                "time.clock_gettime",
                "time.clock_gettime_ns",
            ),
            *("time.localtime", "time.gmtime", "time.ctime", "datetime.datetime.now"),
            *("datetime.datetime.utcnow", "datetime.datetime.today", "datetime.date.today"),
        ),
        CLOCK,
    ),
    **dict.fromkeys(
        (
            *("os.urandom", "os.getrandom", "secrets", "random", "uuid", "numpy.random"),
            *(
                "nacl.utils.random",
                "nacl.signing.SigningKey.generate",
                "nacl.public.PrivateKey.generate",
            ),
        ),
        RANDOM,
    ),
}

# Module (or package) -> what it may use, with the reason.
ALLOWED: dict[str, frozenset[str]] = {
    # The one place where the server reads the time and draws salts and keys.
    "counterfoil_server.clock": frozenset({CLOCK}),
    "counterfoil_server.entropy": frozenset({RANDOM}),
    # The same for the client: deadlines of retries, and names and jitter drawn for them.
    "counterfoil_client.clock": frozenset({CLOCK}),
    "counterfoil_client.chance": frozenset({RANDOM}),
}


def impure_uses(sources: Iterable[Source]) -> Iterator[str]:
    """Uses of a clock or of randomness outside the modules that are allowed them."""
    for source in sources:
        unit = innermost(source.module, frozenset(ALLOWED))
        allowed = ALLOWED[unit] if unit else frozenset()
        for line, name in _uses(source.tree()):
            kind = SOURCES[name]
            if kind not in allowed:
                yield f"{source.path}:{line}: {source.module} uses {name} ({kind})"


def _uses(tree: ast.Module) -> list[tuple[int, str]]:
    """Every (line, name of SOURCES) that the code imports or mentions, each line once, whatever the alias."""
    aliases: dict[str, str] = {}
    found: set[tuple[int, str]] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                aliases[alias.asname or alias.name.partition(".")[0]] = (
                    alias.name if alias.asname else alias.name.partition(".")[0]
                )
                found.update(_match(node.lineno, alias.name))
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            for alias in node.names:
                dotted = f"{node.module}.{alias.name}"
                aliases[alias.asname or alias.name] = dotted
                found.update(_match(node.lineno, dotted))
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute | ast.Name):
            dotted = ast.unparse(node)
            first, dot, rest = dotted.partition(".")
            if first in aliases:
                found.update(_match(node.lineno, aliases[first] + dot + rest))
    return sorted(found)


def _match(line: int, dotted: str) -> Iterator[tuple[int, str]]:
    name = innermost(dotted, frozenset(SOURCES))
    if name is not None:
        yield line, name


def test_only_the_modules_of_the_table_read_clocks_or_draw_random_bytes() -> None:
    """No module outside the table uses the time or randomness."""
    expect_none(impure_uses(package_files()))


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("import time\ntime.time()", "time.time"),
        ("import time as t\nt.time_ns()", "time.time_ns"),
        ("from time import monotonic", "time.monotonic"),
        ("import datetime\ndatetime.datetime.now()", "datetime.datetime.now"),
        ("from datetime import datetime as d\nd.utcnow()", "datetime.datetime.utcnow"),
        ("from datetime import date\nf = date.today", "datetime.date.today"),
        ("import os\nos.urandom(16)", "os.urandom"),
        ("from os import urandom as entropy", "os.urandom"),
        ("import secrets", "secrets"),
        ("def f():\n    from secrets import token_bytes", "secrets"),
        ("import random", "random"),
        ("from uuid import uuid4", "uuid"),
        ("import numpy as np\nnp.random.default_rng()", "numpy.random"),
        ("import nacl.utils\nnacl.utils.random(32)", "nacl.utils.random"),
        (
            "from nacl.signing import SigningKey\nSigningKey.generate()",
            "nacl.signing.SigningKey.generate",
        ),
    ],
)
def test_a_planted_clock_or_generator_is_caught(text: str, name: str) -> None:
    """A use is reported under any alias and in any place."""
    found = list(impure_uses([Source("ledger/counterfoil/entry.py", text)]))

    assert len(found) == 1, found
    assert f"uses {name} " in found[0]


def test_names_that_only_look_alike_are_let_pass() -> None:
    """A local called time, a timedelta and a sleep are no clock."""
    text = "import time\nimport datetime\ntime.sleep(1)\ndatetime.timedelta(1)\ndef f(clock): return clock.time()"

    assert list(impure_uses([Source("ledger/counterfoil/entry.py", text)])) == []


def test_an_allowed_kind_does_not_allow_the_other() -> None:
    """A module that may read the clock may not draw random bytes."""
    text = "import time, os\ntime.time()\nos.urandom(1)"

    found = list(impure_uses([Source("server/counterfoil_server/clock.py", text)]))

    assert len(found) == 1
    assert "os.urandom" in found[0]
