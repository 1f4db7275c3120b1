"""Whether a ledger's directory, as a crash left it, keeps what was promised.

The judge is the client's journal, not the server: whatever an answer acknowledged must be there, under its index, and
whatever tree was signed must be the beginning of the one that the log goes on from. The directory is opened as
`counterfoil serve` opens it.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any
from unittest.mock import patch

from counterfoil.errors import CounterfoilError, StartupError
from counterfoil.log import Anchor, Log, prepare_batch, read_stream
from counterfoil.log.nodes import read_leaf_hashes
from counterfoil.log.state import read_state
from counterfoil.note import Checkpoint
from counterfoil.packed import HASH_SIZE, Hashes
from counterfoil.record import USAGE
from counterfoil.tlog import root_hash
from counterfoil.v1.record_pb2 import UsageEvent
from counterfoil_server.directory import fsck, hold_lock, load, load_signer, open_log

SOUND = "sound"
REFUSED = "refused"
# Submitter and id of the stream that the loads write to.
STREAM = ("host_1", "power")


def the_disk_itself() -> AbstractContextManager[object]:
    """What is judged stands for the disk itself, and not for a copy of the anchor that somebody put beside it."""
    return patch.object(Anchor, "is_in_place", return_value=True)


@dataclass(frozen=True)
class Promise:
    """What somebody was told before the crash.

    Attributes:
        made: whether `counterfoil init` had said that it was done.
        size: the largest tree that an answer spoke of.
        sequence: the last batch of the stream that was acknowledged.
        leaves: the leaf hashes from entry 0 on that are known: those of acknowledged entries at least. The log may
            hold more entries than these, and no others in their place.
    """

    made: bool
    size: int
    sequence: int
    leaves: bytes


def promised(said: Iterable[dict[str, Any]]) -> Promise:
    """Sum up the lines of a journal: that the ledger was made, and each answer."""
    made, size, sequence = False, 0, 0
    known = bytearray()
    for line in said:
        made = True
        size, sequence = max(size, line["size"]), max(sequence, line["sequence"])
        at, hashes = HASH_SIZE * line["first"], bytes.fromhex(line["leaves"])
        known.extend(bytes(max(0, at + len(hashes) - len(known))))
        known[at : at + len(hashes)] = hashes
    return Promise(made, size, sequence, bytes(known))


def judge(directory: Path, promise: Promise, *, deep: bool) -> str:
    """What becomes of a directory: ``sound``, ``refused`` where that is right, or what is wrong.

    Args:
        deep: run fsck as well, and let the log go on.
    """
    with ExitStack() as stack:
        stack.enter_context(the_disk_itself())
        try:
            settings = load(directory)
            stack.enter_context(hold_lock(settings))
            verifier = load_signer(settings).verifier
            anchored = Anchor(settings.path("anchor"), verifier).read()
            log = open_log(settings)
        except CounterfoilError as error:
            if promise.made:
                return f"refused after it was made: {type(error).__name__}: {error}"
            return f"{REFUSED}: {type(error).__name__}"
        stack.callback(log.store.close)
        wrong = _check_history(log, promise, anchored)
        if wrong or not deep:
            return wrong or SOUND
        _go_on(log)
    with the_disk_itself():
        report = fsck(directory, lambda _done, _all: None)
    return SOUND if report.sound else f"fsck: {report.problems[0]}"


def _check_history(log: Log, promise: Promise, anchored: Checkpoint | None) -> str:
    with log.store.snapshot() as snapshot:
        state = read_state(snapshot)
        leaves = read_leaf_hashes(snapshot, 0, state.size).data
        sequence = read_stream(snapshot, *STREAM)
    if state.size < promise.size:
        return f"lost: {promise.size} entries were signed, {state.size} are there"
    shared = min(len(leaves), len(promise.leaves))
    if leaves[:shared] != promise.leaves[:shared]:
        return "another history: entries are not those that were acknowledged"
    if state.tree().root() != root_hash(Hashes(leaves)):
        return "the tree is not that of the entries"
    signed = leaves[: HASH_SIZE * (anchored.size if anchored else 0)]
    if anchored is None or root_hash(Hashes(signed)) != anchored.root_hash:
        return "another history: the anchor's tree is not the beginning of the log"
    if sequence < promise.sequence:
        return f"lost: batch {promise.sequence} of the stream was acknowledged, {sequence} is there"
    return ""


def _go_on(log: Log) -> None:
    """One more batch on what the crash left."""
    event = UsageEvent(event_id="after", event_time_us=1, model_id="m")
    batch = prepare_batch(
        USAGE,
        "judge",
        [event.SerializeToString()],
        [event.event_id],
        secret=log.secret,
        environment=log.environment,
        salt_seed=sha256(b"judge").digest(),
    )
    (outcome,) = log.append([batch])
    if isinstance(outcome, CounterfoilError):
        raise StartupError(f"the log does not go on: {outcome}")
