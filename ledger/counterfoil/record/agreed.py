"""What licences and prices change in the registry."""

from typing import Any

from counterfoil.entry import KIND_ASSET, KIND_CREATOR, KIND_LICENSE, KIND_PRICE
from counterfoil.record.change import Change, Reference, listed_under


def license_change(body: Any) -> Change:
    """A version of a licence: for one asset or for a creator's whole catalogue, for one buyer or for anybody."""
    fixed = {
        "creator_id": body.creator_id,
        "asset_id": body.asset_id,
        "buyer": body.buyer,
    }
    references = [Reference("creator_id", KIND_CREATOR, body.creator_id)]
    if body.asset_id:
        references.append(Reference("asset_id", KIND_ASSET, body.asset_id, owner=body.creator_id))
    if body.price_id:
        references.append(Reference("price_id", KIND_PRICE, body.price_id, owner=body.creator_id))
    policy = body.terms.revocation
    # What was promised for ever is promised by every later version too.
    promised = {"terms.revocation.irrevocable": "true"} if policy.irrevocable else {}
    return Change(
        kind=KIND_LICENSE,
        object_id=body.license_id,
        id_field="license_id",
        replaces=body.replaces,
        owner=body.creator_id,
        notice_us=None if policy.irrevocable else policy.notice_s * 1_000_000,
        references=tuple(references),
        fixed=fixed | promised,
        listed=(
            *listed_under(fixed),
            *(() if body.buyer else (("buyer", ""),)),
            license_scope(body.creator_id, body.asset_id, body.buyer),
        ),
    )


def license_scope(creator_id: str, asset_id: str, buyer: str) -> tuple[str, ...]:
    """Under which texts the licences are found that cover one asset, or else a whole catalogue, for one buyer or anybody."""
    return ("covers asset", asset_id, buyer) if asset_id else ("covers creator", creator_id, buyer)


def price_change(body: Any) -> Change:
    """A version of a price: a creator's own, or one that the platform offers to all."""
    fixed = {"creator_id": body.creator_id}
    own = (Reference("creator_id", KIND_CREATOR, body.creator_id),) if body.creator_id else ()
    return Change(
        kind=KIND_PRICE,
        object_id=body.price_id,
        id_field="price_id",
        replaces=body.replaces,
        owner=body.creator_id,
        references=own,
        fixed=fixed,
        listed=listed_under(fixed),
    )
