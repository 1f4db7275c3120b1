"""The example log of docs/SPEC.md and docs/VERIFYING.md: five entries, made by the real code from fixed inputs.

Keys, times and salt seeds are constants, so that every byte is the same on every machine. The private keys are
published here and sign nothing else. To print what the documents must hold after a deliberate change of a format:

    python -m tests.docs.example
"""

from __future__ import annotations

import base64
import json
import tempfile
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from counterfoil.entry import derive_salts
from counterfoil.errors import CounterfoilError
from counterfoil.keys import Signer, jwk_thumbprint
from counterfoil.log import SPACES, Anchor, Appended, Batch, Entry, Log, create_log, prepare_batch
from counterfoil.log.append import NewNodes
from counterfoil.log.read import read_checkpoint, read_entries, read_inclusion_proof, read_receipt
from counterfoil.log.receipts import make_batch_receipt
from counterfoil.receipt import (
    format_batch_receipt,
    format_json,
    format_jwt,
    format_receipt,
    format_tlog_proof,
    keep_batch_receipt,
)
from counterfoil.record import TRAINING, USAGE, Kind
from counterfoil.record.training import signed_bytes
from counterfoil.store import MemoryStore, Store
from counterfoil.v1 import record_pb2

ORIGIN = "example.com/ledger"
SUBMITTER = "host_1"
LOG_SEED = bytes(range(32))
PARTY_SEED = bytes(range(32, 64))
TIMES_US = (1_767_225_600_000_000, 1_767_225_601_000_000, 1_767_225_602_000_000)
SALT_SEEDS = (bytes([0x11]) * 32, bytes([0x22]) * 32, bytes([0x33]) * 32)
DISPUTED = 3
"""The entry whose receipt the documents show."""


@dataclass(frozen=True)
class Example:
    """The example log: what the documents print of it."""

    vkey: str
    entries: tuple[Entry, ...]
    leaf_hashes: tuple[bytes, ...]
    root_hash: bytes
    checkpoint: bytes
    inclusion_proof: tuple[bytes, ...]
    range_proof: tuple[bytes, ...]
    training: record_pb2.ProofOfTraining
    training_signed: bytes
    tlog_proof: bytes
    json: bytes
    binary: bytes
    jwt: bytes
    batch: bytes


@cache
def example_log() -> Example:
    """Make the example log, in memory."""
    signer = Signer.from_seed(ORIGIN, LOG_SEED)
    times = iter(TIMES_US[1:])
    store: Store = MemoryStore(SPACES)
    with tempfile.TemporaryDirectory() as folder:
        anchor = Anchor.create(Path(folder) / "anchor", signer.verifier)
        create_log(store, signer, anchor, TIMES_US[0], record_pb2.ENVIRONMENT_LIVE, SALT_SEEDS[0])
        log = Log(store, signer, anchor, lambda: next(times), record_pb2.ENVIRONMENT_LIVE)
        training, signed = _training()
        body = training.SerializeToString(deterministic=True)
        recorded = _append(log, TRAINING, [body], ["req-1"], SALT_SEEDS[1], "req-1")
        reference = f"pt_1_{recorded.leaf_hashes[0][:4].hex()}"
        events = [_event(number, reference) for number in (1, 2, 3)]
        bodies = [event.SerializeToString(deterministic=True) for event in events]
        used = _append(log, USAGE, bodies, [event.event_id for event in events], SALT_SEEDS[2])
        anchor.close()
    return _describe(store, signer, training, signed, used)


