"""Power cuts of a real file system: ``python -m tests.fault.fs_cuts`` (``make fs-cuts``).

A file system on a loop device is shut down under a writer, without a flush of its journal: what the kernel had not yet
written is gone, as after a power cut. It is mounted again, which replays the journal, and the directory is judged by
what the writer had acknowledged. The same ledger is cut again and again. Needs root, mount and a loop device.
"""

from __future__ import annotations

import argparse
import fcntl
import json
import os
import random
import shutil
import struct
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, Final

from .children import in_child
from .power_judge import SOUND, judge, promised
from .reporting import ROOT, LongRun

SEED: Final = 20261107
# _IOR('X', 125, __u32): XFS_IOC_GOINGDOWN, which ext4 took over as EXT4_IOC_SHUTDOWN.
_SHUTDOWN: Final = 0x8004587D
_WITHOUT_FLUSH: Final = 2
_IMAGE_SIZE_BYTES: Final = {"ext4": 128 << 20, "xfs": 512 << 20}
_MAKE: Final = {"ext4": ("mkfs.ext4", "-q", "-F"), "xfs": ("mkfs.xfs", "-q", "-f")}
FILE_SYSTEMS: Final = tuple(_MAKE)
_ACKNOWLEDGEMENTS_MAX: Final = 40


class Disk:
    """A file system in a file."""

    def __init__(self, kind: str, area: Path) -> None:
        self.image, self.folder = area / f"{kind}.img", area / kind
        with self.image.open("wb") as file:
            file.truncate(_IMAGE_SIZE_BYTES[kind])
        run(*_MAKE[kind], str(self.image))
        self.folder.mkdir()

    @contextmanager
    def mounted(self) -> Iterator[Path]:
        """Mount it, which replays its journal, until the end of the block."""
        run("mount", "-o", "loop", str(self.image), str(self.folder))
        try:
            yield self.folder
        finally:
            run("umount", str(self.folder))

    def shut_down(self) -> None:
        """Cut the power: nothing more reaches the image."""
        handle = os.open(self.folder, os.O_RDONLY)
        try:
            fcntl.ioctl(handle, _SHUTDOWN, struct.pack("I", _WITHOUT_FLUSH))
        finally:
            os.close(handle)


def run(*command: str) -> None:
    """Run a program that must succeed."""
    subprocess.run(command, check=True, capture_output=True, text=True)


def why_not(kind: str) -> str:
    """Why a file system cannot be cut here; empty when it can."""
    program = _MAKE[kind][0]
    if shutil.which(program) is None:
        return f"{program} is missing"
    if os.geteuid() != 0:
        return "only root may mount"
    try:
        with tempfile.TemporaryDirectory() as name:
            disk = Disk(kind, Path(name))
            with disk.mounted():
                disk.shut_down()
    except (OSError, subprocess.CalledProcessError) as error:
        return f"{kind} cannot be mounted and shut down here: {error}"
    return ""


def write_and_cut(disk: Disk, count: int, *, careless: bool) -> list[dict[str, Any]]:
    """Let a writer write until so many acknowledgements have come, cut, and return them all."""
    with disk.mounted() as folder:
        command = [sys.executable, "-m", "tests.fault.fs_load", str(folder / "ledger")]
        writer = subprocess.Popen(
            [*command, *(["careless"] if careless else [])],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        assert writer.stdout is not None
        said = [json.loads(writer.stdout.readline()) for _ in range(count)]
        disk.shut_down()
        writer.kill()
        rest, _ = writer.communicate()
        # The last line may have been cut by the kill: nobody read it as an acknowledgement.
        said += [json.loads(line) for line in rest.splitlines(keepends=True) if line.endswith("\n")]
    return said


def cut(kind: str, cycles: int, seed: int, area: Path, *, careless: bool = False) -> dict[str, Any]:
    """Cut a file system so many times; what was wrong afterwards."""
    chance = random.Random(seed)
    disk = Disk(kind, area)
    bad, acknowledged = [], 0
    for _ in range(cycles):
        said = write_and_cut(disk, chance.randrange(2, _ACKNOWLEDGEMENTS_MAX), careless=careless)
        acknowledged += len(said) - 1
        with disk.mounted() as folder:
            verdict = in_child(partial(judge, folder / "ledger", promised(said), deep=True))
        if verdict != SOUND:
            bad.append(verdict)
            break  # Its history is broken: what follows would say nothing.
    disk.image.unlink()
    return {"cuts": cycles, "acknowledged_appends": acknowledged, "bad": bad}


def main() -> int:
    """Cut each file system that can be cut here; 0 when nothing is wrong."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cycles", type=int, default=4, help="of each file system")
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--result", type=Path, help="a JSON file")
    options = parser.parse_args()
    clock = LongRun()
    result: dict[str, Any] = {"seed": options.seed, "skipped": {}, "negative_controls": {}}
    for kind in FILE_SYSTEMS:
        if reason := why_not(kind):
            result["skipped"][kind] = reason
            continue
        with tempfile.TemporaryDirectory() as name:
            result[kind] = cut(kind, options.cycles, options.seed, Path(name))
        with tempfile.TemporaryDirectory() as name:
            careless = cut(kind, 5, options.seed, Path(name), careless=True)
        result["negative_controls"][kind] = {"nothing flushed": careless["bad"]}
    result["not_covered"] = "the disk's own cache; other file systems; cuts while a ledger is made"
    clock.report(result, options.result)
    done = [result[kind] for kind in FILE_SYSTEMS if kind in result]
    return 1 if any(each["bad"] for each in done) else 0


if __name__ == "__main__":
    sys.exit(main())
