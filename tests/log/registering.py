"""Records of the registry for tests of the log: bodies in their usual bytes, and batches of one record each."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from google.protobuf.message import Message

from counterfoil.errors import CounterfoilError
from counterfoil.log import Appended, Batch
from counterfoil.log.layout import REGISTRY
from counterfoil.log.registry import ObjectState, read_newest, read_state_at
from counterfoil.record import ASSET, CREATOR, LICENSE, PRICE, REVOCATION, Kind
from counterfoil.v1 import record_pb2, registry_pb2

from .bench import Bench

DAY_US = 24 * 3600 * 1_000_000
_KINDS: dict[type[Message], Kind] = {
    kind.message: kind for kind in (CREATOR, ASSET, LICENSE, PRICE, REVOCATION)
}


def creator(creator_id: str, **fields: Any) -> registry_pb2.Creator:
    """A creator."""
    return registry_pb2.Creator(creator_id=creator_id, **fields)


def asset(
    asset_id: str, creator_id: str = "ada", *, contents: Sequence[str] = (), **fields: Any
) -> registry_pb2.Asset:
    """An asset; its contents are named by letters."""
    prints = [record_pb2.Artifact(sha256=letter.encode() * 32) for letter in contents]
    return registry_pb2.Asset(asset_id=asset_id, creator_id=creator_id, contents=prints, **fields)


def licence(
    license_id: str,
    creator_id: str = "ada",
    *,
    notice_s: int = 0,
    irrevocable: bool = False,
    **fields: Any,
) -> registry_pb2.License:
    """A licence for training."""
    policy = registry_pb2.RevocationPolicy(notice_s=notice_s, irrevocable=irrevocable)
    terms = registry_pb2.LicenseTerms(allowed_uses=[registry_pb2.USE_TRAINING], revocation=policy)
    return registry_pb2.License(license_id=license_id, creator_id=creator_id, terms=terms, **fields)


def price(price_id: str, creator_id: str = "", **fields: Any) -> registry_pb2.Price:
    """A price for each call."""
    return registry_pb2.Price(
        price_id=price_id,
        creator_id=creator_id,
        currency="EUR",
        per_call=registry_pb2.PerCall(rate="1"),
        **fields,
    )


def revocation(kind: Kind, object_id: str, replaces: str, **fields: Any) -> registry_pb2.Revocation:
    """The end of an object."""
    return registry_pb2.Revocation(
        kind=kind.number, object_id=object_id, replaces=replaces, **fields
    )


def batch_of(bench: Bench, body: Message, **options: Any) -> Batch:
    """A batch of one record."""
    return bench.batch(_KINDS[type(body)], [body.SerializeToString(deterministic=True)], **options)


def add(bench: Bench, body: Message, **options: Any) -> str:
    """Append a record that must be accepted; its entry id."""
    appended = bench.add(batch_of(bench, body, **options))
    assert appended.head is not None
    return bench.entries()[appended.head.first].id


def refuse(bench: Bench, body: Message, **options: Any) -> CounterfoilError:
    """Append a record that must be refused without a trace; the error."""
    before = bench.dump()
    (outcome,) = bench.append(batch_of(bench, body, **options))
    assert not isinstance(outcome, Appended)
    assert bench.dump() == before
    return outcome


def newest(bench: Bench, kind: Kind, object_id: str) -> ObjectState:
    """An object as it is now."""
    with bench.store.snapshot() as snapshot:
        return read_newest(snapshot, kind, object_id)


def body_at(bench: Bench, kind: Kind, object_id: str, time_us: int) -> Any:
    """What an object said at a time; None when there is no such object."""
    with bench.store.snapshot() as snapshot:
        state = read_state_at(snapshot, kind, object_id, time_us)
    return None if state is None else kind.message.FromString(state.version.entry.body)


def ended_at(bench: Bench, kind: Kind, object_id: str, time_us: int) -> bool:
    """Whether an object had ended at a time."""
    with bench.store.snapshot() as snapshot:
        state = read_state_at(snapshot, kind, object_id, time_us)
    return state is not None and state.end is not None


def rows(bench: Bench) -> dict[bytes, bytes]:
    """The rows of the registry."""
    return {key: value for (space, key), value in bench.dump().items() if space == REGISTRY}


def fill(bench: Bench) -> None:
    """Some objects of every kind: updated, contested, and ended."""
    first = add(bench, creator("ada", display_name="A"))
    add(bench, creator("ada", display_name="Ada", replaces=first))
    add(bench, creator("bob"))
    add(bench, price("standard"))
    add(bench, asset("novel", contents="xy"))
    add(bench, asset("copy", "bob", contents="yz"))
    ended = add(bench, licence("l1", asset_id="novel", buyer="acme", price_id="standard"))
    add(bench, licence("l2", notice_s=60))
    add(bench, revocation(LICENSE, "l1", ended, reason="sold"))
