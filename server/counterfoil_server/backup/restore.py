"""Putting a backup back, without ever letting it sign a second history.

What was signed after a backup was taken is not in it, and is in other people's hands. A restored copy that went on from
its own end would sign other trees of the same sizes. Only the anchor, where it always lay, knows the newest size. So:

- The anchor is never part of a backup, nor copied: a restored ledger names the original one, where it lies.
- Is the anchor newer than the backup, entries are missing: nothing is restored, unless as a copy for reading.
- Is there no anchor, the copy is restored and does not start. Only a person can say that nothing newer was signed
  (`counterfoil_server.decide`), and has to name the size.
"""

from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path

from counterfoil.errors import StartupError
from counterfoil.log import Anchor
from counterfoil.log.fsck.report import Progress
from counterfoil.log.log import check_anchor, check_right_edge
from counterfoil_server.access.door import open_ops, ops_path
from counterfoil_server.access.ops import read_all
from counterfoil_server.backup.keys import place_keys
from counterfoil_server.backup.manifest import (
    MANIFEST_NAME,
    MANIFEST_SIZE_BYTES_MAX,
    STORE_NAME,
    Manifest,
    parse_manifest,
)
from counterfoil_server.directory import (
    SETTINGS_NAME,
    Settings,
    check_store,
    format_settings,
    load,
    open_store,
    own_keys,
)
from counterfoil_server.files import copy_durably, new_folder, write_durably


@dataclass(frozen=True, slots=True)
class Restored:
    """What became of a restore.

    Attributes:
        missing: why it does not start, in one line; empty when it does.
        fsck_s: how long the check of all entries took, seconds.
    """

    settings: Settings
    manifest: Manifest
    missing: str
    fsck_s: float

    @property
    def startable(self) -> bool:
        """Whether `counterfoil serve` will start on it."""
        return not self.missing


def restore(
    backup: Path,
    directory: Path,
    progress: Progress,
    *,
    anchor: Path | None = None,
    key: Path | str | None = None,
    keys_from: Path | None = None,
    for_reading: bool = False,
) -> Restored:
    """Make a ledger's directory from a backup: verified, checked from the records up, and there as a whole.

    Args:
        anchor: where the log's anchor is; else where it was when the backup was taken.
        key: the private key, as a path or a URI, which is then used where it lies; else that of the backup, or where the
            settings say. keys_from: a directory whose keys are used where they lie.
        for_reading: take no anchor, so that it does not start; a newer anchor is then no reason to refuse.

    Raises:
        StartupError: the backup is not sound or is not the newest, there is no key, or ``directory`` is taken.
        IntegrityError: the store's file cannot be opened.
    """
    manifest = read_manifest(backup)
    found = None if for_reading else _find_anchor(manifest, anchor)
    if found is not None:
        _refuse_newer(found, manifest)
    with new_folder(directory) as folder:
        _copy_files(backup, folder, manifest)
        original = load(folder)
        settings = replace(
            original,
            key=place_keys(
                folder, original, manifest, None if key is None else str(key), keys_from
            ),
            store=Path(STORE_NAME).parent,
            anchor=Path("anchor") if for_reading else found or original.anchor,
        )
        (folder / SETTINGS_NAME).unlink()
        write_durably(folder / SETTINGS_NAME, format_settings(settings).encode(), 0o644)
        fsck_s = _check(settings, manifest, progress)
        _check_ops(settings)
        if found is not None:
            _refuse_another_history(settings)
    restored = load(directory)
    return Restored(restored, manifest, _missing(restored, manifest, for_reading), fsck_s)


def read_manifest(backup: Path) -> Manifest:
    """The manifest of a backup.

    Raises:
        StartupError: there is none, or it is not sound.
    """
    try:
        with (backup / MANIFEST_NAME).open("rb") as file:
            data = file.read(MANIFEST_SIZE_BYTES_MAX)
    except OSError as error:
        told = f"{backup} is no backup: {MANIFEST_NAME} cannot be read ({error.strerror})"
        raise StartupError(told) from error
    return parse_manifest(data)


