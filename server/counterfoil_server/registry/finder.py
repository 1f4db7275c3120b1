"""What one snapshot of the registry has about uses, as the pure rules of ``counterfoil.licensing`` want it."""

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field
from typing import Any

from counterfoil.licensing import Known, Question
from counterfoil.log.registry.history import read_over_time
from counterfoil.log.registry.read import list_objects
from counterfoil.record import ASSET, CREATOR, LICENSE, PRICE, History, Kind
from counterfoil.record.agreed import license_scope
from counterfoil.store import Snapshot


@dataclass
class Memory:
    """What was read of the registry; good for as long as it stays what it is.

    Attributes:
        histories: objects over time, by kind and id. known: what there is, by asset, buyer and licence that were asked about.
    """

    histories: dict[tuple[int, str], History | None] = field(default_factory=dict)
    known: dict[tuple[str, str, str], Known] = field(default_factory=dict)

    def __len__(self) -> int:
        """How much that is."""
        return len(self.histories) + len(self.known)


class Finder:
    """What the registry has about uses. Each object is read once, however many uses name it.

    A buyer's uses are judged by that buyer's licences and those for anybody: what others have agreed upon is not told.
    """

    def __init__(
        self,
        snapshot: Snapshot,
        times_us: Collection[int],
        sees: Callable[[Kind, Any], bool] = lambda _kind, _body: True,
        memory: Memory | None = None,
    ) -> None:
        """Read from a snapshot, and no longer than it is open, what counted at some times.

        Args:
            sees: whether whoever asks sees an object whose newest version says this; what is not seen is not there.
            memory: what was read before about the same times for somebody who sees the same, and where what is read now goes.
        """
        self._snapshot = snapshot
        self._sees = sees
        self._first_us, self._last_us = min(times_us, default=0), max(times_us, default=0)
        self._memory = Memory() if memory is None else memory

    def find(self, question: Question) -> Known:
        """What there is about a question."""
        # A licence that is named is the same one for every buyer; whether it is the buyer's the rules say.
        buyer = "" if question.license_id else question.buyer
        key = question.asset_id, buyer, question.license_id
        known = self._memory.known.get(key)
        if known is None:
            known = self._memory.known[key] = self._look_up(question)
        return known

    def _look_up(self, question: Question) -> Known:
        asset = self._see(ASSET, question.asset_id)
        if asset is None:
            return Known()
        creator_id = asset.versions[0].body.creator_id
        ids = [question.license_id] if question.license_id else self._list(question, creator_id)
        licenses = [found for each in ids if (found := self._see(LICENSE, each)) is not None]
        named = {version.body.price_id for found in licenses for version in found.versions}
        prices = {each: found for each in named - {""} if (found := self._read(PRICE, each))}
        return Known(asset, self._read(CREATOR, creator_id), licenses, prices)

    def _list(self, question: Question, creator_id: str) -> Iterator[str]:
        for buyer in dict.fromkeys((question.buyer, "")):
            for asset_id in (question.asset_id, ""):
                texts = license_scope(creator_id, asset_id, buyer)
                for _, license_id in list_objects(self._snapshot, LICENSE, texts):
                    yield license_id

    def _read(self, kind: Kind, object_id: str) -> History | None:
        key = kind.number, object_id
        if key not in self._memory.histories:
            self._memory.histories[key] = read_over_time(
                self._snapshot, kind, object_id, self._first_us, self._last_us
            )
        return self._memory.histories[key]

    def _see(self, kind: Kind, object_id: str) -> History | None:
        found = self._read(kind, object_id)
        seen = found is not None and self._sees(kind, found.versions[-1].body)
        return found if seen else None
