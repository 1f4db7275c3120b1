"""Fuzzes one target with atheris, guided by coverage, in a process of its own: started by tests.fuzz.parsers.

    python -m tests.fuzz.guided TARGET CORPUS -runs=100000 -seed=1

A finding ends the process with the case, as does a case that takes too long; libFuzzer ends it when one takes too much
memory.
"""

from __future__ import annotations

import importlib
import sys

PACKAGES = ["counterfoil", "counterfoil_server", "counterfoil_cli", "counterfoil_client"]


def main(name: str, options: list[str]) -> None:
    """Fuzz until the runs are done; libFuzzer ends the process."""
    import atheris

    with atheris.instrument_imports(include=PACKAGES):
        targets = importlib.import_module(f"{__package__}.targets")
    target_module = importlib.import_module(f"{__package__}.target")
    patience = importlib.import_module(f"{__package__}.patience").patience
    target, try_case = targets.TARGET_BY_NAME[name], target_module.try_case

    with patience(name) as begin_case:

        def one(data: bytes) -> None:
            begin_case()
            try_case(target, data)

        atheris.Setup([sys.argv[0], *options], one)
        atheris.Fuzz()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
