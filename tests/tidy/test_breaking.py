"""scripts/breaking.py compares the API with the version before it, whatever the shape of history."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from .sources import ROOT

BEFORE = 'syntax = "proto3";\npackage p.v1;\nmessage M {\n  string a = 1;\n}\n'
ADDED = BEFORE.replace("}", "  string b = 2;\n}")
BROKEN = BEFORE.replace("string a = 1", "int64 a = 1")


class Checkout:
    """A repository of its own with the script, a proto, and nothing else."""

    def __init__(self, root: Path) -> None:
        self.root = root
        (root / "proto" / "p" / "v1").mkdir(parents=True)
        (root / "scripts").mkdir()
        shutil.copy(ROOT / "scripts" / "breaking.py", root / "scripts")
        shutil.copy(ROOT / "buf.yaml", root)
        self.git("init", "--quiet", "--initial-branch=main")

    def git(self, *arguments: str) -> None:
        identity = ("-c", "user.name=t", "-c", "user.email=t@example.com")
        environment = {**os.environ, "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}
        subprocess.run(["git", *identity, *arguments], cwd=self.root, env=environment, check=True)

    def write(self, proto: str) -> None:
        (self.root / "proto" / "p" / "v1" / "m.proto").write_text(proto)

    def commit(self, proto: str | None = None) -> None:
        if proto is not None:
            self.write(proto)
        self.git("add", "--all")
        self.git("commit", "--quiet", "--allow-empty", "--message=step")

    def check(self) -> tuple[int, str]:
        script = [sys.executable, str(self.root / "scripts" / "breaking.py")]
        done = subprocess.run(script, cwd=self.root, capture_output=True, text=True)
        return done.returncode, done.stdout + done.stderr


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    """A checkout without commits."""
    return Checkout(tmp_path / "origin")


def uncommitted(checkout: Checkout) -> None:
    """The break is only in the working tree."""
    checkout.commit(BEFORE)
    checkout.write(BROKEN)


def newest_commit(checkout: Checkout) -> None:
    """The break is the newest commit of main."""
    checkout.commit(BEFORE)
    checkout.commit(BROKEN)


def other_commits_since(checkout: Checkout) -> None:
    """The break is an older commit; commits since then did not touch proto/."""
    newest_commit(checkout)
    checkout.commit()
    checkout.commit()


def on_a_branch(checkout: Checkout) -> None:
    """The break is an older commit of a branch that changed proto/ again after it."""
    checkout.commit(BEFORE)
    checkout.git("switch", "--quiet", "--create", "topic")
    checkout.commit(BROKEN)
    checkout.commit(BROKEN + "// more\n")


def merged(checkout: Checkout) -> None:
    """The break came to main by a merge commit."""
    on_a_branch(checkout)
    checkout.git("switch", "--quiet", "main")
    checkout.git("merge", "--quiet", "--no-ff", "--message=merge", "topic")


def removed_file(checkout: Checkout) -> None:
    """The only proto file is gone."""
    checkout.commit(BEFORE)
    checkout.git("mv", "proto/p/v1/m.proto", "proto/p/v1/n.proto")


@pytest.mark.parametrize(
    "history", [uncommitted, newest_commit, other_commits_since, on_a_branch, merged, removed_file]
)
def test_a_planted_break_is_caught(checkout: Checkout, history: Callable[[Checkout], None]) -> None:
    """An incompatible change fails the check until the next version of the API, wherever it stands."""
    history(checkout)

    status, output = checkout.check()

    assert status != 0, output
    assert "m.proto" in output


@pytest.mark.parametrize("then_commit", [False, True])
def test_an_addition_passes(checkout: Checkout, then_commit: bool) -> None:
    """A new field breaks nobody, and the output says what was compared."""
    checkout.commit(BEFORE)
    checkout.write(ADDED)
    if then_commit:
        checkout.commit()

    status, output = checkout.check()

    assert (status, "against" in output) == (0, True), output


def test_a_first_version_passes_visibly(checkout: Checkout) -> None:
    """Where there is nothing to compare with, the check passes and says so."""
    checkout.write(BEFORE)
    outputs = [checkout.check()]
    checkout.commit()
    outputs.append(checkout.check())

    assert [status for status, _ in outputs] == [0, 0]
    assert "NOT COMPARED, nothing is committed yet" in outputs[0][1]
    assert "NOT COMPARED, this is the first version" in outputs[1][1]


def test_a_shallow_clone_passes_visibly(checkout: Checkout, tmp_path: Path) -> None:
    """A clone of depth one holds no earlier version; the check says so instead of guessing."""
    newest_commit(checkout)
    clone = tmp_path / "clone"
    checkout.git("clone", "--quiet", "--depth=1", checkout.root.as_uri(), str(clone))
    script = [sys.executable, str(clone / "scripts" / "breaking.py")]

    done = subprocess.run(script, cwd=clone, capture_output=True, text=True)

    assert (done.returncode, done.stderr) == (0, "")
    assert "NOT COMPARED, this clone is shallow" in done.stdout


def test_a_git_that_fails_is_no_pass(checkout: Checkout) -> None:
    """A repository that git cannot read fails the check."""
    checkout.commit(BEFORE)
    (checkout.root / ".git" / "HEAD").write_text("nonsense\n")

    status, output = checkout.check()

    assert status == 1
    assert "git failed" in output
