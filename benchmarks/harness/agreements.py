"""What was agreed upon about the works that the rows name: one creator, all of its works, and a licence for anybody."""

from typing import Final

from harness.rows import ASSETS, LICENSE

from counterfoil.v1 import record_pb2, registry_pb2
from counterfoil_client import LedgerClient

_CREATOR: Final = "creator_1"


def register(address: str, vkey: str) -> None:
    """Register all of it on a ledger that serves there."""
    with LedgerClient(address, trust=vkey, submitter="platform") as client:
        registry = client.registry
        consents = record_pb2.Consent.keys()[1:]
        registry.creators.create(registry_pb2.Creator(creator_id=_CREATOR, consents=consents))
        for name in ASSETS:
            registry.assets.create(
                registry_pb2.Asset(
                    asset_id=name,
                    creator_id=_CREATOR,
                    visibility=registry_pb2.VISIBILITY_LISTED,
                )
            )
        terms = registry_pb2.LicenseTerms(
            allowed_uses=registry_pb2.Use.keys()[1:], commercial_use=True
        )
        registry.licenses.create(
            registry_pb2.License(license_id=LICENSE, creator_id=_CREATOR, terms=terms)
        )
