"""The log's keys as the log itself tells: those of the genesis record, and each change of keys since."""

from collections.abc import Iterable

from google.protobuf.message import DecodeError

from counterfoil.errors import IntegrityError, VerificationError
from counterfoil.keys import Verifier
from counterfoil.limits import KEY_CHANGES_MAX
from counterfoil.log.read import Entry, list_entries, read_entry
from counterfoil.note import PURPOSE_CHECKPOINT, KeyChange, KeyHistory
from counterfoil.record import KEY_CHANGE
from counterfoil.store import Snapshot
from counterfoil.v1 import record_pb2


def read_keys(snapshot: Snapshot, secret: bytes) -> KeyHistory:
    """The keys that sign checkpoints.

    The catalog knows where the changes are. One that rotted out of it makes the history end with a key that did not sign
    the newest checkpoint, which every start looks at; and fsck makes the catalog again from the entries.

    Raises:
        IntegrityError: the entries of the changes are damaged, or no history.
    """
    entries = (read_entry(snapshot, 0), *read_changes(snapshot, secret))
    return make_history((entry.index, entry.body) for entry in entries)


def read_changes(
    snapshot: Snapshot, secret: bytes, purpose: int = PURPOSE_CHECKPOINT
) -> list[Entry]:
    """The changes of the keys of a purpose, oldest first.

    Raises:
        IntegrityError: one of them is damaged.
    """
    terms = {"purpose": str(purpose)}
    return list_entries(snapshot, secret, KEY_CHANGE, terms, 0, KEY_CHANGES_MAX)


def make_history(entries: Iterable[tuple[int, bytes]]) -> KeyHistory:
    """The history that entries tell: index and body of the genesis record, and of all changes since, in order.

    Raises:
        IntegrityError: they tell none.
    """
    try:
        (_, genesis), *changes = entries
        (vkey,) = record_pb2.Genesis.FromString(genesis).vkeys
        history = KeyHistory.begin(Verifier.parse(vkey))
        for index, body in changes:
            change = KeyChange.parse(body)
            if change.purpose == PURPOSE_CHECKPOINT:
                history = history.after(change, index)
    except (DecodeError, ValueError, VerificationError) as error:
        raise IntegrityError(f"the log's record of its keys makes no sense: {error}") from error
    return history
