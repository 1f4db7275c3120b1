"""What a program did to its files, from the system calls that strace saw.

``record`` runs a program, and all that it starts, under strace; ``parse_trace`` makes events of the lines. An event
has the numbers of the lines at which its call began and ended: threads overlap, and a write that was under way when
a flush began is not covered by it.

A call on a watched file that this model does not know is an error and never ignored: a state that cannot be made
would count as one that was found sound.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

_WRITES: Final = ("write", "pwrite64", "writev", "pwritev", "pwritev2")
_FLUSHES: Final = ("fsync", "fdatasync")
_UNKNOWN: Final = (
    *("rename", "renameat", "renameat2", "unlink", "unlinkat", "rmdir", "link", "linkat"),
    *("symlink", "symlinkat", "truncate", "fallocate", "sync_file_range", "copy_file_range"),
    *("sendfile", "creat", "mkdirat"),
)
_TRACED: Final = ("openat", "open", "mkdir", "ftruncate", "lseek", *_WRITES, *_FLUSHES, *_UNKNOWN)
_CALL = re.compile(r"(?P<pid>\d+) +(?:<\.\.\. )?(?P<name>\w+)(?P<resumed> resumed>|\()")
_HANDLE = re.compile(r"(\d+)<((?:\\x[0-9a-f]{2})*)>")
_UNFINISHED: Final = "<unfinished ...>"


@dataclass(frozen=True)
class Event:
    """One call: ``path`` is relative to the folder that the watched one is in; "." is that folder itself."""

    path: str
    start: float
    end: float


@dataclass(frozen=True)
class Named(Event):
    """A file or a folder got its name; the folder above it has to be flushed before that is durable."""

    folder: bool


@dataclass(frozen=True)
class Write(Event):
    """Bytes at an offset; ``durable`` when the file was opened so that each write is flushed (O_DSYNC)."""

    offset: int
    data: bytes = field(repr=False)
    durable: bool


@dataclass(frozen=True)
class Resized(Event):
    """The file got another length."""

    size: int


@dataclass(frozen=True)
class Flushed(Event):
    """All that was written to the file, or named in the folder, before ``start`` is durable at ``end``."""


@dataclass(frozen=True)
class Said(Event):
    """A line of the journal: from ``start`` on somebody relies on it."""

    line: dict[str, Any]


class UnmodelledError(Exception):
    """The program did something with a watched file that this model does not know."""


def record(command: Sequence[str], trace: Path, **options: Any) -> None:
    """Run a program under strace.

    Raises:
        subprocess.CalledProcessError: it failed.
    """
    strace = ["strace", "-f", "-y", "-xx", "-s", str(1 << 26), "--seccomp-bpf", "-o", str(trace)]
    subprocess.run([*strace, "-e", f"trace={','.join(_TRACED)}", *command], check=True, **options)


def why_not_traceable() -> str:
    """Why no program can be recorded here; empty when one can."""
    if shutil.which("strace") is None:
        return "strace is missing (Debian: apt-get install strace)"
    tried = ["strace", "-f", "--seccomp-bpf", "-e", "trace=write", "true"]
    done = subprocess.run(tried, capture_output=True, text=True)
    return "" if done.returncode == 0 else f"strace cannot trace here: {done.stderr.strip()}"


def parse_trace(lines: Iterable[str], directory: Path, journal: Path) -> list[Event]:
    """What happened to a directory and all in it, and the lines of the journal, in the order of their starts.

    Raises:
        UnmodelledError: see the class.
    """
    reader = _Reader(directory, str(journal))
    events = [event for call in _calls(lines) for event in reader.read(call)]
    return sorted(events, key=lambda event: event.start)


@dataclass(frozen=True)
class _Call:
    name: str
    arguments: str
    result: str
    start: int
    end: int


def _calls(lines: Iterable[str]) -> Iterator[_Call]:
    """Whole calls that succeeded; those that were interrupted by lines of other threads are put together."""
    begun: dict[str, tuple[int, str]] = {}
    for number, line in enumerate(lines):
        found = _CALL.match(line)
        if found is None:
            continue  # A signal, or the end of a process.
        text = line[found.end() :].rstrip("\n")
        start = number
        if found["resumed"].startswith(" "):
            start, before = begun.pop(found["pid"])
            text = before + text
        if text.endswith(_UNFINISHED):
            begun[found["pid"]] = number, text.removesuffix(_UNFINISHED)
            continue
        arguments, _, result = text.rpartition(" = ")
        if not result.startswith(("-", "?")):
            yield _Call(found["name"], arguments.rstrip().removesuffix(")"), result, start, number)


def _text(quoted: str) -> bytes:
    return bytes.fromhex(quoted.replace("\\x", ""))


class _Reader:
    """Makes events of calls; remembers how files were opened, and where the next plain write goes."""

    def __init__(self, directory: Path, journal: str) -> None:
        self._above, self._directory = str(directory.parent), str(directory)
        self._journal = journal
        self._known = {"."}
        self._flags: dict[tuple[str, str], str] = {}
        self._places: dict[tuple[str, str], int] = {}

    def read(self, call: _Call) -> Iterator[Event]:
        span = call.start, call.end
        if call.name in _UNKNOWN:
            if any(self._watched(_text(part).decode()) for part in call.arguments.split('"')[1::2]):
                raise UnmodelledError(f"{call.name} on a watched file")
            return
        if call.name == "mkdir":
            path = self._watched(_text(call.arguments.split('"')[1]).decode())
            if path is not None:
                self._known.add(path)
                yield Named(path, *span, folder=True)
            return
        handle = _HANDLE.match(call.result if call.name.startswith("open") else call.arguments)
        name = "" if handle is None else _text(handle[2]).decode()
        if handle is not None and name == self._journal and call.name == "write":
            yield Said(name, *span, json.loads(_text(call.arguments.split('"')[1])))
        path = self._watched(name)
        if handle is None or path is None or name == self._journal:
            return
        if call.name.startswith("open"):
            yield from self._opened(call, path, handle[1])
        elif call.name == "lseek":
            self._places[path, handle[1]] = int(call.result)
        elif call.name in _FLUSHES:
            yield Flushed(path, *span)
        elif call.name == "ftruncate":
            yield Resized(path, *span, int(call.arguments.rpartition(",")[2]))
        else:
            yield self._written(call, path, handle[1])

    def _watched(self, name: str) -> str | None:
        """A path as seen from the folder above the watched one, or None when it is of no interest."""
        if name == self._above:
            return "."
        if name == self._directory or name.startswith(self._directory + "/"):
            return name[len(self._above) + 1 :]
        return None

    def _opened(self, call: _Call, path: str, handle: str) -> Iterator[Event]:
        flags = call.arguments.split('"')[2]
        self._flags[path, handle] = flags
        self._places[path, handle] = 0
        if path in self._known:
            if "O_TRUNC" in flags:
                raise UnmodelledError(f"{path} is emptied when it is opened")
        elif "O_CREAT" in flags:
            self._known.add(path)
            yield Named(path, call.start, call.end, folder=False)

    def _written(self, call: _Call, path: str, handle: str) -> Write:
        flags = self._flags[path, handle]
        if "O_APPEND" in flags:
            raise UnmodelledError(f"{path} is appended to")
        data = b"".join(_text(part) for part in call.arguments.split('"')[1::2])
        done = int(call.result)
        if call.name in ("write", "writev"):
            offset = self._places[path, handle]
            self._places[path, handle] += done
        elif call.name == "pwritev2":
            raise UnmodelledError("pwritev2, whose flags may say anything")
        else:
            offset = int(call.arguments.rpartition(",")[2])
        durable = "O_DSYNC" in flags or "O_SYNC" in flags
        return Write(path, call.start, call.end, offset, data[:done], durable)
