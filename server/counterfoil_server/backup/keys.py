"""The private keys of a backup: which are put in, and where a restored ledger finds them."""

from collections.abc import Iterator
from pathlib import Path

from counterfoil.errors import StartupError
from counterfoil.keys import Verifier
from counterfoil.store import Snapshot
from counterfoil_server.backup.manifest import KEY_NAME, Manifest
from counterfoil_server.directory import Settings
from counterfoil_server.signing_keys import (
    CHECKPOINT,
    ListedKey,
    OwnKeys,
    file_of,
    open_key,
    read_table,
    write_table,
)


def key_files(settings: Settings, own: OwnKeys, snapshot: Snapshot) -> Iterator[tuple[str, Path]]:
    """Each private key that signs what comes next: its name in a backup, and the file where it lies.

    Raises:
        StartupError: one is not in a file.
    """
    signing = {signer.verifier for signer in own.signing(snapshot)}
    for listed in own.listed:
        if listed.verifier in signing:
            path = file_of(listed.uri, settings.directory)
            if path is None:
                raise StartupError(f"the key at {listed.uri} is not in a file: it cannot be copied")
            yield name_in_backup(listed.verifier, settings.directory), path


def name_in_backup(verifier: Verifier, directory: Path) -> str:
    """What the file of a key is called in a backup."""
    if not read_table(directory):
        return KEY_NAME
    return f"signing-{verifier.key_id.hex()}.key"


def place_keys(
    folder: Path, original: Settings, manifest: Manifest, key: str | None, keys_from: Path | None
) -> str:
    """Let a restored directory name its keys where they are; the setting ``key``.

    Args:
        folder: the directory in the making. original: its settings as they were.
        key: where a private key is, as somebody said it. keys_from: a directory whose keys are used where they lie.

    Raises:
        StartupError: the key is missing, or is not one of this log.
    """
    said = None if key is None else _absolute(key, Path.cwd())
    listed = read_table(folder)
    if not listed:
        return said or _find(original, manifest, keys_from)
    given = None
    if said is not None:
        given = open_key(said, folder, original.origin).verifier
        if given not in [each.verifier for each in listed]:
            raise StartupError(f"{said} is not a key of this log, {manifest.vkey}")
    placed = []
    for each in listed:
        name = name_in_backup(each.verifier, folder)
        uri = f"file:{name}" if name in manifest.files else each.uri
        if keys_from is not None:
            uri = _absolute(each.uri, keys_from)
        if said is not None and each.verifier == given:
            uri = said
        placed.append(ListedKey(CHECKPOINT, each.verifier, uri))
    write_table(folder, CHECKPOINT, placed)
    return original.key


def _find(original: Settings, manifest: Manifest, keys_from: Path | None) -> str:
    if manifest.has_key:
        return KEY_NAME
    if keys_from is not None:
        return _absolute(original.key, keys_from)
    path = file_of(original.key, Path())
    if path is None or path.is_absolute():
        return original.key
    raise StartupError("the private key is not in this backup; say where it is with --key FILE")


def _absolute(reference: str, directory: Path) -> str:
    path = file_of(reference, directory.absolute())
    return reference if path is None else str(path)
