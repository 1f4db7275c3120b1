"""Changing the registry: what must be true before a record is logged, and the rows that follow from it."""

from counterfoil.errors import (
    AlreadyExists,
    FailedPrecondition,
    InvalidInput,
    NotFound,
    VersionMismatch,
)
from counterfoil.limits import VERSIONS_MAX
from counterfoil.log.registry.contents import is_held_by_others, replace_contents
from counterfoil.log.registry.read import kind_of, read_change
from counterfoil.log.registry.rows import (
    LISTED,
    Place,
    put_row,
    read_places,
    write_newest_index,
    write_places,
)
from counterfoil.record import Change, Reference, problem
from counterfoil.store import Snapshot, Transaction, encode_key

REFUSALS = (AlreadyExists, FailedPrecondition, InvalidInput, NotFound, VersionMismatch)
"""What :meth:`Registry.check` refuses a change with."""


class Registry:
    """The rows of the registry, as one transaction changes them."""

    def __init__(self, rows: Transaction, log: Snapshot) -> None:
        """Take where the rows are, and the log that they follow from: when appending, both are one transaction."""
        self._rows = rows
        self._log = log

    def check(self, change: Change, time_us: int, *, exclusive: bool = False) -> None:
        """Whether a change can be made at a time; nothing is changed.

        Args:
            time_us: that of the entry. exclusive: refuse content that another creator has registered.

        Raises:
            NotFound: an end, or a later version, of an object that does not exist.
            AlreadyExists: a first version of one that exists; or content that somebody else has registered.
            VersionMismatch: it replaces another version than the newest.
            FailedPrecondition: the object has ended, or cannot be ended; or what it refers to is not there.
            InvalidInput: it changes what cannot change, or the object has too many versions.
        """
        places = read_places(self._rows, change.kind, change.object_id)
        before = self._check_place(change, places)
        for reference in change.references:
            self._check_reference(reference, time_us)
        if exclusive:
            self._check_contents(change, before)

    def apply(self, change: Change, index: int, time_us: int) -> None:
        """Make a change that was checked; ``index`` and ``time_us`` are those of its entry."""
        write_newest_index(self._rows, index)
        places = read_places(self._rows, change.kind, change.object_id)
        before = None
        effective_us = 0
        if places:
            _, before = read_change(self._log, places[-1].index)
            effective_us = time_us
            if change.ends:
                effective_us = max(time_us + (before.notice_us or 0), change.effective_time_us)
        places.append(Place(index, effective_us, change.ends))
        write_places(self._rows, change.kind, change.object_id, places)
        number = places[0].index
        if before is None:
            for texts in change.listed:
                key = encode_key(LISTED, change.kind, *texts, number)
                put_row(self._rows, key, change.object_id.encode())
        owner = change.owner if before is None else before.owner
        replace_contents(
            self._rows,
            (owner, number, change.object_id),
            frozenset() if before is None else before.contents,
            change.contents,
        )

    def _check_place(self, change: Change, places: list[Place]) -> Change | None:
        """Check a change against the object's newest version, which is returned; None when there is none."""
        name = f"{kind_of(change).name} {change.object_id}"
        if not places:
            if change.replaces or change.ends:
                raise NotFound(f"there is no {name}")
            return None
        entry, newest = read_change(self._log, places[-1].index)
        if not change.replaces and not change.ends:
            told = f"{name} exists; a new version of it replaces {entry.id}"
            raise AlreadyExists(told, reason="EXISTS", field=change.id_field, etag=entry.id)
        if newest.ends:
            told = f"{name} was revoked by {entry.id}; nothing can be said of it any more"
            raise FailedPrecondition(told, reason="ENDED", field=change.id_field)
        if change.replaces != entry.id:
            told = f"the newest version of {name} is {entry.id}, not {change.replaces or 'none'}"
            raise VersionMismatch(told, etag=entry.id)
        if change.ends:
            if newest.notice_us is None:
                told = f"{name} cannot be revoked: its terms say so"
                raise FailedPrecondition(told, reason="IRREVOCABLE", field=change.id_field)
            return newest
        for field, value in newest.fixed.items():
            if change.fixed.get(field) != value:
                told = f"{field} of {name} is {value or 'empty'}, and cannot change"
                raise InvalidInput(told, field=field, reason=problem.FIXED)
        if len(places) >= VERSIONS_MAX:
            told = f"{name} has {len(places)} versions; more are not allowed"
            raise InvalidInput(told, field=change.id_field, reason=problem.TOO_MANY)
        return newest

    def _check_reference(self, reference: Reference, time_us: int) -> None:
        places = read_places(self._rows, reference.kind, reference.object_id)
        told = None
        if not places:
            told = "is not registered"
        elif places[-1].ends and places[-1].effective_time_us <= time_us:
            told = "has ended"
        elif reference.owner is not None:
            _, first = read_change(self._log, places[0].index)
            if first.owner not in ("", reference.owner):
                told = f"belongs to another creator than {reference.owner}"
        if told is not None:
            told = f"{reference.field} {reference.object_id} {told}"
            raise FailedPrecondition(told, reason="REFERENCE_MISSING", field=reference.field)

    def _check_contents(self, change: Change, before: Change | None) -> None:
        for fingerprint in sorted(change.contents - (before.contents if before else frozenset())):
            if is_held_by_others(self._rows, fingerprint, change.owner):
                algorithm, digest = fingerprint
                told = f"content {algorithm}:{digest.hex()} is registered by another creator"
                raise AlreadyExists(told, reason="CONTENT_REGISTERED", field="contents")
