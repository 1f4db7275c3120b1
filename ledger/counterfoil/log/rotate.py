"""A change of keys: one entry, in a group commit of its own, under the signatures of both keys."""

from hashlib import sha256

from counterfoil.errors import CounterfoilError, InvalidInput, VerificationError
from counterfoil.keys import SigningKey
from counterfoil.limits import KEY_CHANGES_MAX
from counterfoil.log.anchor import SLOT_SIZE
from counterfoil.log.append import Appended
from counterfoil.log.batch import prepare_batch
from counterfoil.log.log import Log
from counterfoil.log.secret import keep_secret
from counterfoil.log.signers import Signers
from counterfoil.log.state import read_state
from counterfoil.note import NOTE_SIZE_BYTES_MAX, KeyChange, KeyHistory, format_signature_line
from counterfoil.record import KEY_CHANGE, problem
from counterfoil.v1 import key_change_pb2

# The longest decimal of a size, and the base64 of a root hash.
_SIZE_DIGITS_MAX, _ROOT_LENGTH = 19, 44


def plan_change(log: Log, new: SigningKey, overlap_entries: int, reason: str) -> bytes:
    """The body of the entry that makes a key the next one to sign checkpoints. Nothing is written.

    Raises:
        InvalidInput: the key cannot be it, or the overlap is none.
    """
    body = key_change_pb2.KeyChange(
        purpose=key_change_pb2.KEY_PURPOSE_CHECKPOINT,
        retired_vkey=log.keys.present.vkey,
        new_vkey=new.verifier.vkey,
        overlap_entries=overlap_entries,
        reason=reason,
    )
    raw: bytes = body.SerializeToString(deterministic=True)
    for fault in KEY_CHANGE.check(body, raw):
        raise InvalidInput(fault.message, field=fault.field, reason=fault.reason)
    with log.store.snapshot() as snapshot:
        index = read_state(snapshot).size
    try:
        keys = log.keys.after(KeyChange.parse(raw), index)
    except VerificationError as error:
        raise InvalidInput(str(error), field="new_vkey", reason=problem.MALFORMED) from error
    _check_room(keys, index + 1)
    return raw


def _check_room(keys: KeyHistory, size: int) -> None:
    """A checkpoint with all signatures has to fit a slot of the anchor."""
    if len(keys.keys) > KEY_CHANGES_MAX:
        raise InvalidInput("too many changes of keys", field="new_vkey", reason=problem.TOO_MANY)
    line = len(format_signature_line(keys.origin, bytes(4), bytes(64)))
    text = len(keys.origin.encode()) + _SIZE_DIGITS_MAX + _ROOT_LENGTH + 4
    if text + line * len(keys.at(size)) > min(SLOT_SIZE, NOTE_SIZE_BYTES_MAX):
        told = "too many keys would sign at a time; wait for the end of the overlap before"
        raise InvalidInput(told, field="overlap_entries", reason=problem.TOO_MANY)


def change_key(log: Log, new: SigningKey, body: bytes, salt_seed: bytes) -> Appended:
    """Log a change that :func:`plan_change` made; on return it is durable, and the log signs with both keys.

    Nobody else may append meanwhile: the caller holds the ledger's locks. A crash before the commit leaves the log as it
    was; one after it leaves the change. Either way it starts, if both private keys are at hand.

    Raises:
        InvalidInput: somebody appended since the change was planned.
        OutcomeUnknown: see :meth:`counterfoil.log.Log.append`.
    """
    keep_secret(log.store, log.secret)
    with log.store.snapshot() as snapshot:
        size = read_state(snapshot).size
    change = KeyChange.parse(body)
    identity = f"key-change-{sha256(change.new.vkey.encode()).hexdigest()}"
    batch = prepare_batch(
        KEY_CHANGE,
        log.origin,
        [body],
        [identity],
        secret=log.secret,
        environment=log.environment,
        salt_seed=salt_seed,
        request_id=identity,
        atomic=True,
    )
    keys = log.keys.after(change, size)
    at_hand = [*log.signers.at(size + 1), new]
    (outcome,) = log.append_signed([batch], Signers(keys, at_hand, size))
    if isinstance(outcome, CounterfoilError):
        raise outcome
    return outcome
