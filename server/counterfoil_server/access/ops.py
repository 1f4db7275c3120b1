"""The operational store: principals, keys, the audit trail and the sums of quotas, in an LMDB environment of its own.

It lies beside the log and is never part of it: nothing here is signed, and what was deleted is gone. Every worker reads and
writes it. Keys are stored as a hash; nobody who reads the store can call.

space      key                     value (each with a checksum of eight bytes)
meta       "format"                version and origin: a store belongs to one ledger
meta       "generation"            rises with each change of who may call: what callers are remembered for
meta       "trail"                 last sequence, how many denials are kept, up to where they were thinned out
principal  principal_id            Principal
key        key_id                  hash of the key's text (32 bytes), ApiKey
san        name                    principal_id: what a client certificate may say
audit      sequence                AuditEvent
quota      day, principal_id       tokens that usage reported on that day (UTC)
pace       hour, submitter         tokens of usage that arrived in that hour (UTC), counted from 1970
"""

import struct
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final, TypeVar

from google.protobuf.message import DecodeError, Message

from counterfoil.errors import IntegrityError, StartupError
from counterfoil.limits import OPS_DENIALS_MAX, OPS_SIZE_BYTES_MAX
from counterfoil.log.layout import seal, unseal
from counterfoil.store import Snapshot, Transaction, decode_key, encode_key
from counterfoil.store.lmdb import LmdbStore
from counterfoil.v1.access_service_pb2 import ApiKey, AuditEvent, Principal
from counterfoil_server.access.keys import HASH_SIZE

T = TypeVar("T")
M = TypeVar("M", bound=Message)

META, PRINCIPAL, KEY, SAN, AUDIT = "meta", "principal", "key", "san", "audit"
QUOTA, PACE = "quota", "pace"
SPACES: Final = (META, PRINCIPAL, KEY, SAN, AUDIT, QUOTA, PACE)
DENIED: Final = "denied"
SIGNED_IN: Final = "token.issue"
_THINNED: Final = (DENIED, SIGNED_IN)
"""Actions of audit events that may be thinned out when there are too many."""
_FORMAT: Final = "counterfoil operations v1\n"
_FORMAT_KEY, _GENERATION_KEY, _TRAIL_KEY = b"format", b"generation", b"trail"
_NUMBER: Final = struct.Struct(">Q")
_TRAIL: Final = struct.Struct(">QQQ")


