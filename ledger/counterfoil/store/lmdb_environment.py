"""Opening an LMDB environment the one way that the store relies on."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

import lmdb

from counterfoil.errors import IntegrityError, StartupError

if TYPE_CHECKING:
    from lmdb import _Database

DAMAGE: Final = (lmdb.CorruptedError, lmdb.InvalidError, lmdb.VersionMismatchError)
"""What LMDB raises when its file cannot be what it wrote."""


def open_environment(
    path: Path, spaces: int, map_size_bytes: int, readers_max: int, *, read_only: bool
) -> lmdb.Environment:
    """Open with the flags that everything else is built on: sync, metasync and lock on, writemap off, format 0.9.

    Raises:
        IntegrityError: The file is damaged.
        StartupError: It cannot be opened, or has another format.
    """
    try:
        environment = lmdb.open(
            str(path),
            map_size=map_size_bytes,
            subdir=True,
            readonly=read_only,
            metasync=True,
            sync=True,
            writemap=False,
            lock=True,
            mode=0o600,
            create=False,
            max_readers=readers_max,
            max_dbs=spaces,
            lib_version=0,
        )
    except DAMAGE as error:
        raise IntegrityError(f"{path} is not a store: {error}; restore it") from error
    except lmdb.Error as error:
        raise StartupError(f"{path} cannot be opened: {error}") from error
    if environment.lib_version()[0] != 0:
        environment.close()
        raise StartupError(f"{path} has the format of LMDB 1; copy it to one of LMDB 0.9")
    return environment


def open_space(environment: lmdb.Environment, path: Path, space: str, *, create: bool) -> _Database:
    """Open a space, which is a plain one: with a flag it would keep old values beside new ones, or another order.

    Raises:
        IntegrityError: It has a flag; no store ever set one, and no read would show it.
        StartupError: It is not there.
    """
    try:
        database = environment.open_db(space.encode(), create=create)
    except (lmdb.NotFoundError, lmdb.ReadonlyError) as error:
        raise StartupError(f"{path} has no {space!r}; open it for writing once") from error
    if any(database.flags().values()):
        raise IntegrityError(f"{path}: {space!r} has flags that nobody set; restore it")
    return database
