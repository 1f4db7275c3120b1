"""Good bodies of what the registry is made of."""

from __future__ import annotations

from typing import Any

from counterfoil.record import ASSET, CREATOR, LICENSE, PRICE, REVOCATION, Kind
from counterfoil.v1 import record_pb2, registry_pb2

_CREATOR: dict[str, Any] = {
    "creator_id": "creator_42",
    "replaces": "cr_1_9f8e7d6c",
    "display_name": "Ada Lovelace",
    "payout_account_ref": "acct_1",
    "kyc_status": registry_pb2.KYC_STATUS_VERIFIED,
    "consents": [record_pb2.CONSENT_TRAINING, record_pb2.CONSENT_DISPLAY],
    "coarse_reports_only": True,
    "metadata": {"site": "example.com"},
}
_ASSET: dict[str, Any] = {
    "asset_id": "asset/1",
    "replaces": "as_2_9f8e7d6c",
    "creator_id": "creator_42",
    "title": "A novel",
    "contents": [
        {"name": "part-1", "size_bytes": 5, "sha256": b"s" * 32, "blake3": b"b" * 32},
        {"name": "part-2", "size_bytes": 7, "blake3": b"c" * 32},
    ],
    "mime_type": "application/epub+zip",
    "tags": ["fiction", "19th century"],
    "rights_statement": "all rights\nwith the creator",
    "license_defaults": {"template": "training-nonexclusive@1", "price_id": "price:1"},
    "visibility": registry_pb2.VISIBILITY_LISTED,
    "metadata": {"isbn": "9783161484100"},
}
_LICENSE: dict[str, Any] = {
    "license_id": "lic:1",
    "creator_id": "creator_42",
    "asset_id": "asset/1",
    "buyer": "host_1",
    "terms": {"allowed_uses": [registry_pb2.USE_TRAINING], "revocation": {"notice_s": 60}},
    "price_id": "price:1",
}
_REVOCATION: dict[str, Any] = {
    "kind": 7,
    "object_id": "lic:1",
    "replaces": "li_3_9f8e7d6c",
    "reason": "sold",
    "effective_time_us": 1_700_000_000_000_000,
}
_PRICE: dict[str, Any] = {
    "price_id": "price:1",
    "creator_id": "creator_42",
    "currency": "EUR",
    "per_token": {"input_rate": "0.00012", "output_rate": "0.0005"},
}
SAMPLES: tuple[tuple[Kind, dict[str, Any]], ...] = (
    (CREATOR, _CREATOR),
    (ASSET, _ASSET),
    (LICENSE, _LICENSE),
    (REVOCATION, _REVOCATION),
    (PRICE, _PRICE),
)