class OpsStore:
    """A ledger's operational store; may be used from many threads."""

    def __init__(
        self, path: Path, origin: str, *, create: bool = False, read_only: bool = False
    ) -> None:
        """Open it, or make it where it is missing.

        Raises:
            StartupError: there is none, or it belongs to another ledger.
            IntegrityError: it is damaged.
        """
        self._store = LmdbStore(
            path,
            SPACES,
            map_size_bytes=OPS_SIZE_BYTES_MAX,
            room_reserve_bytes=0,
            create=create,
            read_only=read_only,
        )
        try:
            self._check_format(origin, writable=not read_only)
            self._seen = self._store.last_transaction
            self._generation, self._open = self._read_state()
        except BaseException:
            self._store.close()
            raise

    @property
    def store(self) -> LmdbStore:
        """The environment itself, for backups."""
        return self._store

    def close(self) -> None:
        """Release everything."""
        self._store.close()

    @property
    def generation(self) -> int:
        """A number that is another one after each change of principals or keys, by whichever process. Cheap to ask."""
        self._look()
        return self._generation

    @property
    def is_open(self) -> bool:
        """Whether no principal was ever made, so that nobody can have a key. Principals are never removed: no is for good."""
        if self._open:
            self._look()
        return self._open

    def _look(self) -> None:
        newest = self._store.last_transaction
        if newest != self._seen:
            self._generation, self._open = self._read_state()
            self._seen = newest

    def _read_state(self) -> tuple[int, bool]:
        with self._store.snapshot() as snapshot:
            return read_generation(snapshot), not any(snapshot.scan(PRINCIPAL, limit=1))

    def read(self, fn: Callable[[Snapshot], T]) -> T:
        """What a function finds in one snapshot."""
        with self._store.snapshot() as snapshot:
            return fn(snapshot)

    def change(self, fn: Callable[[Transaction], tuple[T, AuditEvent]]) -> T:
        """Change who may call, and write down who changed what, in one transaction. On return it counts in all workers.

        Args:
            fn: makes the change, and answers with its result and the event, which gets its sequence here.

        Raises:
            StoreFull: there is no room. OutcomeUnknown: the commit failed. And what ``fn`` raises.
        """

        def run(transaction: Transaction) -> T:
            result, event = fn(transaction)
            generation = read_generation(transaction) + 1
            transaction.put(META, _GENERATION_KEY, seal(_NUMBER.pack(generation)))
            _append(transaction, [event])
            return result

        return self._store.transact(run)

    def append_events(self, events: Sequence[AuditEvent]) -> None:
        """Write events down that change nothing, such as denials. Raises as :meth:`change` does."""
        self._store.transact(lambda transaction: _append(transaction, events))

    def add_tokens(self, day: int, added: Mapping[str, int]) -> dict[str, int]:
        """Add to the sums of a day; the sums of all workers together. Days before the one before are forgotten."""

        def run(transaction: Transaction) -> dict[str, int]:
            _forget(transaction, QUOTA, day - 1)
            return {
                name: _add(transaction, QUOTA, encode_key(day, name), count)
                for name, count in added.items()
            }

        return self._store.transact(run)

    def read_tokens(self, day: int) -> dict[str, int]:
        """The sums of a day."""
        return {name: count for _, name, count in self._read_counts(QUOTA, day, day + 1)}

    def add_hours(self, added: Mapping[tuple[int, str], int], oldest: int) -> None:
        """Add to what submitters sent, by hour and submitter. Hours before the oldest are forgotten."""

        def run(transaction: Transaction) -> None:
            _forget(transaction, PACE, oldest)
            for (hour, submitter), count in added.items():
                _add(transaction, PACE, encode_key(hour, submitter), count)

        self._store.transact(run)

    def read_hours(self, first: int) -> list[tuple[int, str, int]]:
        """What submitters sent since an hour: hour, submitter, tokens. All workers together."""
        return self._read_counts(PACE, first, None)

    def _read_counts(self, space: str, first: int, end: int | None) -> list[tuple[int, str, int]]:
        stop = None if end is None else encode_key(end)
        with self._store.snapshot() as snapshot:
            rows = snapshot.scan(space, encode_key(max(0, first)), stop)
            return [(*_parse_count_key(key), _parse_count(value)) for key, value in rows]

    def _check_format(self, origin: str, *, writable: bool) -> None:
        with self._store.snapshot() as snapshot:
            found = snapshot.get(META, _FORMAT_KEY)
            stored = None if found is None else unseal(found, "format of the operational store")
            fresh = found is None and not any(snapshot.scan(PRINCIPAL, limit=1))
        wanted = (_FORMAT + origin).encode()
        if fresh and writable:
            self._store.transact(
                lambda transaction: transaction.put(META, _FORMAT_KEY, seal(wanted))
            )
        elif stored != wanted:
            raise StartupError(f"{self._store.path} is not the operational store of {origin}")


def _add(transaction: Transaction, space: str, key: bytes, count: int) -> int:
    found = transaction.get(space, key)
    total = count if found is None else count + _parse_count(found)
    transaction.put(space, key, seal(_NUMBER.pack(total)))
    return total


def _forget(transaction: Transaction, space: str, oldest: int) -> None:
    for key, _ in list(transaction.scan(space, end=encode_key(max(0, oldest)))):
        transaction.delete(space, key)


def _parse_count_key(key: bytes | memoryview) -> tuple[int, str]:
    when, name = decode_key(key)
    return int(when), str(name)


def _parse_count(value: bytes | memoryview) -> int:
    number: int = _NUMBER.unpack(unseal(value, "count"))[0]
    return number


def read_generation(snapshot: Snapshot) -> int:
    """The number of the last change of who may call."""
    found = snapshot.get(META, _GENERATION_KEY)
    number: int = 0 if found is None else _NUMBER.unpack(unseal(found, "generation"))[0]
    return number


def read_principal(snapshot: Snapshot, principal_id: str) -> Principal | None:
    """A principal, if there is one of that id."""
    found = snapshot.get(PRINCIPAL, principal_id.encode()) if principal_id else None
    return None if found is None else _parse(Principal, unseal(found, "principal"))


