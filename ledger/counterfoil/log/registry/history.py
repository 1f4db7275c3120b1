"""Objects over time, as the pure functions of ``counterfoil.licensing`` want them."""

from bisect import bisect_right

from counterfoil.log.registry.read import read_change
from counterfoil.log.registry.rows import read_places
from counterfoil.record import History, Kind
from counterfoil.record.history import Version
from counterfoil.store import Snapshot


def read_over_time(
    snapshot: Snapshot, kind: Kind, object_id: str, first_us: int, last_us: int
) -> History | None:
    """What an object says at the moments from one time to another, and when it ends; None when there is no such object.

    Versions that count at none of these moments are not read: an old price may have had thousands.

    Raises:
        IntegrityError: an entry or a row is damaged.
    """
    places = read_places(snapshot, kind.number, object_id)
    if not places:
        return None
    said = places[: len(places) - places[-1].ends]
    times_us = [place.effective_time_us for place in said]
    # The first one counts from the beginning of time.
    begin = max(bisect_right(times_us, first_us), 1) - 1
    versions = []
    for place in said[begin : max(bisect_right(times_us, last_us), begin + 1)]:
        entry, _ = read_change(snapshot, place.index)
        body = kind.message.FromString(entry.body)
        versions.append(Version(body, entry.id, place.index, place.effective_time_us))
    end_us = places[-1].effective_time_us if places[-1].ends else None
    return History(tuple(versions), end_us)
