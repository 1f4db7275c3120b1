"""Objects over time, as the pure functions of ``counterfoil.licensing`` want them."""

from counterfoil.log.registry.read import read_change
from counterfoil.log.registry.rows import read_places
from counterfoil.record import History, Kind
from counterfoil.record.history import Version
from counterfoil.store import Snapshot


def read_over_time(snapshot: Snapshot, kind: Kind, object_id: str) -> History | None:
    """All that an object ever said, and when it ends; None when there is no such object.

    Raises:
        IntegrityError: an entry or a row is damaged.
    """
    places = read_places(snapshot, kind.number, object_id)
    if not places:
        return None
    versions = []
    for place in places[: len(places) - places[-1].ends]:
        entry, _ = read_change(snapshot, place.index)
        body = kind.message.FromString(entry.body)
        versions.append(Version(body, entry.id, place.index, place.effective_time_us))
    end_us = places[-1].effective_time_us if places[-1].ends else None
    return History(tuple(versions), end_us)