def put_principal(transaction: Transaction, principal: Principal) -> None:
    """Store a principal, new or changed."""
    value = seal(principal.SerializeToString(deterministic=True))
    transaction.put(PRINCIPAL, principal.principal_id.encode(), value)


def read_key(snapshot: Snapshot, key_id: str) -> tuple[bytes, ApiKey] | None:
    """A key and the hash of its text, if there is one of that id."""
    found = snapshot.get(KEY, key_id.encode()) if key_id else None
    return None if found is None else _parse_key(found)


def put_key(transaction: Transaction, hashed: bytes, key: ApiKey) -> None:
    """Store a key, new or changed."""
    value = seal(hashed + key.SerializeToString(deterministic=True))
    transaction.put(KEY, key.key_id.encode(), value)


def scan_principals(snapshot: Snapshot, after: str = "") -> Iterator[Principal]:
    """Principals by their ids."""
    for _, value in snapshot.scan(PRINCIPAL, _behind(after)):
        yield _parse(Principal, unseal(value, "principal"))


def scan_keys(snapshot: Snapshot, after: str = "") -> Iterator[ApiKey]:
    """Keys by their ids."""
    for _, value in snapshot.scan(KEY, _behind(after)):
        yield _parse_key(value)[1]


def scan_events(snapshot: Snapshot, after: int = 0) -> Iterator[AuditEvent]:
    """Audit events in order."""
    for _, value in snapshot.scan(AUDIT, encode_key(after + 1)):
        yield _parse(AuditEvent, unseal(value, "audit event"))


def read_certificate(snapshot: Snapshot, name: str) -> str:
    """Whose certificates have this name: a principal_id, or empty."""
    found = snapshot.get(SAN, name.encode()) if name else None
    return "" if found is None else unseal(found, "certificate name").decode()


def put_certificate(transaction: Transaction, name: str, principal_id: str) -> None:
    """Let a name stand for a principal; for none when that is empty."""
    if principal_id:
        transaction.put(SAN, name.encode(), seal(principal_id.encode()))
    else:
        transaction.delete(SAN, name.encode())


def scan_certificates(snapshot: Snapshot, after: str = "") -> Iterator[tuple[str, str]]:
    """Names of certificates with their principals, by the names."""
    for key, value in snapshot.scan(SAN, _behind(after)):
        yield bytes(key).decode(), unseal(value, "certificate name").decode()


def read_all(snapshot: Snapshot) -> tuple[list[Principal], list[ApiKey]]:
    """All principals and keys.

    Raises:
        IntegrityError: one of them is damaged.
    """
    return list(scan_principals(snapshot)), list(scan_keys(snapshot))


def _behind(name: str) -> bytes:
    return name.encode() + b"\0" if name else b""


def _parse(kind: type[M], data: bytes) -> M:
    try:
        return kind.FromString(data)
    except DecodeError as error:
        raise IntegrityError(f"a stored {kind.DESCRIPTOR.name} is damaged") from error


def _parse_key(value: bytes | memoryview) -> tuple[bytes, ApiKey]:
    data = unseal(value, "key")
    return data[:HASH_SIZE], _parse(ApiKey, data[HASH_SIZE:])


def _append(transaction: Transaction, events: Iterable[AuditEvent]) -> None:
    """Append to the trail; the oldest denials go when there are too many, and nothing else ever does."""
    found = transaction.get(META, _TRAIL_KEY)
    last, denials, thinned = (0, 0, 0) if found is None else _TRAIL.unpack(unseal(found, "trail"))
    for event in events:
        last += 1
        denials += event.action in _THINNED
        event.sequence = last
        value = seal(event.SerializeToString(deterministic=True))
        transaction.put(AUDIT, encode_key(last), value)
    while denials > OPS_DENIALS_MAX:
        event = next(scan_events(transaction, thinned))
        thinned = event.sequence
        if event.action in _THINNED:
            transaction.delete(AUDIT, encode_key(thinned))
            denials -= 1
    transaction.put(META, _TRAIL_KEY, seal(_TRAIL.pack(last, denials, thinned)))
