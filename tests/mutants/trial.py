"""Running tests on a copy of the project that has one seeded bug."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
import xml.etree.ElementTree as ET
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from .mutant import ROOT, Mutant, apply

PACKAGE_FOLDERS: Final = ("ledger", "server", "clients/python")
TWIN: Final = "ledger/counterfoil/_native.abi3.so"
# A test that waits for so long is stopped. That may be the machine's fault, and so does not count as caught.
TEST_TIMEOUT_S: Final = 120

CAUGHT, SURVIVED, BROKEN = "caught", "survived", "broken"
# What a patch that is no program raises, wherever it is raised.
_NO_PROGRAM: Final = (
    "SyntaxError",
    "IndentationError",
    "ImportError",
    "ModuleNotFoundError",
    "NameError",
)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of one trial.

    Attributes:
        outcome: CAUGHT when a test failed; SURVIVED when none did; BROKEN when the trial shows nothing.
        told: the first test that failed, or why the trial shows nothing.
        seconds: how long it took.
    """

    outcome: str
    told: str
    seconds: float


def copy_tree(target: Path) -> None:
    """Copy what git knows of the checkout, as it is now, and the compiled twin."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        check=True,
    )
    for name in (*filter(None, listed.stdout.decode().split("\0")), TWIN):
        if (ROOT / name).is_file():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, target / name)


def try_mutant(mutant: Mutant, pristine: Path, tree: Path) -> Verdict:
    """Put a bug into a fresh copy at ``tree``, run its tests, and take the copy away again."""
    begun_s = time.monotonic()
    shutil.copytree(pristine, tree)
    try:
        told = apply(mutant, tree) or _build(mutant, tree) or find_foreign(mutant.files, tree)
        if told:
            return Verdict(BROKEN, told, time.monotonic() - begun_s)
        return run_tests(mutant.tests, tree)
    finally:
        shutil.rmtree(tree)


def run_tests(tests: tuple[str, ...], tree: Path) -> Verdict:
    """Run tests in a tree until the first one fails."""
    begun_s = time.monotonic()
    report = tree.with_suffix(".xml")
    options = ["-q", "-x", "-n0", "-p", "no:cacheprovider", f"--timeout={TEST_TIMEOUT_S}"]
    command = [sys.executable, "-m", "pytest", *options, f"--junitxml={report}", *tests]
    done = subprocess.run(
        command, cwd=tree, env=_environment(tree), capture_output=True, text=True, errors="replace"
    )
    outcome, told = judge(done.returncode, report, done.stdout[-2000:] + done.stderr[-2000:])
    return Verdict(outcome, told, time.monotonic() - begun_s)


def judge(code: int, report: Path, output: str) -> tuple[str, str]:
    """What pytest's exit code and JUnit report say: only a test that ran and failed has caught anything."""
    if code == 0:
        return SURVIVED, ""
    if code != 1:
        return BROKEN, f"pytest ended with {code}: {output[-300:]}"
    for case in ET.parse(report).iter("testcase"):
        name = f"{case.get('classname', '').replace('.', '/')}.py::{case.get('name')}"
        error, failure = case.find("error"), case.find("failure")
        if error is not None:
            return BROKEN, f"{name} could not run: {error.get('message', '')[:200]}"
        if failure is not None:
            message = failure.get("message", "")
            if message.startswith(("Failed: Timeout", *_NO_PROGRAM)):
                return BROKEN, f"{name}: {message[:200]}"
            return CAUGHT, name
    return BROKEN, f"no test failed, and yet pytest did: {output[-300:]}"


def find_foreign(files: tuple[str, ...], tree: Path) -> str:
    """Why the modules that were changed cannot be imported from this tree and no other; empty when they can."""
    modules = [".".join(Path(file).with_suffix("").parts) for file in files if file.endswith(".py")]
    for folder in PACKAGE_FOLDERS:
        prefix = folder.replace("/", ".") + "."
        modules = [module.removeprefix(prefix).removesuffix(".__init__") for module in modules]
    program = (
        "import importlib, sys\n"
        f"for name in {['counterfoil.twin', *modules]!r}:\n"
        "    file = importlib.import_module(name).__file__\n"
        f"    if not file.startswith({str(tree)!r}): sys.exit('imported from elsewhere: ' + file)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=tree,
        env=_environment(tree),
        capture_output=True,
        text=True,
    )
    return done.stderr[-300:].strip() if done.returncode else ""


def _build(mutant: Mutant, tree: Path) -> str:
    """Compile the twin of a tree, if the bug is in it; why it could not be compiled, or the empty string."""
    if not mutant.is_native:
        return ""
    command = [sys.executable, "scripts/build_twin.py", str(tree / TWIN)]
    return subprocess.run(command, cwd=tree, capture_output=True, text=True).stderr.strip()


def _environment(tree: Path) -> dict[str, str]:
    # Before the editable install, which names the folders of the checkout.
    path = os.pathsep.join(str(tree / folder) for folder in PACKAGE_FOLDERS)
    return {**os.environ, "PYTHONPATH": path, "OPENBLAS_NUM_THREADS": "1"}
