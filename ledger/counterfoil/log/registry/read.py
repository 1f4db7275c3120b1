"""Reading the registry: objects as they are, as they were at a time, and everything that they ever said.

Rows say where the versions are; what they say is read from the log itself, and verified as every entry is.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

from counterfoil.errors import IntegrityError, NotFound
from counterfoil.log.read import Entry, read_logged
from counterfoil.log.registry.contents import find_holders, is_contested
from counterfoil.log.registry.rows import (
    CONTENT,
    CONTESTED,
    LISTED,
    Place,
    read_places,
    scan_numbers,
)
from counterfoil.record import KIND_BY_NUMBER, Change, Kind
from counterfoil.store import Part, Snapshot


@dataclass(frozen=True, slots=True)
class Version:
    """One version of an object, or its end.

    Attributes:
        entry: as it was logged. change: what it changed. number: from 1.
        effective_time_us: from when on it counts, microseconds since 1970; 0 for always.
    """

    entry: Entry
    change: Change
    number: int
    effective_time_us: int


@dataclass(frozen=True, slots=True)
class ObjectState:
    """An object: one version of it, and its end if that is known. ``number`` is the index of its first version."""

    number: int
    version: Version
    end: Version | None


def read_change(snapshot: Snapshot, index: int) -> tuple[Entry, Change]:
    """An entry that changes the registry, and what it changes.

    Raises:
        IntegrityError: the entry is damaged, or is none that does.
    """
    entry = read_logged(snapshot, index)
    if entry.kind.change is None:
        raise IntegrityError(f"entry {index} changes nothing in the registry", index=index)
    return entry, entry.kind.change(entry.kind.message.FromString(entry.body))


def read_newest(snapshot: Snapshot, kind: Kind, object_id: str) -> ObjectState:
    """An object's newest version, and its end if there is one, whether or not that has come.

    Raises:
        NotFound: there is no such object.
    """
    places = _find(snapshot, kind, object_id)
    return _state(snapshot, kind, object_id, places, len(places) - places[-1].ends)


def find_owner(snapshot: Snapshot, kind: int, object_id: str, end: int) -> str:
    """Whose an object is that was registered before an index; empty when nobody's, or there is none.

    Raises:
        IntegrityError: its first version is damaged.
    """
    places = read_places(snapshot, kind, object_id)
    return (
        read_change(snapshot, places[0].index)[1].owner if places and places[0].index < end else ""
    )


def read_state_at(
    snapshot: Snapshot, kind: Kind, object_id: str, time_us: int
) -> ObjectState | None:
    """An object as it was at a time: its last version that counted then, and its end if that had come.

    None when there is no such object. The first version counts from the beginning of time: what it says of times before
    it was logged is what was agreed upon when it was.
    """
    places = read_places(snapshot, kind.number, object_id)
    counted = [place for place in places if place.effective_time_us <= time_us]
    versions = sum(not place.ends for place in counted)
    return _state(snapshot, kind, object_id, counted, versions) if versions else None


def read_version_at(snapshot: Snapshot, index: int) -> Version:
    """The version that an entry is.

    Raises:
        IntegrityError: the entry changes nothing in the registry, or the registry does not know of it.
    """
    entry, change = read_change(snapshot, index)
    for number, place in enumerate(read_places(snapshot, change.kind, change.object_id), 1):
        if place.index == index:
            return Version(entry, change, number, place.effective_time_us)
    raise IntegrityError(f"the registry does not know of entry {index}; run fsck", index=index)


def read_history(
    snapshot: Snapshot, kind: Kind, object_id: str, first: int, limit: int
) -> tuple[list[Version], bool]:
    """Up to ``limit`` versions of an object from one number on, its end included, and whether there are more.

    Raises:
        NotFound: there is no such object.
    """
    places = _find(snapshot, kind, object_id)
    begin, end = max(first, 1) - 1, max(first, 1) - 1 + limit
    found = [
        _version(snapshot, kind, object_id, number, place)
        for number, place in enumerate(places[begin:end], begin + 1)
    ]
    return found, end < len(places)


def list_objects(
    snapshot: Snapshot, kind: Kind, texts: tuple[str, ...], first_number: int = 0
) -> Iterator[tuple[int, str]]:
    """Number and id of the objects of a kind that are listed under some texts, in the order of registration."""
    for number, value in scan_numbers(snapshot, (LISTED, kind.number, *texts), first_number):
        yield number, value.decode()


def list_contested(
    snapshot: Snapshot, owner: str = "", first_number: int = 0
) -> Iterator[tuple[int, str]]:
    """Number and id of the assets, of one creator or of all, that have content in common with another creator's."""
    for number, _ in scan_numbers(snapshot, (CONTESTED, owner), first_number):
        yield number, read_change(snapshot, number)[1].object_id


def find_contesting(snapshot: Snapshot, state: ObjectState, limit: int) -> list[str]:
    """The ids of up to ``limit`` assets of other creators that have content in common with an asset."""
    if not is_contested(snapshot, state.number):
        return []
    change = state.version.change
    found: set[str] = set()
    for fingerprint in sorted(change.contents):
        others = (
            asset_id
            for _, _, asset_id in find_holders(snapshot, fingerprint, but=change.owner)
            if asset_id not in found
        )
        found.update(islice(others, limit - len(found)))
        if len(found) == limit:
            break
    return sorted(found)


def _find(snapshot: Snapshot, kind: Kind, object_id: str) -> list[Place]:
    places = read_places(snapshot, kind.number, object_id)
    if not places:
        raise NotFound(f"there is no {kind.name} {object_id[:128]!r}")
    return places


def _state(
    snapshot: Snapshot, kind: Kind, object_id: str, places: list[Place], versions: int
) -> ObjectState:
    version = _version(snapshot, kind, object_id, versions, places[versions - 1])
    end = None
    if places[-1].ends:
        end = _version(snapshot, kind, object_id, len(places), places[-1])
    return ObjectState(places[0].index, version, end)


def _version(snapshot: Snapshot, kind: Kind, object_id: str, number: int, place: Place) -> Version:
    entry, change = read_change(snapshot, place.index)
    if (change.kind, change.object_id) != (kind.number, object_id):
        told = f"entry {place.index} is no version of {kind.name} {object_id}; run fsck"
        raise IntegrityError(told, index=place.index)
    return Version(entry, change, number, place.effective_time_us)


def find_missing_rows(snapshot: Snapshot, index: int) -> str | None:
    """What the registry lacks of an entry that changes it, in words; None when all its rows are there.

    Raises:
        IntegrityError: the entry or a row is damaged.
    """
    _, change = read_change(snapshot, index)
    places = read_places(snapshot, change.kind, change.object_id)
    if index not in [place.index for place in places]:
        return f"{change.object_id} does not have it among its versions"
    number = places[0].index
    wanted: list[tuple[Part, ...]] = []
    if number == index:
        wanted += [(LISTED, change.kind, *texts) for texts in change.listed]
    if places[-1].index == index:
        wanted += [(CONTENT, *print_, change.owner) for print_ in change.contents]
    for texts in wanted:
        if next((at for at, _ in scan_numbers(snapshot, texts, number)), None) != number:
            return f"{change.object_id} is not listed under {texts[2:] or 'its kind'}"
    return None


def kind_of(change: Change) -> Kind:
    """The kind of the object that a change is about."""
    return KIND_BY_NUMBER[change.kind]
