"""What is agreed upon before anything is used: a creator, its works, and a licence for the host."""

from collections.abc import Sequence
from typing import Any

from counterfoil.v1.record_pb2 import (
    CONSENT_COMMERCIAL,
    CONSENT_INFERENCE,
    CONSENT_TRAINING,
    Artifact,
)
from counterfoil.v1.registry_pb2 import (
    USE_DISPLAY,
    USE_INFERENCE,
    USE_TRAINING,
    VISIBILITY_PRIVATE,
    Asset,
    Creator,
    License,
    LicenseTerms,
)
from counterfoil.v1.registry_service_pb2 import UseQuery
from counterfoil_cli.console import CommandError
from counterfoil_cli.demo.events import ASSETS, CREATOR, LICENSE
from counterfoil_client import LedgerClient


def register(client: LedgerClient, buyer: str, files: Sequence[Artifact]) -> int:
    """Register a creator, works of which the first one has these files, and a licence for all of them.

    Returns:
        how many records that made.
    """
    registry = client.registry
    consents = [CONSENT_TRAINING, CONSENT_INFERENCE, CONSENT_COMMERCIAL]
    registry.creators.create(
        Creator(creator_id=CREATOR, display_name="The Demonstration", consents=consents)
    )
    for number, name in enumerate(ASSETS, 1):
        work = Asset(
            asset_id=name,
            creator_id=CREATOR,
            title=f"Work {number}",
            contents=[] if number > 1 else files,
            visibility=VISIBILITY_PRIVATE,
        )
        registry.assets.create(work)
    terms = LicenseTerms(allowed_uses=[USE_TRAINING, USE_INFERENCE], commercial_use=True)
    registry.licenses.create(
        License(license_id=LICENSE, creator_id=CREATOR, buyer=buyer, terms=terms)
    )
    return 1 + len(ASSETS) + 1


def check(client: LedgerClient, buyer: str) -> tuple[str, str]:
    """Ask whether the host may answer from a work, and whether it may show it; what the ledger says to each.

    Raises:
        CommandError: the answers are not yes and no.
    """
    may, may_not = client.registry.check_coverages(
        [_query(buyer, USE_INFERENCE), _query(buyer, USE_DISPLAY)]
    )
    if not may.covered or may_not.covered:
        raise CommandError(
            f"the licence was not applied: {may.message or may.fault}; {may_not.message}"
        )
    return may.message, may_not.message


def _query(buyer: str, use: Any) -> UseQuery:
    return UseQuery(asset_id=ASSETS[0], buyer=buyer, use=use, commercial=True)