def _describe(
    store: Store,
    signer: Signer,
    training: record_pb2.ProofOfTraining,
    signed: bytes,
    used: Appended,
) -> Example:
    with store.snapshot() as snapshot:
        entries = tuple(read_entries(snapshot, 0, 5))
        size, checkpoint = read_checkpoint(snapshot)
        proof = tuple(read_inclusion_proof(snapshot, DISPUTED, size)[1])
        receipt = read_receipt(snapshot, entries[DISPUTED])
    assert used.head is not None
    batch = make_batch_receipt(used, used.head)
    payload = {"event_id": "ev-2", "model_id": "model_xyz"}
    disputed = entries[DISPUTED]
    return Example(
        vkey=signer.verifier.vkey,
        entries=entries,
        leaf_hashes=tuple(entry.leaf_hash for entry in entries),
        root_hash=base64.b64decode(checkpoint.split(b"\n")[2]),
        checkpoint=checkpoint,
        inclusion_proof=proof,
        range_proof=batch.proof,
        training=training,
        training_signed=signed,
        tlog_proof=format_tlog_proof(receipt),
        json=format_json(receipt),
        binary=format_receipt(receipt),
        jwt=format_jwt(receipt, signer, disputed.id, disputed.leaf.time_us, payload),
        batch=keep_batch_receipt(
            format_batch_receipt(batch), [entry.record for entry in entries[2:]]
        ),
    )


def _training() -> tuple[record_pb2.ProofOfTraining, bytes]:
    """A proof of training that a second party has signed, and the bytes that the party signed."""
    party = Signer.from_seed("party", PARTY_SEED)
    training = record_pb2.ProofOfTraining(
        dataset_id="ds_1",
        creator_id="creator_42",
        model_id="model_xyz",
        artifact_hash="sha256:" + "ab" * 32,
        license="CC-BY-4.0",
    )
    message = signed_bytes(training.SerializeToString(deterministic=True))
    training.signatures.add(
        role=record_pb2.PARTY_ROLE_DATA_PROVIDER,
        public_key=party.verifier.public_key,
        signature=party.sign(message),
    )
    return training, message


def _event(number: int, reference: str) -> record_pb2.UsageEvent:
    return record_pb2.UsageEvent(
        event_id=f"ev-{number}",
        event_time_us=TIMES_US[0] + number,
        model_id="model_xyz",
        input_tokens=100 * number,
        output_tokens=10 * number,
        receipt_ref=reference,
    )


def _append(
    log: Log,
    kind: Kind,
    bodies: list[bytes],
    identities: list[str],
    salt_seed: bytes,
    request_id: str = "",
) -> Appended:
    batch: Batch = prepare_batch(
        kind,
        SUBMITTER,
        bodies,
        identities,
        secret=log.secret,
        environment=log.environment,
        salt_seed=salt_seed,
        request_id=request_id,
    )
    appended = log.append([batch])[0]
    if isinstance(appended, CounterfoilError):
        raise appended
    assert isinstance(appended.nodes, NewNodes)
    return appended


def vectors() -> dict[str, Any]:
    """What the worked example of docs/SPEC.md prints, in hexadecimal where it is bytes."""
    made = example_log()
    signer = Signer.from_seed(ORIGIN, LOG_SEED)
    return {
        "log_seed": LOG_SEED.hex(),
        "vkey": made.vkey,
        "kid": jwk_thumbprint(signer.verifier.public_key),
        "salt_seed_of_entries_2_to_4": SALT_SEEDS[2].hex(),
        "salts_of_entries_2_to_4": derive_salts(SALT_SEEDS[2], 3).hex(),
        "party_seed": PARTY_SEED.hex(),
        "party_signed_bytes": made.training_signed.hex(),
        "party_signature": made.training.signatures[0].signature.hex(),
        "entries": [
            {
                "id": entry.id,
                "salt": entry.salt.hex(),
                "record": entry.record.hex(),
                "commitment": entry.leaf.commitment.hex(),
                "previous": entry.leaf.previous.hex(),
                "leaf_hash": entry.leaf_hash.hex(),
            }
            for entry in made.entries
        ],
        "root_hash": made.root_hash.hex(),
        "inclusion_proof_of_entry_3": [step.hex() for step in made.inclusion_proof],
        "range_proof_of_entries_2_to_4": [step.hex() for step in made.range_proof],
        "receipt_of_entry_3": made.binary.hex(),
    }


if __name__ == "__main__":
    print(json.dumps(vectors(), indent=1))
    for form in (example_log().tlog_proof, example_log().json, example_log().jwt):
        print(form.decode())
