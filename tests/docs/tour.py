"""Runs the commands that a page shows, one after the other, and compares what they print.

What differs from run to run (keys, ids, times, hashes, addresses) is compared by its form, and a later command that
names such a value is given the one of this run.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

_VARIABLE = re.compile(
    r"example\.com/ledger\+[0-9a-f]{8}\+[A-Za-z0-9+/=]{44}"  # a verifier key
    r"|\b(?:gen|pt|ev|pay|cr|as|li|rv|pr|va)_\d+_[0-9a-f]{8}\b"  # an entry's id
    r"|\b\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z"  # a time of the log
    r"|[A-Za-z0-9+/]{43,}={0,2}"  # a hash or a signature
    r"|\bcf_live_[a-z2-7]{12}_[a-z2-7]{52}_[a-z2-7]{8}\b"  # an operator's key
    r"|(?<=with the key )[a-z2-7]{12}\b"
    r"|\d[\d,]* a second"
    r"|127\.0\.0\.1:\d+"
)


class Tour:
    """A folder in which the commands run, and what their values are this time."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._values: dict[str, str] = {}
        self._server: subprocess.Popen[str] | None = None
        # The program as it is in this environment, wherever its script may be.
        program = folder / "bin" / "counterfoil"
        program.parent.mkdir()
        program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m counterfoil_cli "$@"\n')
        program.chmod(0o700)
        self._env = {
            **os.environ,
            "PATH": f"{program.parent}:{os.environ['PATH']}",
            "COLUMNS": "100",
        }

    @property
    def environment(self) -> dict[str, str]:
        """What the commands have in their environment."""
        return dict(self._env)

    @property
    def address(self) -> str:
        """Where the ledger of the tour serves."""
        return self._env["COUNTERFOIL_SERVER"]

    def run(self, command: str, expected: str) -> None:
        """Run a command, and fail unless it prints what is expected."""
        for shown, real in self._values.items():
            command = command.replace(shown, real)
        if command.startswith("export "):
            # Each command has a shell of its own: what one of them exports is remembered here.
            name, _, value = command.removeprefix("export ").partition("=")
            self._env[name], printed = value, ""
        elif command.startswith("counterfoil serve "):
            printed = self._serve(command)
        else:
            printed = self._do(command)

        assert _masked(printed) == _masked(expected), command
        self._values.update(
            zip(_VARIABLE.findall(expected), _VARIABLE.findall(printed), strict=True)
        )

    def close(self) -> None:
        """Stop the ledger that a command has started."""
        if self._server is not None:
            os.killpg(self._server.pid, signal.SIGTERM)
            with self._server:
                self._server.wait()

    def _do(self, command: str) -> str:
        done = subprocess.run(
            ["bash", "-c", command],
            cwd=self._folder,
            env=self._env,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            encoding="utf-8",
        )
        return done.stdout

    def _serve(self, command: str) -> str:
        """Serve on a free port, and let later commands speak to it."""
        with (self._folder / "server.log").open("wb") as log:
            self._server = subprocess.Popen(
                ["bash", "-c", f"{command} --grpc 127.0.0.1:0"],
                cwd=self._folder,
                env=self._env,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                start_new_session=True,
            )
        assert self._server.stdout is not None
        line = self._server.stdout.readline()
        self._env["COUNTERFOIL_SERVER"] = line.rpartition(" grpc ")[2].strip()
        return line


def _masked(text: str) -> list[str]:
    return [_VARIABLE.sub("*", line).rstrip() for line in text.splitlines()]
