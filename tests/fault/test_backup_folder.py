"""What a backup holds, and that a restore takes nothing else for one."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from counterfoil.errors import StartupError
from counterfoil.log import Anchor
from counterfoil_server import files
from counterfoil_server.backup import take
from counterfoil_server.backup.manifest import format_manifest, parse_manifest
from counterfoil_server.backup.restore import restore
from counterfoil_server.backup.take import take_backup
from counterfoil_server.directory import create, load

from .history import Journal
from .small_ledger import ORIGIN, grow, make, quiet, running

SEED = 97
FLIPS = 60


@pytest.fixture
def ledger(tmp_path: Path) -> Path:
    """A ledger of a few entries."""
    journal = make(tmp_path / "ledger")
    grow(tmp_path / "ledger", journal, 5, 3)
    return tmp_path / "ledger"


@pytest.fixture
def backup(ledger: Path, tmp_path: Path) -> Path:
    """A backup of it, with the key."""
    take_backup(ledger, tmp_path / "backup", with_key=True)
    return tmp_path / "backup"


def names(folder: Path) -> list[str]:
    """All files below a folder."""
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


@pytest.mark.parametrize("with_key", [False, True])
def test_a_backup_has_the_key_by_choice_and_never_the_anchor(
    ledger: Path, tmp_path: Path, with_key: bool
) -> None:
    """The files are those of the manifest, are for their owner alone, and no partial folder is left."""
    manifest = take_backup(ledger, tmp_path / "backup", with_key=with_key)

    expected = ["counterfoil.toml", "manifest.json", *["signing.key"] * with_key, "store/data.mdb"]
    assert names(tmp_path / "backup") == expected
    assert set(manifest.files) == set(expected) - {"manifest.json"}
    for path in [tmp_path / "backup", *(tmp_path / "backup").rglob("*")]:
        assert path.stat().st_mode & 0o077 == 0, path
    assert [path for path in tmp_path.iterdir() if "partial" in path.name] == []
    assert (load(ledger).path("key").read_bytes() in content_of(tmp_path / "backup")) is with_key


def content_of(folder: Path) -> bytes:
    """Everything in the files of a folder."""
    return b"".join((folder / name).read_bytes() for name in names(folder))


def test_a_manifest_is_read_as_it_was_written(backup: Path) -> None:
    """Parsing and writing a manifest gives the same bytes."""
    data = (backup / "manifest.json").read_bytes()

    assert format_manifest(parse_manifest(data)) == data


@pytest.mark.parametrize("there", ["a folder", "a file", "a link to nowhere"])
def test_nothing_is_overwritten(ledger: Path, backup: Path, tmp_path: Path, there: str) -> None:
    """Backup and restore refuse a place that is taken, and leave what is there as it is."""
    place = tmp_path / "place"
    if there == "a folder":
        place.mkdir()
        (place / "file").write_text("kept")
    elif there == "a file":
        place.write_text("kept")
    else:
        place.symlink_to(tmp_path / "nowhere")

    with pytest.raises(StartupError, match="nothing is overwritten"):
        take_backup(ledger, place)
    with pytest.raises(StartupError, match="nothing is overwritten"):
        restore(backup, place, quiet)
    assert place.is_symlink() or content_of(place) == b"kept" or place.read_text() == "kept"
    assert not (tmp_path / "nowhere").exists()


def test_two_backups_to_one_place_do_not_mix(ledger: Path, tmp_path: Path) -> None:
    """While a folder is being made another command does not make it too, nor remove what is there so far."""
    with files.new_folder(tmp_path / "backup") as folder:
        (folder / "file").write_text("kept")
        with pytest.raises(StartupError, match="another command"):
            take_backup(ledger, tmp_path / "backup")

    assert content_of(tmp_path / "backup") == b"kept"


@pytest.mark.parametrize("step", ["sync_file", "copy_durably", "write_durably"])
def test_a_backup_that_fails_on_the_way_leaves_nothing(
    ledger: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    """Whatever step fails, there is no folder under the name of the backup, nor a partial one."""

    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(take, step, fail)

    with pytest.raises(OSError, match="No space left"):
        take_backup(ledger, tmp_path / "backup")
    assert [path.name for path in tmp_path.iterdir()] == ["ledger"]


def test_a_killed_backup_leaves_nothing_under_its_name(ledger: Path, tmp_path: Path) -> None:
    """A process that dies inside the copy leaves a partial folder that is no backup, and is not taken for one."""
    program = (
        "import os, signal\nfrom pathlib import Path\nfrom counterfoil_server.backup import take\n"
        "take.sync_file = lambda *_: os.kill(os.getpid(), signal.SIGKILL)\n"
        f"take.take_backup(Path({str(ledger)!r}), Path({str(tmp_path / 'backup')!r}))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.returncode == -signal.SIGKILL, done.stderr

    assert not (tmp_path / "backup").exists()
    with pytest.raises(StartupError, match="is no backup"):
        restore(tmp_path / ".backup.partial", tmp_path / "back", quiet)
    with pytest.raises(StartupError, match="was interrupted"):
        take_backup(ledger, tmp_path / "backup")


def test_everything_is_flushed_before_a_backup_gets_its_name(
    ledger: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each file and folder is synced, then comes the rename, then the folder around it is synced."""
    calls: list[tuple[str, str]] = []
    real_sync, real_rename = os.fsync, Path.rename

    def fsync(handle: int) -> None:
        calls.append(("fsync", str(Path(f"/proc/self/fd/{handle}").readlink())))
        real_sync(handle)

    def rename(path: Path, target: Path) -> Path:
        calls.append(("rename", str(path)))
        return real_rename(path, target)

    monkeypatch.setattr(os, "fsync", fsync)
    monkeypatch.setattr(Path, "rename", rename)
    take_backup(ledger, tmp_path / "backup", with_key=True)

    partial = tmp_path / ".backup.partial"
    at = calls.index(("rename", str(partial)))
    before = {path for kind, path in calls[:at] if kind == "fsync"}
    expected = {str(partial), str(partial / "store")}
    assert before >= expected | {str(partial / name) for name in names(tmp_path / "backup")}
    assert calls[at + 1 :] == [("fsync", str(tmp_path))]


