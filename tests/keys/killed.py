"""Rotates the key of a ledger and is killed behind a step: killed.py DIRECTORY STEP."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from counterfoil.log import Anchor, rotate
from counterfoil.store.lmdb import LmdbStore
from counterfoil_server import rotate as operator
from counterfoil_server.signing_keys import table


def die_behind(owner: Any, name: str, number: int = 0) -> None:
    """Die when the call with a number (0 the first) of a function has returned."""
    inner: Callable[..., Any] = getattr(owner, name)
    calls = iter(range(1 << 30))

    def dying(*arguments: Any, **named: Any) -> Any:
        done = inner(*arguments, **named)
        if next(calls) == number:
            os._exit(9)
        return done

    setattr(owner, name, dying)


def main(directory: str, step: str) -> None:
    """Arm the step, and rotate."""
    arm: dict[str, Callable[[], None]] = {
        "key": lambda: die_behind(operator, "write_durably"),
        # The new table is written, and has not taken the place of the old one.
        "table written": lambda: die_behind(
            sys.modules["counterfoil_server.files"], "write_durably"
        ),
        "table": lambda: die_behind(table, "replace_durably"),
        "secret": lambda: die_behind(rotate, "keep_secret"),
        "before commit": lambda: die_behind(rotate, "prepare_batch"),
        "commit": lambda: die_behind(LmdbStore, "transact"),
        # The log advances its anchor once when it is opened.
        "anchor": lambda: die_behind(Anchor, "advance", 1),
        "end": lambda: die_behind(operator, "change_key"),
    }
    arm.get(step, lambda: None)()
    operator.rotate_key(Path(directory), None, 1, "killed")


if __name__ == "__main__":
    main(*sys.argv[1:])
