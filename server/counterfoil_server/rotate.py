"""Changing a ledger's signing key, step by durable step, each of which leaves a ledger that starts.

1. The new private key is there: in a file that is made here, or wherever the operator has put it.
2. ``signing_keys.toml`` names both keys. The log still knows the old one alone, and goes on with it.
3. The secret of the catalog, which came from the first key, is kept in the store.
4. One commit logs the change, under the signatures of both keys. This is what counts.
5. The anchor knows that commit. After a crash before, it catches up at the next start.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from counterfoil.errors import CounterfoilError, StartupError
from counterfoil.keys import Signer, SigningKey, Verifier
from counterfoil.log import Log
from counterfoil.log.read import Entry, read_entry
from counterfoil.log.rotate import change_key, plan_change
from counterfoil.log.state import read_state
from counterfoil.note import KeyHistory, KeySizes
from counterfoil_server.directory import Settings, hold_lock, load, open_log, open_store, own_keys
from counterfoil_server.entropy import fresh_seed
from counterfoil_server.files import write_durably
from counterfoil_server.signing_keys import (
    CHECKPOINT,
    ListedKey,
    open_key,
    write_table,
)


@dataclass(frozen=True, slots=True)
class Rotated:
    """A change of keys that was made.

    Attributes:
        entry_id: that of its entry. uri: where the new private key lies.
        retired: the old key with the sizes that it is good for. new: the key that signs from there on.
    """

    entry_id: str
    uri: str
    retired: KeySizes
    new: KeySizes


@dataclass(frozen=True, slots=True)
class KeyState:
    """One key of a ledger. ``uri`` is empty when the directory does not know it any more."""

    sizes: KeySizes
    uri: str
    signs: bool


def rotate_key(
    directory: Path, reference: str | None, overlap_entries: int, reason: str
) -> Rotated:
    """Let another key sign the checkpoints and receipts of a ledger that no server runs on.

    Args:
        reference: where the new private key lies; None makes one in a file of the directory.
        overlap_entries: how many entries behind the change are signed by both keys.

    Raises:
        StartupError: a server runs, the ledger does not start, or the new key cannot be opened.
        InvalidInput: the new key was a key of this log before, or the overlap is none.
        OutcomeUnknown: the change may or may not have been logged; both keys are in place either way.
    """
    settings = load(directory)
    with hold_lock(settings):
        log = open_log(settings)
        try:
            signer = None if reference is None else _open_new(settings, reference)
            new = signer or Signer.from_seed(settings.origin, fresh_seed())
            body = plan_change(log, new, overlap_entries, reason)
            uri = reference or _write_key(settings, new)
            _list_key(settings, log.keys, new.verifier, uri)
            entry = log_change(log, body, new)
            return Rotated(entry.id, uri, *log.keys.keys[-2:])
        finally:
            log.close()


def log_change(log: Log, body: bytes, new: SigningKey | None = None) -> Entry:
    """Log a change that was planned; its entry. ``new`` signs checkpoints from here on, if the change is one of those.

    Raises:
        StartupError: the log has it already.
        OutcomeUnknown: the change may or may not have been logged.
    """
    appended = change_key(log, body, fresh_seed(), new)
    if appended.head is None:
        raise StartupError("the change of keys is in the log already")
    with log.store.snapshot() as snapshot:
        return read_entry(snapshot, appended.head.first)


def list_keys(directory: Path) -> Sequence[KeyState]:
    """The keys of a ledger, oldest first; a server may be running on it.

    Raises:
        StartupError, IntegrityError: the directory's keys or its log's record of them cannot be read.
    """
    settings = load(directory)
    own = own_keys(settings)
    store = open_store(settings, read_only=True)
    try:
        with store.snapshot() as snapshot:
            history, size = own.history(snapshot), read_state(snapshot).size
    finally:
        store.close()
    places = {each.verifier: each.uri for each in own.listed}
    return [KeyState(key, places.get(key.verifier, ""), key.hold(size + 1)) for key in history.keys]


def _open_new(settings: Settings, reference: str) -> SigningKey:
    try:
        return open_key(reference, settings.directory, settings.origin)
    except CounterfoilError as error:
        raise StartupError(f"the new key: {error}") from error


def _write_key(settings: Settings, new: SigningKey) -> str:
    """Write a key that was made here into a file of its own; its reference."""
    if not isinstance(new, Signer):
        raise TypeError("a key in a device is not written to a file")
    name = f"signing-{new.verifier.key_id.hex()}.key"
    write_durably(settings.directory / name, f"{new.format()}\n".encode(), 0o600)
    return f"file:{name}"


def _list_key(settings: Settings, keys: KeyHistory, new: Verifier, uri: str) -> None:
    """Put the new key beside those of the log; one that was prepared before and never made gives way."""
    ours = {key.verifier for key in keys.keys}
    kept = [each for each in own_keys(settings).listed if each.verifier in ours]
    write_table(settings.directory, CHECKPOINT, [*kept, ListedKey(CHECKPOINT, new, uri)])
