"""Many byte strings as one buffer: what the batch functions work on.

A batch of a thousand records is a handful of buffers here, not thousands of objects. Each of the three shapes is a
sequence of what it holds, so that whoever wants one item takes it by its index:

    Hashes    32 bytes each, one behind the other
    Packed    byte strings of any size: the data, and where each one ends in it (uint32, little-endian)
    Spans     ASCII texts that lie somewhere in a buffer: offset and size of each (uint32, little-endian)

They equal any sequence of the same items.
"""

import struct
from abc import abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from itertools import accumulate, pairwise
from typing import Any, Final, Self, TypeVar, overload

from counterfoil.twin import twin_of
from counterfoil.wire import encode_varint

HASH_SIZE: Final = 32
"""SHA-256, in bytes."""

_END_SIZE: Final = 4
_SPAN: Final = struct.Struct("<II")
T_co = TypeVar("T_co", covariant=True)


@twin_of
def pack_ends(items: Sequence[bytes]) -> bytes:
    """Where each of some byte strings ends once they stand one behind the other."""
    return struct.pack(f"<{len(items)}I", *accumulate(map(len, items)))


@twin_of
def frame_packed(head: bytes, data: bytes, ends: bytes) -> bytes:
    """Packed strings one behind the other, each with a head and its size as a varint before it."""
    items = list(Packed(data, ends))
    # Strings of a batch have few distinct sizes; each size's varint is made once.
    heads = {size: head + encode_varint(size) for size in set(map(len, items))}
    return b"".join([part for item in items for part in (heads[len(item)], item)])


class Items(Sequence[T_co]):
    """What packed sequences share: items by index, slices, and equality with any sequence of the same items."""

    __slots__ = ()

    @abstractmethod
    def _item(self, at: int) -> T_co:
        """The item at an index that is there."""

    @abstractmethod
    def _run(self, begin: int, end: int) -> Sequence[T_co]:
        """The items [begin, end), all of which are there."""

    @overload
    def __getitem__(self, index: int) -> T_co: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[T_co]: ...
    def __getitem__(self, index: int | slice) -> T_co | Sequence[T_co]:
        if isinstance(index, slice):
            begin, end, step = index.indices(len(self))
            if step == 1:
                return self._run(begin, max(begin, end))
            return [self._item(at) for at in range(begin, end, step)]
        at = index + len(self) if index < 0 else index
        if not 0 <= at < len(self):
            raise IndexError(f"no item {index} among {len(self)}")
        return self._item(at)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Sequence) or isinstance(other, str | bytes):
            return NotImplemented
        return len(self) == len(other) and all(map(_equal, self, other))

    def __hash__(self) -> int:
        return hash(tuple(self))

    def __repr__(self) -> str:
        return f"{type(self).__name__}({list(self)!r})"


def _equal(mine: Any, theirs: Any) -> bool:
    return bool(mine == theirs)


class Hashes(Items[bytes]):
    """SHA-256 hashes, 32 bytes each, in ``data``."""

    __slots__ = ("data",)

    def __init__(self, data: bytes = b"") -> None:
        """Take hashes that stand one behind the other.

        Raises:
            ValueError: the bytes are no whole number of hashes.
        """
        if len(data) % HASH_SIZE:
            raise ValueError(f"{len(data)} bytes are no whole number of hashes")
        self.data = data

    @classmethod
    def of(cls, hashes: Iterable[bytes]) -> Self:
        """Put hashes together; those that are together already stay as they are.

        Raises:
            ValueError: one has another size.
        """
        if isinstance(hashes, cls):
            return hashes
        items = list(hashes)
        for at, item in enumerate(items):
            if len(item) != HASH_SIZE:
                raise ValueError(f"hash {at} is not {HASH_SIZE} bytes long")
        return cls(b"".join(items))

    def __len__(self) -> int:
        return len(self.data) // HASH_SIZE

    def __iter__(self) -> Iterator[bytes]:
        data = self.data
        return (data[at : at + HASH_SIZE] for at in range(0, len(data), HASH_SIZE))

    def _item(self, at: int) -> bytes:
        return self.data[HASH_SIZE * at : HASH_SIZE * (at + 1)]

    def _run(self, begin: int, end: int) -> "Hashes":
        return Hashes(self.data[HASH_SIZE * begin : HASH_SIZE * end])


class Packed(Items[bytes]):
    """Byte strings in one buffer: string ``i`` lies in ``data`` behind string ``i - 1`` and before ``ends[i]``."""

    __slots__ = ("data", "ends")

    def __init__(self, data: bytes = b"", ends: bytes = b"") -> None:
        """Take strings that were packed before; ``ends`` must not fall, and must end with the size of ``data``."""
        self.data = data
        self.ends = ends

    @classmethod
    def of(cls, items: Iterable[bytes]) -> "Packed":
        """Put byte strings together; those that are together already stay as they are."""
        if isinstance(items, Packed):
            return items
        held = items if isinstance(items, list | tuple) else list(items)
        return cls(b"".join(held), pack_ends(held))

    def __len__(self) -> int:
        return len(self.ends) // _END_SIZE

    def __iter__(self) -> Iterator[bytes]:
        data = self.data
        return (data[begin:end] for begin, end in pairwise((0, *self._ends())))

    def _ends(self) -> tuple[int, ...]:
        return struct.unpack(f"<{len(self)}I", self.ends)

    def _end(self, at: int) -> int:
        # The first string begins where one before it would end.
        return (
            int.from_bytes(self.ends[_END_SIZE * at : _END_SIZE * (at + 1)], "little")
            if at >= 0
            else 0
        )

    def _item(self, at: int) -> bytes:
        return self.data[self._end(at - 1) : self._end(at)]

    def _run(self, begin: int, end: int) -> "Packed":
        if (begin, end) == (0, len(self)):
            return self
        first = self._end(begin - 1)
        moved = [at - first for at in self._ends()[begin:end]]
        data = self.data[first : first + moved[-1]] if moved else b""
        return Packed(data, struct.pack(f"<{len(moved)}I", *moved))


class Spans(Items[str]):
    """ASCII texts that lie in a buffer, each read when somebody asks for it: ``spans`` has offset and size of each."""

    __slots__ = ("data", "spans")

    def __init__(self, data: bytes, spans: bytes) -> None:
        """Refer to texts in ``data``, without copying them."""
        self.data = data
        self.spans = spans

    def __len__(self) -> int:
        return len(self.spans) // _SPAN.size

    def _item(self, at: int) -> str:
        begin, size = _SPAN.unpack_from(self.spans, _SPAN.size * at)
        return self.data[begin : begin + size].decode("ascii")

    def _run(self, begin: int, end: int) -> "Spans":
        return Spans(self.data, self.spans[_SPAN.size * begin : _SPAN.size * end])
