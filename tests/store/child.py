"""What the tests run in other processes: ``python child.py COMMAND DIRECTORY [ARGUMENT]``.

Entry n of space "leaves" is the same in every process; "index" holds the number of entries.
"""

from __future__ import annotations

import os
import resource
import sys
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

import lmdb

from counterfoil.errors import IntegrityError, OutcomeUnknown
from counterfoil.store import LmdbStore, Snapshot, Store, Transaction, encode_key

SPACES = ("leaves", "index")
COUNT = b"count"


def value_of(number: int) -> bytes:
    """An entry: 100 to 290 KB that no other entry has."""
    return sha256(b"%d" % number).digest() * (3200 + number * 977 % 6000)


def count_of(reader: Snapshot) -> int:
    """How many entries there are."""
    count = reader.get("index", COUNT)
    return 0 if count is None else int(bytes(count))


def append(transaction: Transaction) -> int:
    """Add one entry; return its number."""
    number = count_of(transaction)
    transaction.put("leaves", encode_key(number), value_of(number))
    transaction.put("index", COUNT, b"%d" % (number + 1))
    return number


def differences(reader: Snapshot) -> list[str]:
    """Where the entries are not exactly 0 to count - 1, each with its value."""
    count = count_of(reader)
    expected = {encode_key(number): number for number in range(count)}
    wrong = []
    for key, value in reader.scan("leaves"):
        number = expected.pop(key, None)
        if number is None:
            wrong.append(f"unexpected {key!r}")
        elif value != value_of(number):
            wrong.append(f"entry {number} is damaged")
    return wrong + [f"entry {number} is lost" for number in expected.values()]


def say(*words: object) -> None:
    """Tell the test."""
    print(*words, flush=True)


def write(path: str) -> None:
    """Append for ever; say each number once it is durable."""
    store = LmdbStore(path, SPACES)
    while True:
        say(store.transact(append))


def promise(path: str) -> None:
    """Say the number before it is durable, and wait: what a store must not do."""
    store = LmdbStore(path, SPACES)

    def early(transaction: Transaction) -> None:
        say(append(transaction))
        sys.stdin.read()

    store.transact(early)


def watch(path: str, until: str) -> None:
    """Read until there are ``until`` entries; say what was wrong on the way."""
    store = LmdbStore(path, SPACES, read_only=True)
    say("ready")
    last, wrong, states = -1, list[str](), 0
    while last < int(until):
        with store.snapshot() as snapshot:
            count = count_of(snapshot)
            if count < last:
                wrong.append(f"{count} after {last}")
            if count > last:
                wrong += differences(snapshot)
                states += 1
            last = count
    say("states" if states > 1 else "state", wrong)


def slide(path: str, width: str) -> None:
    """Append for ever, and delete what is more than so many entries behind; say each number."""
    store = LmdbStore(path, SPACES)

    def step(transaction: Transaction) -> int:
        number = append(transaction)
        if number >= int(width):
            transaction.delete("leaves", encode_key(number - int(width)))
        return number

    while True:
        say(store.transact(step))


def hold(path: str, readers: str) -> None:
    """Keep so many snapshots open until killed."""
    store = LmdbStore(path, SPACES, read_only=True)
    snapshots = [store.snapshot() for _ in range(int(readers))]
    for snapshot in snapshots:
        snapshot.__enter__()
    say("ready")
    sys.stdin.read()


def grow(path: str, entries: str) -> None:
    """Open with a larger map, and write so many entries."""
    store = LmdbStore(path, SPACES, map_size_bytes=1 << 30)
    for _ in range(int(entries)):
        store.transact(append)
    store.close()


def fork(path: str) -> None:
    """Use a store on the other side of a fork, which is refused, and then on this side."""
    store = LmdbStore(path, SPACES)
    attempts: tuple[Callable[[], object], ...] = (
        lambda: store.transact(append),
        lambda: store.snapshot().__enter__(),
        store.room,
    )
    process = os.fork()
    if process == 0:
        for attempt in attempts:
            try:
                attempt()
            except RuntimeError as error:
                say("fork" in str(error))
        os._exit(0)
    os.waitpid(process, 0)
    say(store.transact(append))


def fail(path: str) -> None:
    """Let a commit fail in the kernel: the file may not grow any more."""
    store = LmdbStore(path, SPACES)
    store.transact(append)
    size = Path(path, "data.mdb").stat().st_size
    _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size + 20_000, hard))
    _say_outcome(store)
    resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
    _say_outcome(store)
    with store.snapshot() as snapshot:
        say("reads", count_of(snapshot), differences(snapshot))
    store.close()
    store = LmdbStore(path, SPACES)
    with store.snapshot() as snapshot:
        say("restart", count_of(snapshot), differences(snapshot))
    _say_outcome(store)


def _say_outcome(store: Store) -> None:
    try:
        say("stored", store.transact(append))
    except OutcomeUnknown as error:
        say("unknown", isinstance(error.__cause__, lmdb.Error))


def cut(path: str, lengths: str) -> None:
    """Open the file at each length, long ones first; say if it was refused, or used without harm."""
    data = Path(path, "data.mdb")
    whole = data.read_bytes()
    changed = False
    for length in lengths.split(","):
        if changed:
            data.write_bytes(whole)
        os.truncate(data, int(length))
        try:
            store = LmdbStore(path, SPACES)
        except IntegrityError:
            say(length, "refused")
            changed = False
            continue
        wrong, changed = list[str](), True
        for _ in range(3):
            with store.snapshot() as snapshot:
                wrong += differences(snapshot)
            store.transact(append)
        store.close()
        say(length, wrong or "sound")


def trust(path: str) -> None:
    """Read every value with LMDB alone, which does not look at the length of its file."""
    environment = lmdb.open(path, max_dbs=2, map_size=1 << 30, lib_version=0)
    space = environment.open_db(b"leaves")
    with environment.begin(buffers=True) as transaction:
        say(sum(len(bytes(value)) for _, value in transaction.cursor(space)))


COMMANDS: dict[str, Callable[..., None]] = {
    command.__name__: command
    for command in (write, promise, watch, slide, hold, grow, fork, fail, cut, trust)
}

if __name__ == "__main__":
    COMMANDS[sys.argv[1]](*sys.argv[2:])
