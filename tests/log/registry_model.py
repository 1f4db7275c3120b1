"""The registry by its definition: plain dictionaries over what was accepted, and the rules in a few lines each."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any

from google.protobuf.message import Message

from counterfoil.v1.registry_pb2 import Revocation

KIND = {"Creator": 5, "Asset": 6, "License": 7, "Price": 9}
ID = {5: "creator_id", 6: "asset_id", 7: "license_id", 9: "price_id"}
Name = tuple[int, str]


@dataclass
class Said:
    """One record about an object: what, under which etag, and when."""

    body: Any
    etag: str
    time_us: int


@dataclass
class Model:
    """What a registry is. Objects are in the order of registration."""

    said: dict[Name, list[Said]] = field(default_factory=lambda: defaultdict(list))

    def name_of(self, body: Message) -> Name:
        """Which object a record is about."""
        if isinstance(body, Revocation):
            return body.kind, body.object_id
        kind = KIND[body.DESCRIPTOR.name]
        return kind, getattr(body, ID[kind])

    def allows(self, body: Any, time_us: int) -> bool:
        """Whether the rules accept a record."""
        name = self.name_of(body)
        before = self.said.get(name, [])
        ends = isinstance(body, Revocation)
        if not before:
            if body.replaces or ends:
                return False
        elif body.replaces != before[-1].etag or isinstance(before[-1].body, Revocation):
            return False
        if before and ends:
            return not (name[0] == 7 and before[-1].body.terms.revocation.irrevocable)
        if before and not self._keeps(before[-1].body, body):
            return False
        return ends or all(
            self._can_name(kind, object_id, owner, time_us)
            for kind, object_id, owner in _references(body)
        )

    def add(self, body: Any, etag: str, time_us: int) -> None:
        """Take in a record that was accepted."""
        self.said[self.name_of(body)].append(Said(body, etag, time_us))

    def end_us(self, name: Name) -> int | None:
        """When an object ends."""
        said = self.said[name]
        if not isinstance(said[-1].body, Revocation):
            return None
        last = said[-2].body
        notice_s = last.terms.revocation.notice_s if name[0] == 7 else 0
        return max(said[-1].time_us + notice_s * 1_000_000, said[-1].body.effective_time_us)

    def at(self, name: Name, time_us: int) -> Any:
        """What an object said at a time, or None."""
        versions = [
            each for each in self.said.get(name, []) if not isinstance(each.body, Revocation)
        ]
        counted = versions[:1] + [each for each in versions[1:] if each.time_us <= time_us]
        return counted[-1].body if counted else None

    def contested(self) -> dict[str, set[str]]:
        """Each asset that has content in common with others' assets, and which these are."""
        held = {
            name[1]: (said[-1].body.creator_id, {each.sha256 for each in said[-1].body.contents})
            for name, said in self.said.items()
            if name[0] == 6 and said and not isinstance(said[-1].body, Revocation)
        }
        found = {
            one: {
                other
                for other, (owner, prints) in held.items()
                if owner != held[one][0] and prints & held[one][1]
            }
            for one in held
        }
        return {one: others for one, others in found.items() if others}

    def _keeps(self, before: Any, after: Any) -> bool:
        fixed = [
            getattr(before, name) == getattr(after, name)
            for name in ("creator_id", "asset_id", "buyer")
            if hasattr(before, name)
        ]
        promised = not hasattr(before, "buyer") or (
            not before.terms.revocation.irrevocable or after.terms.revocation.irrevocable
        )
        return all(fixed) and promised

    def _can_name(self, kind: int, object_id: str, owner: str | None, time_us: int) -> bool:
        said = self.said.get((kind, object_id))
        if not said:
            return False
        end_us = self.end_us((kind, object_id))
        ended = end_us is not None and end_us <= time_us
        return not ended and (owner is None or said[0].body.creator_id in ("", owner))


def _references(body: Any) -> list[tuple[int, str, str | None]]:
    name = body.DESCRIPTOR.name
    found: list[tuple[int, str, str | None]] = []
    if name != "Creator" and body.creator_id:
        found.append((5, body.creator_id, None))
    if name == "License" and body.asset_id:
        found.append((6, body.asset_id, body.creator_id))
    price = {"License": lambda: body.price_id, "Asset": lambda: body.license_defaults.price_id}
    if name in price and price[name]():
        found.append((9, price[name](), body.creator_id))
    return found
