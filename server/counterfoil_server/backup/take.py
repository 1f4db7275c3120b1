"""Taking a backup: one consistent copy of the store while the server writes on."""

from datetime import UTC, datetime
from pathlib import Path

from counterfoil.log.log import check_right_edge
from counterfoil_server.access.door import open_ops, ops_path
from counterfoil_server.backup.keys import key_files
from counterfoil_server.backup.manifest import (
    MANIFEST_NAME,
    OPS_NAME,
    STORE_NAME,
    Manifest,
    format_manifest,
)
from counterfoil_server.clock import now_us
from counterfoil_server.directory import SETTINGS_NAME, Settings, load, open_store, own_keys
from counterfoil_server.files import FileFacts, copy_durably, new_folder, sync_file, write_durably
from counterfoil_server.signing_keys import TABLE_NAME


def take_backup(directory: Path, target: Path, *, with_key: bool = False) -> Manifest:
    """Copy a ledger into a new folder; a server may be running on it.

    All of one snapshot is copied: every record that was acknowledged before the call is in it. The folder gets its name
    when all of it is on the disk; a crash before leaves no backup.

    Args:
        with_key: put the private key into it too. Whoever has the backup can then sign as the log.

    Raises:
        StartupError: there is something at ``target``, the directory cannot be read, or a key that is asked for is not
            in a file.
        IntegrityError: the store is damaged; what can be seen of that without reading all of it.
    """
    settings = load(directory)
    own = own_keys(settings)
    files: dict[str, FileFacts] = {}
    with new_folder(target) as folder:
        (folder / STORE_NAME).parent.mkdir(mode=0o700)
        store = open_store(settings, read_only=True)
        try:
            with store.snapshot() as snapshot:
                keys = own.history(snapshot)
                tree = check_right_edge(snapshot, keys)
                wanted = list(key_files(settings, own, snapshot)) if with_key else []
                store.copy((folder / STORE_NAME).parent, snapshot)
        finally:
            store.close()
        files[STORE_NAME] = sync_file(folder / STORE_NAME, 0o600)
        if ops_path(settings).is_dir():
            files[OPS_NAME] = _copy_ops(settings, folder / OPS_NAME)
        for name in (SETTINGS_NAME, TABLE_NAME):
            if (settings.directory / name).exists():
                wanted.append((name, settings.directory / name))
        for name, path in wanted:
            files[name] = copy_durably(path, folder / name, 0o600)
        manifest = Manifest(
            time=datetime.fromtimestamp(now_us() // 1_000_000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            vkey=keys.present.vkey,
            checkpoint=tree,
            anchor=str(settings.path("anchor")),
            files=files,
            policy=keys.policy,
        )
        write_durably(folder / MANIFEST_NAME, format_manifest(manifest), 0o600)
    return manifest


def _copy_ops(settings: Settings, target: Path) -> FileFacts:
    """Copy the operational store. What was changed after the call began may be in it or not."""
    target.parent.mkdir(mode=0o700)
    ops = open_ops(settings, read_only=True)
    try:
        with ops.store.snapshot() as snapshot:
            ops.store.copy(target.parent, snapshot)
    finally:
        ops.close()
    return sync_file(target, 0o600)
