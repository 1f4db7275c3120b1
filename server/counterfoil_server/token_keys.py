"""The keys of a ledger's access tokens: the one that signs, those that count for a while longer, and how one follows the other.

A change, step by durable step, each of which leaves a ledger that starts:

1. The new key lies in ``token.key.next``, and the old one signs on.
2. One commit of the log holds the change. This is what counts.
3. The new file takes the place of the old one. After a crash before, the next start does it; and when the log does not know
   the key, since the crash came before the commit too, it removes the file.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from counterfoil.errors import InvalidInput
from counterfoil.keys import Signer, SigningKey, Verifier
from counterfoil.limits import KEY_CHANGES_MAX, TOKEN_LEEWAY_S, TOKEN_LIFETIME_S_MAX
from counterfoil.log.keys import read_changes
from counterfoil.log.read import Entry
from counterfoil.log.rotate import plan_other_change
from counterfoil.record import problem
from counterfoil.store import Snapshot
from counterfoil.v1.key_change_pb2 import KEY_PURPOSE_TOKEN, KeyChange
from counterfoil_server.directory import (
    Settings,
    hold_lock,
    load,
    load_token_signer,
    make_token_key,
    open_log,
    open_store,
    own_keys,
    token_key_name,
)
from counterfoil_server.entropy import fresh_seed
from counterfoil_server.files import replace_durably, sync_folder
from counterfoil_server.rotate import log_change
from counterfoil_server.signing_keys import open_key

OVERLAP_S_MAX = TOKEN_LIFETIME_S_MAX + TOKEN_LEEWAY_S
"""When the last token of the retired key is over; a longer overlap would serve nobody but a thief."""
_SECOND_US = 1_000_000


@dataclass(frozen=True, slots=True)
class TokenKeys:
    """The keys that access tokens may be signed with.

    Attributes:
        signer: the one that signs. uri: where its private half lies.
        retired: others, the newest first, with the time until which their tokens count, microseconds since 1970.
    """

    signer: SigningKey
    uri: str = ""
    retired: tuple[tuple[Verifier, int], ...] = ()

    def at(self, time_us: int) -> tuple[Verifier, ...]:
        """The public halves that count at a time, the newest first."""
        counting = (verifier for verifier, until_us in self.retired if time_us < until_us)
        return (self.signer.verifier, *counting)


@dataclass(frozen=True, slots=True)
class RotatedToken:
    """A change that was made: the id of its entry, both keys, and until when tokens of the retired one count."""

    entry_id: str
    retired: Verifier
    new: Verifier
    until_us: int


def load_token_keys(settings: Settings, snapshot: Snapshot, secret: bytes) -> TokenKeys:
    """Read the key that signs, and what the log says of those before.

    Raises:
        StartupError: the key is missing, malformed or of another ledger.
        IntegrityError: the log's record of its changes is damaged.
    """
    signer = load_token_signer(settings)
    changes = read_changes(snapshot, secret, KEY_PURPOSE_TOKEN)
    return TokenKeys(
        signer, f"file:{settings.token_key}", tuple(_retired(changes, signer.verifier))
    )


def settle_token_key(settings: Settings) -> None:
    """Make the key where there is none, and finish or undo a change that a crash broke off; the caller holds the lock.

    Raises:
        StartupError, IntegrityError: the key or the log cannot be read.
    """
    make_token_key(settings)
    fresh = _next(settings)
    if not fresh.exists():
        return
    new = open_key(f"file:{fresh}", settings.directory, token_key_name(settings)).verifier
    with _reading(settings) as (snapshot, secret):
        changes = read_changes(snapshot, secret, KEY_PURPOSE_TOKEN)
    if changes and KeyChange.FromString(changes[-1].body).new_vkey == new.vkey:
        _take_place(settings)
    else:
        fresh.unlink()
        sync_folder(fresh.parent)


def rotate_token_key(directory: Path, overlap_s: int, reason: str) -> RotatedToken:
    """Let another key sign access tokens, on a ledger that no server runs on.

    Args:
        overlap_s: how long tokens of the old key still count, seconds; with 0 their holders have to ask for others at once.

    Raises:
        StartupError: a server runs, or the ledger does not start.
        InvalidInput: the overlap is none, or there were too many changes.
        OutcomeUnknown: the change may or may not have been logged; the next start finds out.
    """
    if not 0 <= overlap_s <= OVERLAP_S_MAX:
        told = f"tokens live {OVERLAP_S_MAX} seconds at most, and so does the overlap"
        raise InvalidInput(told, field="overlap_us", reason=problem.ABSURD)
    settings = load(directory)
    with hold_lock(settings):
        settle_token_key(settings)
        log = open_log(settings)
        try:
            with log.store.snapshot() as snapshot:
                if len(read_changes(snapshot, log.secret, KEY_PURPOSE_TOKEN)) >= KEY_CHANGES_MAX:
                    told = f"this log holds {KEY_CHANGES_MAX} changes of this key, and no more"
                    raise InvalidInput(told, field="new_vkey", reason=problem.TOO_MANY)
            retired = load_token_signer(settings).verifier
            new = Signer.from_seed(token_key_name(settings), fresh_seed())
            overlap_us = overlap_s * _SECOND_US
            body = plan_other_change(KEY_PURPOSE_TOKEN, retired, new.verifier, overlap_us, reason)
            replace_durably(_next(settings), f"{new.format()}\n".encode(), 0o600)
            entry = log_change(log, body)
            _take_place(settings)
        finally:
            log.close()
    return RotatedToken(entry.id, retired, new.verifier, entry.leaf.time_us + overlap_us)


def list_token_keys(directory: Path) -> TokenKeys:
    """The token keys of a ledger; a server may be running on it. Raises as `load_token_keys` does."""
    settings = load(directory)
    with _reading(settings) as (snapshot, secret):
        return load_token_keys(settings, snapshot, secret)


@contextmanager
def _reading(settings: Settings) -> Iterator[tuple[Snapshot, bytes]]:
    """A snapshot of a log that a server may be running on, and the secret of its catalog."""
    store = open_store(settings, read_only=True)
    try:
        with store.snapshot() as snapshot:
            yield snapshot, own_keys(settings).secret(snapshot)
    finally:
        store.close()


def _retired(changes: Sequence[Entry], signing: Verifier) -> Iterator[tuple[Verifier, int]]:
    """The keys that lead to the one that signs. A key that was lost and made anew has none before it."""
    for entry in reversed(changes):
        change = KeyChange.FromString(entry.body)
        if change.new_vkey != signing.vkey:
            return
        signing = Verifier.parse(change.retired_vkey)
        yield signing, entry.leaf.time_us + change.overlap_us


def _next(settings: Settings) -> Path:
    path = settings.path("token_key")
    return path.with_name(f"{path.name}.next")


def _take_place(settings: Settings) -> None:
    path = settings.path("token_key")
    _next(settings).rename(path)
    sync_folder(path.parent)
