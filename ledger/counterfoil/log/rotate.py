"""A change of keys: one entry, in a group commit of its own, under the signatures of both keys."""

from hashlib import sha256

from counterfoil.errors import CounterfoilError, InvalidInput, VerificationError
from counterfoil.keys import SigningKey, Verifier
from counterfoil.limits import KEY_CHANGES_MAX
from counterfoil.log.anchor import SLOT_SIZE
from counterfoil.log.append import Appended
from counterfoil.log.batch import prepare_batch
from counterfoil.log.log import Log
from counterfoil.log.secret import keep_secret
from counterfoil.log.signers import Signers
from counterfoil.log.state import read_state
from counterfoil.note import PURPOSE_CHECKPOINT, KeyChange, KeyHistory, format_signature_line
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
    raw = _checked(body)
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
    if text + line * len(keys.at(size)) > SLOT_SIZE:
        told = "too many keys would sign at a time; wait for the end of the overlap before"
        raise InvalidInput(told, field="overlap_entries", reason=problem.TOO_MANY)


def plan_other_change(
    purpose: int, retired: Verifier, new: Verifier, overlap_us: int, reason: str
) -> bytes:
    """The body of the entry that another key of a log now has a successor: one for tokens or notifications.

    Args:
        purpose: of KeyPurpose; not that of checkpoints. overlap_us: how long the retired key still counts.

    Raises:
        InvalidInput: the keys are not two of one name, or the overlap is none.
    """
    body = key_change_pb2.KeyChange(
        purpose=purpose,  # type: ignore[arg-type] # any number of the enum
        retired_vkey=retired.vkey,
        new_vkey=new.vkey,
        overlap_us=overlap_us,
        reason=reason,
    )
    if purpose == PURPOSE_CHECKPOINT:
        raise InvalidInput("a key of checkpoints", field="purpose", reason=problem.MALFORMED)
    return _checked(body)


def _checked(body: key_change_pb2.KeyChange) -> bytes:
    raw: bytes = body.SerializeToString(deterministic=True)
    for fault in KEY_CHANGE.check(body, raw):
        raise InvalidInput(fault.message, field=fault.field, reason=fault.reason)
    return raw


def change_key(log: Log, body: bytes, salt_seed: bytes, new: SigningKey | None = None) -> Appended:
    """Log a change that was planned; on return it is durable.

    Nobody else may append meanwhile: the caller holds the ledger's locks. A crash before the commit leaves the log as it
    was; one after it leaves the change. Either way it starts, if both private keys are at hand.

    Args:
        new: the private key that signs checkpoints from here on, if the change is one of those.

    Raises:
        CounterfoilError: the change cannot be logged, or may or may not have been (OutcomeUnknown).
    """
    keep_secret(log.store, log.secret)
    change = KeyChange.parse(body)
    named = f"{change.purpose} {change.new.vkey}"
    identity = f"key-change-{sha256(named.encode()).hexdigest()}"
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
    signers = log.signers if new is None else _signers(log, change, new)
    (outcome,) = log.append_signed([batch], signers)
    if isinstance(outcome, CounterfoilError):
        raise outcome
    return outcome


def _signers(log: Log, change: KeyChange, new: SigningKey) -> Signers:
    with log.store.snapshot() as snapshot:
        size = read_state(snapshot).size
    at_hand = [*log.signers.at(size + 1), new]
    return Signers(log.keys.after(change, size), at_hand, size)
