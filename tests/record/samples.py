"""Good bodies of every kind, and ways to change them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from counterfoil.keys import Signer
from counterfoil.record import ASSESSMENT, GENESIS, KEY_CHANGE, PAYOUT, TRAINING, USAGE, Kind
from counterfoil.record.training import SIGNED_LINE
from counterfoil.v1 import assessment_pb2, key_change_pb2, record_pb2

from . import registry_samples

TIME_US = 1_700_000_000_000_000
PROVIDER = Signer.from_seed("provider", b"p" * 32)
HOST = Signer.from_seed("model-host", b"h" * 32)

_GENESIS: dict[str, Any] = {
    "origin": "example.com/ledger",
    "vkeys": ["example.com/ledger+aabbccdd+AQ=="],
    "environment": record_pb2.ENVIRONMENT_SANDBOX,
    "leaf_version": 1,
    "created_time_us": TIME_US,
}
_TRAINING: dict[str, Any] = {
    "dataset_id": "ds_1",
    "creator_id": "creator_42",
    "model_id": "model_xyz",
    "artifact_hash": "sha256:" + "0f" * 32,
    "artifacts": [
        {"name": "part-1", "size_bytes": 5, "sha256": b"s" * 32, "blake3": b"b" * 32},
        {"name": "part-2", "size_bytes": 0, "blake3": b"c" * 32},
    ],
    "evidence": {"slice": "first-1k-rows-hash"},
    "license": "CC-BY-4.0",
    "portion_used_ppm": 250_000,
    "notes": "two lines\nand\ta tab",
    "metadata": {"run": "7"},
    "training_time_us": TIME_US,
}
_USAGE: dict[str, Any] = {
    "event_id": "e-1",
    "event_time_us": TIME_US,
    "model_id": "model_xyz",
    "input_tokens": 10,
    "output_tokens": 20,
    "tokens": 30,
    "receipt_ref": "pt_42_9f8e7d6c",
    "asset_id": "asset/1",
    "license_id": "lic:1",
    "consumer_id": "c~1",
    "action": "generate",
    "attributions": [
        {"asset_id": "a", "parts_per_million": 600_000},
        {"asset_id": "b", "parts_per_million": 400_000},
    ],
    "consents": [record_pb2.CONSENT_INFERENCE, record_pb2.CONSENT_DISPLAY],
    "metadata": {"region": "eu"},
    "territory": "FR",
    "non_commercial": True,
}
_PAYOUT: dict[str, Any] = {
    "creator_id": "creator_42",
    "period": "2024-02",
    "amount": "1.50",
    "currency": "EUR",
    "status": record_pb2.PAYOUT_STATUS_PAID,
    "method": "SEPA credit transfer",
    "tx_ref": "tx:1",
    "metadata": {"note": "thanks"},
}
_ASSESSMENT: dict[str, Any] = {
    "count": 3,
    "as_of_size": 7,
    "verdicts": [
        {"assets": [{"asset_id": "a", "creator_id": "creator_42", "covered": True}]},
        {"flags": [{"kind": assessment_pb2.FLAG_KIND_EVENT_TOKENS, "limit": 5}]},
    ],
    "verdict_numbers": b"\0\0\1\0\0\0",
}
_KEY_CHANGE: dict[str, Any] = {
    "purpose": key_change_pb2.KEY_PURPOSE_CHECKPOINT,
    "retired_vkey": Signer.from_seed("example.com/ledger", b"1" * 32).verifier.vkey,
    "new_vkey": Signer.from_seed("example.com/ledger", b"2" * 32).verifier.vkey,
    "overlap_entries": 7,
    "reason": "yearly rotation",
}
SAMPLES: tuple[tuple[Kind, dict[str, Any]], ...] = (
    (GENESIS, _GENESIS),
    (TRAINING, _TRAINING),
    (USAGE, _USAGE),
    (PAYOUT, _PAYOUT),
    *registry_samples.SAMPLES,
    (ASSESSMENT, _ASSESSMENT),
    (KEY_CHANGE, _KEY_CHANGE),
)
GOOD = {kind.number: fields for kind, fields in SAMPLES}


def good(kind: Kind, /, **changes: Any) -> Any:
    """The good body of a kind, with other values in some fields; None leaves a field out."""
    fields = {**GOOD[kind.number], **changes}
    return kind.message(**{name: value for name, value in fields.items() if value is not None})


def serialize(body: Any) -> bytes:
    """The usual bytes of a body."""
    return bytes(body.SerializeToString(deterministic=True))


def faults(kind: Kind, body: Any, raw: bytes | None = None) -> list[tuple[str, str]]:
    """(field, reason) of each problem that the kind's check finds."""
    found = kind.check(body, serialize(body) if raw is None else raw)
    return [(problem.field, problem.reason) for problem in found]


def party(
    body: bytes, signer: Signer, role: int = record_pb2.PARTY_ROLE_DATA_PROVIDER
) -> record_pb2.PartySignature:
    """A party's signature over a body without signatures."""
    return record_pb2.PartySignature(
        role=role,  # type: ignore[arg-type]
        public_key=signer.verifier.public_key,
        signature=signer.sign(SIGNED_LINE + body),
    )


def signed_training(signatures: Sequence[record_pb2.PartySignature], **changes: Any) -> Any:
    """A proof of training with these signatures."""
    body = good(TRAINING, **changes)
    body.signatures.extend(signatures)
    return body
