"""Writing an export: a folder of static files that anybody can verify, host and mirror."""

import os
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from counterfoil.errors import StartupError
from counterfoil.export import verify_export
from counterfoil.log.export import export_files, find_tree
from counterfoil.log.fsck.report import Progress
from counterfoil.note import Checkpoint
from counterfoil_server.directory import load, open_store, own_keys
from counterfoil_server.files import new_folder


@dataclass(frozen=True, slots=True)
class Exported:
    """What was written: the signed tree, the newest key that signed it, and how many files and bytes it took."""

    tree: Checkpoint
    vkey: str
    files: int
    size_bytes: int


def export(directory: Path, target: Path, size: int | None, progress: Progress) -> Exported:
    """Write the log as it was at a size; a server may be running on it.

    The folder gets its name after it was verified as a stranger would do it, and is on the disk.

    Args:
        size: at least so many entries; the export has those of the oldest signed tree that holds them. None is all.

    Raises:
        OutOfRange: the log is not that long.
        StartupError: there is something at ``target``, or it cannot be written.
        IntegrityError, VerificationError: the store is damaged.
    """
    settings = load(directory)
    own = own_keys(settings)
    files = size_bytes = 0
    with closing(open_store(settings, read_only=True)) as store, new_folder(target) as folder:
        with store.snapshot() as snapshot:
            keys = own.history(snapshot)
        tree = find_tree(store, keys, size)
        for path, data in export_files(store, tree, progress):
            _write(folder / path, data)
            files, size_bytes = files + 1, size_bytes + len(data)
        verify_export(lambda path: (folder / path).read_bytes(), keys.policy)
        # One flush of everything costs less than one for each of thousands of files.
        os.sync()
    return Exported(tree, tree.keys[-1].vkey, files, size_bytes)


def _write(path: Path, data: bytes) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    except OSError as error:
        raise StartupError(f"{path} cannot be written: {error.strerror}") from error
