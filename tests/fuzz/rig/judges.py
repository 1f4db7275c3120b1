"""The verifiers of the comparison, each a process that judges blocks of cases; those that are not installed are named."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from ...docs.pages import marked_blocks, read_page
from .case import Case
from .notes import GO, PAGE_JS, PAGE_PYTHON, PYMERKLE

HERE = Path(__file__).parent
_BUILD_S_MAX = 120
ROOT = HERE.parents[2]
OWN_TWIN, OWN_PYTHON = "own-twin", "own-python"
OWN = frozenset({OWN_TWIN, OWN_PYTHON})


@dataclass
class Judge:
    """One verifier that runs.

    Attributes:
        key: what cases call it. name: what it calls itself.
    """

    key: str
    name: str
    process: subprocess.Popen[bytes]

    @property
    def _pipes(self) -> tuple[BinaryIO, BinaryIO]:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        return self.process.stdin, self.process.stdout  # type: ignore[return-value]

    def ask(self, cases: Sequence[Case]) -> None:
        """Send a block; the answer is fetched with :meth:`answers`."""
        pipe = self._pipes[0]
        pipe.write(b"".join(case.line for case in cases) + b"\n")
        pipe.flush()

    def answers(self, count: int) -> str:
        """A character for each case of the block.

        Raises:
            RuntimeError: it ended, or answered something else.
        """
        line = self._pipes[1].readline().decode().strip()
        if len(line) != count:
            raise RuntimeError(f"{self.name} gave {len(line)} verdicts on {count} cases")
        return line


@contextmanager
def all_judges(folder: Path) -> Iterator[tuple[list[Judge], dict[str, str]]]:
    """The judges that run here, and for each other one why not.

    Args:
        folder: where the programs are put and built.
    """
    commands, missing = _commands(folder)
    with ExitStack() as stack:
        judges = []
        for key, (command, environment) in commands.items():
            process = stack.enter_context(_started(command, environment))
            assert process.stdout is not None
            judges.append(Judge(key, process.stdout.readline().decode().strip(), process))
        if OWN_TWIN in commands and "compiled" not in judges[0].name:
            missing[OWN_TWIN] = "the compiled twin was not built"
        yield judges, missing


@contextmanager
def _started(
    command: Sequence[str], environment: dict[str, str]
) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(
        command,
        cwd=ROOT,
        env={**os.environ, **environment},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    try:
        yield process
    finally:
        with process:
            process.kill()


Command = tuple[list[str], dict[str, str]]


def _commands(folder: Path) -> tuple[dict[str, Command], dict[str, str]]:
    blocks = marked_blocks(read_page("docs/VERIFYING.md"))
    for name in ("verify_receipt.py", "verify_batch.py"):
        (folder / name).write_text(blocks[name], encoding="utf-8")
    python = [sys.executable, "-m", "tests.fuzz.rig.judge_own"]
    page = [sys.executable, "-I", str(HERE / "judge_page.py"), str(folder), str(HERE)]
    commands: dict[str, Command] = {
        OWN_TWIN: (python, {"COUNTERFOIL_TWIN": "on"}),
        OWN_PYTHON: (python, {"COUNTERFOIL_TWIN": "off"}),
        PAGE_PYTHON: (page, {}),
    }
    missing: dict[str, str] = {}
    node = shutil.which("node")
    if node is None:
        missing[PAGE_JS] = "no node on this machine"
    else:
        # The page's program ends with the part that reads files; here cases come instead.
        program = blocks["verify_receipt.mjs"].partition("\nconst [vkey, ...files]")[0]
        text = program + "\n" + (HERE / "judge.mjs").read_text(encoding="utf-8")
        (folder / "judge.mjs").write_text(text, encoding="utf-8")
        commands[PAGE_JS] = ([node, str(folder / "judge.mjs")], {})
    if importlib.util.find_spec("pymerkle") is None:
        missing[PYMERKLE] = "pymerkle is not installed: the extra [fuzz] has it"
    else:
        commands[PYMERKLE] = ([sys.executable, "-m", "tests.fuzz.rig.judge_pymerkle"], {})
    told = _build_go(folder)
    if told:
        missing[GO] = told
    else:
        commands[GO] = ([str(folder / "judge-go")], {})
    return commands, missing


def _build_go(folder: Path) -> str:
    """Why the Go program cannot run here; empty when it was built."""
    go = shutil.which("go")
    if go is None:
        return "no go on this machine"
    command = [go, "build", "-o", str(folder / "judge-go"), "."]
    try:
        built = subprocess.run(
            command, cwd=HERE / "judge_go", capture_output=True, text=True, timeout=_BUILD_S_MAX
        )
    except subprocess.TimeoutExpired:
        return "the Go program could not be built in time: its one module may be out of reach"
    if built.returncode:
        return f"the Go program cannot be built here: {built.stderr.strip()[-200:]}"
    return ""
