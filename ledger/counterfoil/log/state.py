"""Where the log stands: the one small value that every commit reads and replaces."""

import struct
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from counterfoil.errors import IntegrityError
from counterfoil.log.layout import META, STATE_KEY, seal, unseal
from counterfoil.packed import HASH_SIZE
from counterfoil.store import Snapshot
from counterfoil.tlog import Frontier

_HEAD = struct.Struct("<BQQ32sB")
_VERSION: Final = 1


@dataclass(frozen=True, slots=True)
class State:
    """Size, the newest leaf's time (microseconds since 1970) and hash, and the right edge of the tree."""

    size: int
    time_us: int
    last_leaf_hash: bytes
    frontier: tuple[bytes, ...]

    def tree(self) -> Frontier:
        """The right edge, ready to be extended."""
        return Frontier(self.size, list(self.frontier))


EMPTY: Final = State(0, 0, bytes(HASH_SIZE), ())


def format_state(state: State) -> bytes:
    """The stored value; the inverse of :func:`parse_state`."""
    head = _HEAD.pack(
        _VERSION, state.size, state.time_us, state.last_leaf_hash, len(state.frontier)
    )
    return seal(head + b"".join(state.frontier))


@lru_cache(maxsize=4)  # Each commit reads it twice, and each page of a list once.
def parse_state(value: bytes) -> State:
    """Read the stored value.

    Raises:
        IntegrityError: it is no state, or its frontier does not fit its size.
    """
    value = unseal(value, "state")
    if len(value) < _HEAD.size:
        raise IntegrityError("the stored state is cut short")
    version, size, time_us, last, count = _HEAD.unpack_from(value)
    rest = value[_HEAD.size :]
    if version != _VERSION or len(rest) != HASH_SIZE * count or count != size.bit_count():
        raise IntegrityError("the stored state is damaged")
    frontier = tuple(rest[at : at + HASH_SIZE] for at in range(0, len(rest), HASH_SIZE))
    return State(size, time_us, last, frontier)


def read_state(snapshot: Snapshot) -> State:
    """The state in a snapshot; the empty log's when there is none yet."""
    value = snapshot.get(META, STATE_KEY)
    return EMPTY if value is None else parse_state(bytes(value))
