"""How much of LMDB's file a ledger uses."""

from dataclasses import dataclass
from pathlib import Path

import lmdb

_SPACES_MAX = 64


@dataclass(frozen=True)
class Used:
    """Bytes of a store. ``pages_bytes``: pages that hold data. ``file_bytes``: with those that were freed."""

    pages_bytes: int
    file_bytes: int


def used(data_file: Path) -> Used:
    """Look at the file of a ledger that nobody serves."""
    folder = str(data_file.parent)
    environment = lmdb.open(folder, readonly=True, lock=False, max_dbs=_SPACES_MAX)
    try:
        page_size = environment.stat()["psize"]
        with environment.begin() as transaction:
            main = environment.open_db(None, transaction)
            found = [transaction.stat(main)]
            with transaction.cursor(main) as cursor:
                names = [bytes(name) for name in cursor.iternext(values=False)]
            found += [
                transaction.stat(environment.open_db(name, transaction, create=False))
                for name in names
            ]
        pages = sum(
            stat["branch_pages"] + stat["leaf_pages"] + stat["overflow_pages"] for stat in found
        )
        last = environment.info()["last_pgno"] + 1
        return Used(pages * page_size, last * page_size)
    finally:
        environment.close()
