"""Fingerprints of files are those of other programs, and a file that changes is told."""

from __future__ import annotations

import hashlib
import random
from pathlib import Path

import pytest
from blake3 import blake3

from counterfoil_cli.console import CommandError
from counterfoil_cli.fingerprint import fingerprint_files, total_size_bytes


@pytest.mark.parametrize(
    "size_bytes", [0, 1, 1023, (1 << 20) - 1, 1 << 20, (1 << 20) + 1, 3_500_000]
)
def test_fingerprints_are_those_of_the_whole_content(tmp_path: Path, size_bytes: int) -> None:
    """Reading in pieces and in threads changes nothing, at every size around a piece."""
    data = random.Random(size_bytes).randbytes(size_bytes)
    path = tmp_path / "artifact"
    path.write_bytes(data)

    (found,) = fingerprint_files([path], lambda _more: None)

    assert (found.size_bytes, found.sha256, found.blake3) == (
        size_bytes,
        hashlib.sha256(data).digest(),
        blake3(data).digest(),
    )


def test_many_files_come_back_in_order_and_every_byte_is_counted(tmp_path: Path) -> None:
    """However the threads run, the answer has the order of the question, and progress adds up."""
    paths = []
    for number in range(40):
        path = tmp_path / f"{number:02d}"
        path.write_bytes(bytes([number]) * (number * 50_000))
        paths.append(path)
    done = 0

    def advance(more: int) -> None:
        nonlocal done
        done += more

    found = fingerprint_files(paths, advance)

    assert [each.path for each in found] == paths
    assert [each.sha256 for each in found] == [
        hashlib.sha256(path.read_bytes()).digest() for path in paths
    ]
    assert done == total_size_bytes(paths)


def test_a_file_that_changes_while_it_is_read_is_refused(tmp_path: Path) -> None:
    """A fingerprint of something that never existed is not recorded."""
    path = tmp_path / "artifact"
    path.write_bytes(bytes(3 << 20))

    def grow(_more: int) -> None:
        with path.open("ab") as file:
            file.write(b"x")

    with pytest.raises(CommandError, match="changed while it was read"):
        fingerprint_files([path], grow)


@pytest.mark.parametrize("kind", ["absent", "directory", "device"])
def test_what_is_no_file_is_refused(tmp_path: Path, kind: str) -> None:
    """Only regular files have lasting content."""
    path = {"absent": tmp_path / "x", "directory": tmp_path, "device": Path("/dev/zero")}[kind]

    with pytest.raises(CommandError, match=str(path)):
        fingerprint_files([path], lambda _more: None)
