"""The operator's decision that a store is the newest there ever was, when no anchor can tell.

Whoever is wrong here makes the log sign a second history from that size on. No program can check it, so that the
decision has to name the size: what a person reads off a restored copy without thinking is not enough to start it.
"""

from pathlib import Path

from counterfoil.errors import StartupError
from counterfoil.log import Anchor
from counterfoil.log.log import check_anchor, check_right_edge
from counterfoil.note import Checkpoint, KeyHistory
from counterfoil.store.lmdb import LmdbStore
from counterfoil_server.directory import hold_lock, load, open_store, own_keys


def renew_anchor(directory: Path, size: int) -> None:
    """Make a new anchor at the store's newest checkpoint, which must be that of ``size``.

    A copy of an anchor that is still there takes the anchor's place, if the store holds all that it knows.

    Raises:
        StartupError: the store has another size, there is an anchor, or what is left of one knows better; or a server
            runs.
        IntegrityError: the newest tree is not what was signed.
    """
    settings = load(directory)
    own = own_keys(settings)
    with hold_lock(settings):
        store = open_store(settings, read_only=True)
        try:
            with store.snapshot() as snapshot:
                keys = own.history(snapshot)
            newest = _newest(store, keys, size)
            anchor = _take_over(settings.path("anchor"), store, keys, newest)
            try:
                # A crash before this leaves an anchor that is empty or lags, without a place: no start either way.
                anchor.advance(newest.note, newest.size)
                anchor.take_place()
            finally:
                anchor.close()
        finally:
            store.close()


def _newest(store: LmdbStore, keys: KeyHistory, size: int) -> Checkpoint:
    with store.snapshot() as snapshot:
        newest = check_right_edge(snapshot, keys)
    if newest.size != size:
        told = (
            f"the store has {newest.size} entries, and not {size}: name the size at which this log ended, and be sure "
            "that nothing beyond it was ever signed"
        )
        raise StartupError(told)
    return newest


def _take_over(path: Path, store: LmdbStore, keys: KeyHistory, newest: Checkpoint) -> Anchor:
    if not path.exists():
        return Anchor.create(path, keys.policy)
    anchor = Anchor(path, keys.policy)
    try:
        if anchor.is_in_place():
            raise StartupError(f"there is an anchor {path}, and it is in its place; use that one")
        if anchor.read() is None:
            raise StartupError(f"there is an empty file {path}; move it away first")
        with store.snapshot() as snapshot:
            check_anchor(snapshot, anchor, newest)
    except StartupError:
        anchor.close()
        raise
    return anchor