def _copy_files(backup: Path, folder: Path, manifest: Manifest) -> None:
    for name, facts in manifest.files.items():
        (folder / name).parent.mkdir(mode=0o700, exist_ok=True)
        try:
            copied = copy_durably(backup / name, folder / name, 0o600)
        except OSError as error:
            raise StartupError(f"{backup / name} cannot be copied: {error.strerror}") from error
        if copied != facts:
            told = f"{backup / name} is not what the manifest says: the backup is damaged; take another one"
            raise StartupError(told)


def _find_anchor(manifest: Manifest, named: Path | None) -> Path | None:
    """The anchor at hand; None when the one of the original is out of reach and none was named."""
    path = Path(manifest.anchor) if named is None else named.absolute()
    if named is not None and not path.is_file():
        raise StartupError(f"there is no anchor at {path}")
    return path if path.is_file() else None


def _refuse_newer(path: Path, manifest: Manifest) -> None:
    """Refuse a backup that the anchor has left behind, before anything is copied."""
    anchored = _read_anchor(path, manifest)
    if anchored > (have := manifest.checkpoint.size):
        told = (
            f"the anchor {path} was signed for {anchored} entries, and this backup has {have}: "
            f"{anchored - have} are missing, from entry {have} on. Restore a newer backup or the store itself, or this "
            "one as a copy that is only read: --for-reading"
        )
        raise StartupError(told)


def _read_anchor(path: Path, manifest: Manifest) -> int:
    """The size that an anchor knows; any other file is refused, since the operator means the anchor."""
    with closing(Anchor(path, manifest.policy)) as anchor:
        anchored = anchor.read()
    if anchored is None:
        raise StartupError(f"the anchor {path} is empty; name the right one with --anchor FILE")
    return anchored.size


def _check(settings: Settings, manifest: Manifest, progress: Progress) -> float:
    """Fsck of what was restored; it must be the tree that the manifest names."""
    own = own_keys(settings)
    if manifest.vkey not in [verifier.vkey for verifier in own.known]:
        raise StartupError(f"{settings.key} is not the key of this log, {manifest.vkey}")
    report = check_store(settings, progress, with_anchor=False)
    if not report.sound:
        first = report.problems[0]
        told = f"the restored store is not sound: {first.what}: {first.detail}"
        raise StartupError(told)
    with closing(open_store(settings, read_only=True)) as store, store.snapshot() as snapshot:
        own.signing(snapshot)
    tree = manifest.checkpoint
    if (report.size, report.root_hash) != (tree.size, tree.root_hash):
        raise StartupError("the restored store does not hold the tree that the manifest names")
    return report.seconds


def _check_ops(settings: Settings) -> None:
    """Read all principals and keys; they must be this ledger's and undamaged. A backup of older days may have none."""
    if ops_path(settings).is_dir():
        with closing(open_ops(settings, read_only=True)) as ops:
            ops.read(read_all)


def _refuse_another_history(settings: Settings) -> None:
    own = own_keys(settings)
    with closing(open_store(settings, read_only=True)) as store, store.snapshot() as snapshot:
        keys = own.history(snapshot)
        with closing(Anchor(settings.path("anchor"), keys.policy)) as anchor:
            check_anchor(snapshot, anchor, check_right_edge(snapshot, keys))


def _missing(settings: Settings, manifest: Manifest, for_reading: bool) -> str:
    """Why a restored ledger will not start, in one line; empty when it will."""
    path = settings.path("anchor")
    decision = f"`counterfoil fsck {settings.directory} --new-anchor {manifest.checkpoint.size}`"
    if for_reading:
        return "it was restored for reading: without an anchor it signs nothing"
    if not path.exists():
        return (
            f"the anchor is not at {path}: put it there. If it is lost for good, and you know that nothing newer than "
            f"this backup was ever signed, say so with {decision}"
        )
    with closing(Anchor(path, manifest.policy)) as anchor:
        if anchor.is_in_place():
            return ""
    return (
        f"the anchor {path} is a copy, and cannot know what was signed since it was made; put the anchor itself there. "
        f"If it is lost for good, and nothing newer was ever signed, say so with {decision}"
    )