def test_every_flip_in_a_backup_is_found(backup: Path, tmp_path: Path) -> None:
    """One bit changed anywhere in the files of a backup is refused, and nothing is restored."""
    chance = random.Random(SEED)
    for name in ("store/data.mdb", "counterfoil.toml", "signing.key"):
        good = (backup / name).read_bytes()
        for _ in range(FLIPS // 3):
            bad = bytearray(good)
            bit = chance.randrange(8 * len(bad))
            bad[bit // 8] ^= 1 << bit % 8
            (backup / name).write_bytes(bad)
            with pytest.raises(StartupError, match="not what the manifest says"):
                restore(backup, tmp_path / "back", quiet)
        (backup / name).write_bytes(good)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["backup", "ledger"], f"seed {SEED}"
    restore(backup, tmp_path / "back", quiet)


@pytest.mark.parametrize("name", ["store/data.mdb", "counterfoil.toml", "signing.key"])
@pytest.mark.parametrize("harm", ["missing", "cut short", "longer"])
def test_a_file_that_is_not_whole_is_refused(
    backup: Path, tmp_path: Path, name: str, harm: str
) -> None:
    """A file that is missing or has another size is told by its name."""
    data = (backup / name).read_bytes()
    if harm == "missing":
        (backup / name).unlink()
    else:
        (backup / name).write_bytes(data[:-1] if harm == "cut short" else data + b"\0")

    with pytest.raises(StartupError, match=name):
        restore(backup, tmp_path / "back", quiet)
    assert not (tmp_path / "back").exists()


Change = Callable[[dict[str, Any]], object]
CHANGES: dict[str, Change] = {
    "no format": lambda m: m.pop("format"),
    "another format": lambda m: m.update(format="counterfoil/backup@v2"),
    "a strange field": lambda m: m.update(strange=1),
    "no files": lambda m: m.update(files={}),
    "no store": lambda m: m["files"].pop("store/data.mdb"),
    "a way out": lambda m: m["files"].update({"../x": m["files"]["counterfoil.toml"]}),
    "an anchor": lambda m: m["files"].update({"anchor": m["files"]["counterfoil.toml"]}),
    "no digest": lambda m: m["files"]["counterfoil.toml"].pop("sha256"),
    "size as text": lambda m: m.update(size=str(m["size"])),
    "another size": lambda m: m.update(size=m["size"] + 1),
    "another root": lambda m: m.update(root_hash=m["root_hash"][::-1]),
    "root is no text": lambda m: m.update(root_hash=None),
    "another origin": lambda m: m.update(origin="other.example/ledger"),
    "key is no key": lambda m: m.update(vkey="nonsense"),
    "unsigned": lambda m: m.update(checkpoint=m["checkpoint"].partition("\n\n")[0] + "\n\n"),
    "signed for more": lambda m: m.update(
        size=99, checkpoint=m["checkpoint"].replace(f"\n{m['size']}\n", "\n99\n")
    ),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_manifest_that_says_something_else_is_refused(
    backup: Path, tmp_path: Path, change: str
) -> None:
    """A changed, incomplete or unsigned manifest restores nothing, outside the directory neither."""
    manifest = json.loads((backup / "manifest.json").read_text())
    CHANGES[change](manifest)
    (backup / "manifest.json").write_text(json.dumps(manifest))

    with pytest.raises(StartupError, match=r"manifest\.json"):
        restore(backup, tmp_path / "back", quiet)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["backup", "ledger"]


@pytest.mark.parametrize("data", [b"", b"{", b"[]", b"null", b"[" * 100_000, b"\xff"])
def test_what_is_no_manifest_is_refused(backup: Path, tmp_path: Path, data: bytes) -> None:
    """Any other bytes in the place of the manifest cost one line."""
    (backup / "manifest.json").write_bytes(data)

    with pytest.raises(StartupError, match=r"manifest\.json"):
        restore(backup, tmp_path / "back", quiet)


def test_the_store_of_another_moment_is_refused(ledger: Path, backup: Path, tmp_path: Path) -> None:
    """A sound store under the manifest of another one is told by its tree, though its digest was adapted."""
    with running(ledger) as log:
        journal = Journal(log.signer.verifier.vkey)
    grow(ledger, journal, 1)
    take_backup(ledger, tmp_path / "later")
    shutil.copy(tmp_path / "later" / "store" / "data.mdb", backup / "store" / "data.mdb")
    manifest, later = (
        json.loads((path / "manifest.json").read_text()) for path in (backup, tmp_path / "later")
    )
    manifest["files"]["store/data.mdb"] = later["files"]["store/data.mdb"]
    (backup / "manifest.json").write_text(json.dumps(manifest))

    with pytest.raises(StartupError, match="does not hold the tree"):
        restore(backup, tmp_path / "back", quiet, for_reading=True)
    assert not (tmp_path / "back").exists()


def test_a_restore_needs_the_key_of_the_log(ledger: Path, tmp_path: Path) -> None:
    """Without the key, or with another one, nothing is restored."""
    take_backup(ledger, tmp_path / "backup")
    other = create(tmp_path / "other", ORIGIN)

    with pytest.raises(StartupError, match="--key FILE"):
        restore(tmp_path / "backup", tmp_path / "back", quiet)
    with pytest.raises(StartupError, match="not the key of this log"):
        restore(tmp_path / "backup", tmp_path / "back", quiet, key=other.path("key"))
    assert not (tmp_path / "back").exists()


def test_an_anchor_that_is_named_must_be_there(backup: Path, tmp_path: Path) -> None:
    """A mistyped --anchor is not taken for an anchor that is lost, and another log's not for this one's."""
    other = create(tmp_path / "other", ORIGIN)

    with pytest.raises(StartupError, match="there is no anchor"):
        restore(backup, tmp_path / "back", quiet, anchor=tmp_path / "nowhere")
    with pytest.raises(StartupError, match="put the right file back"):
        restore(backup, tmp_path / "back", quiet, anchor=other.path("anchor"))
    assert not (tmp_path / "back").exists()


@pytest.mark.parametrize("harm", ["gone", "copied"])
def test_a_restore_without_the_anchor_says_what_is_missing(
    ledger: Path, backup: Path, tmp_path: Path, harm: str
) -> None:
    """With the anchor gone, or only a copy of it at hand, the log is restored and does not start."""
    (ledger / "anchor").rename(tmp_path / "anchor")
    if harm == "copied":
        shutil.copy2(tmp_path / "anchor", ledger / "anchor")

    restored = restore(backup, tmp_path / "back", quiet)

    assert not restored.startable
    assert f"--new-anchor {restored.manifest.checkpoint.size}`" in restored.missing
    with pytest.raises(StartupError, match="anchor"), running(tmp_path / "back"):
        pytest.fail("it started")


def test_a_copy_for_reading_does_not_find_an_anchor_elsewhere(tmp_path: Path) -> None:
    """With the anchor on another disk by an absolute path, a copy for reading still has none."""
    (tmp_path / "elsewhere").mkdir()
    make(tmp_path / "ledger", tmp_path / "elsewhere" / "anchor")
    take_backup(tmp_path / "ledger", tmp_path / "backup", with_key=True)

    restore(tmp_path / "backup", tmp_path / "reading", quiet, for_reading=True)
    with pytest.raises(StartupError, match="anchor"), running(tmp_path / "reading"):
        pytest.fail("it started")
    assert restore(tmp_path / "backup", tmp_path / "back", quiet).startable


def test_the_anchor_knows_its_place(ledger: Path, tmp_path: Path) -> None:
    """Writing, renaming and opening again leave an anchor in its place; every way to copy it does not."""
    verifier = load(ledger)
    with running(ledger) as log:
        key = log.signer.verifier
    moved = (ledger / "anchor").rename(tmp_path / "moved")
    copies = [Path(shutil.copy2(moved, tmp_path / "copy")), tmp_path / "bytes"]
    copies[1].write_bytes(moved.read_bytes())

    assert verifier.path("anchor").parent == ledger
    assert is_in_place(moved, key)
    assert [is_in_place(path, key) for path in copies] == [False, False]


def is_in_place(path: Path, verifier: Any) -> bool:
    """What the anchor at a path says."""
    anchor = Anchor(path, verifier)
    try:
        return anchor.is_in_place()
    finally:
        anchor.close()
