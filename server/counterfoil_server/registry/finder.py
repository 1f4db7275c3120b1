"""What one snapshot of the registry has about uses, as the pure rules of ``counterfoil.licensing`` want it."""

from collections.abc import Callable, Collection, Iterator
from typing import Any

from counterfoil.licensing import Known, Question
from counterfoil.log.registry.history import read_over_time
from counterfoil.log.registry.read import list_objects
from counterfoil.record import ASSET, CREATOR, LICENSE, PRICE, History, Kind
from counterfoil.record.agreed import license_scope
from counterfoil.store import Snapshot

Histories = dict[tuple[int, str], History | None]
"""Objects over time, by kind and id."""


class Finder:
    """What the registry has about uses. Each object is read once, however many uses name it.

    A buyer's uses are judged by that buyer's licences and those for anybody: what others have agreed upon is not told.
    """

    def __init__(
        self,
        snapshot: Snapshot,
        times_us: Collection[int],
        sees: Callable[[Kind, Any], bool] = lambda _kind, _body: True,
        histories: Histories | None = None,
    ) -> None:
        """Read from a snapshot, and no longer than it is open, what counted at some times.

        Args:
            sees: whether whoever asks sees an object whose newest version says this; what is not seen is not there.
            histories: what was read before about the same times, and where what is read now goes; good for as long as the
                registry is the same.
        """
        self._snapshot = snapshot
        self._sees = sees
        self._first_us, self._last_us = min(times_us, default=0), max(times_us, default=0)
        self._histories: Histories = {} if histories is None else histories

    def find(self, question: Question) -> Known:
        """What there is about a question."""
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
        if key not in self._histories:
            self._histories[key] = read_over_time(
                self._snapshot, kind, object_id, self._first_us, self._last_us
            )
        return self._histories[key]

    def _see(self, kind: Kind, object_id: str) -> History | None:
        found = self._read(kind, object_id)
        seen = found is not None and self._sees(kind, found.versions[-1].body)
        return found if seen else None
