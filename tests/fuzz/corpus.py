"""The corpus: for each target one file of cases found by mutation, a line of base64 each, the shortest first.

    python -m tests.fuzz.corpus FOLDER          take over what a long run left in FOLDER/<target>/

A case is kept when it reaches a step between two lines of the product that no shorter case reaches. Steps are seen by
the interpreter's own trace, so that no fuzzer is needed to make the corpus again.
"""

from __future__ import annotations

import base64
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

import counterfoil

from .target import Target, try_case
from .targets import TARGETS

CORPUS = Path(__file__).parent / "corpus"
CASE_SIZE_BYTES_MAX = 2048
CASES_MAX = 60

Step = tuple[str, int, int]

_ROOT = str(Path(counterfoil.__file__).parents[2])
_PACKAGES = tuple(
    f"{_ROOT}/{folder}/" for folder in ("ledger/counterfoil", "server", "clients/python")
)


def read_corpus(name: str) -> list[bytes]:
    """The cases of a target; none when it has no file yet."""
    path = CORPUS / f"{name}.txt"
    lines = path.read_text("ascii").splitlines() if path.exists() else []
    return [base64.b64decode(line) for line in lines]


def write_corpus(name: str, cases: Sequence[bytes]) -> None:
    """Replace the cases of a target."""
    CORPUS.mkdir(exist_ok=True)
    lines = [base64.b64encode(case).decode() + "\n" for case in cases]
    (CORPUS / f"{name}.txt").write_text("".join(lines), "ascii")


def minimise(target: Target, cases: Iterable[bytes]) -> list[bytes]:
    """The cases, shortest first, that each reach a step which the seeds and the cases before do not reach."""
    reached: set[Step] = set()
    for seed in target.seeds():
        reached |= steps_of(target, seed)
    kept: list[bytes] = []
    for case in sorted(set(cases), key=lambda case: (len(case), case)):
        if len(case) <= CASE_SIZE_BYTES_MAX and len(kept) < CASES_MAX:
            steps = steps_of(target, case)
            if not steps <= reached:
                reached |= steps
                kept.append(case)
    return kept


def steps_of(target: Target, case: bytes) -> set[Step]:
    """The steps between lines of the product that a case takes."""
    with _traced() as steps:
        try_case(target, case)
    return steps


@contextmanager
def _traced() -> Iterator[set[Step]]:
    steps: set[Step] = set()

    def call(frame: FrameType, _event: str, _argument: Any) -> Any:
        if not frame.f_code.co_filename.startswith(_PACKAGES):
            return None
        file, last = frame.f_code.co_filename, 0

        def line(frame: FrameType, event: str, _argument: Any) -> Any:
            nonlocal last
            if event == "line":
                steps.add((file, last, frame.f_lineno))
                last = frame.f_lineno
            return line

        return line

    before = sys.gettrace()
    sys.settrace(call)
    try:
        yield steps
    finally:
        sys.settrace(before)


def main(folder: Path) -> None:
    """Take over what a long run found."""
    for target in TARGETS:
        found = [path.read_bytes() for path in sorted((folder / target.name).glob("*"))]
        if found or read_corpus(target.name):
            kept = minimise(target, [*read_corpus(target.name), *found])
            write_corpus(target.name, kept)
            print(f"{target.name}: {len(found)} found, {len(kept)} kept", flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
