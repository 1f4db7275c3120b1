"""Usage events by what they refer to, so that each distinct reference is resolved once, and not once for each event.

An event's *references* are all its fields but those that tell it from its neighbours: id, time, quantities, consumer and
metadata. A host's events have some thousand of them, in ever new order.
"""

import struct
from collections.abc import Sequence
from typing import Final

from counterfoil.packed import Packed
from counterfoil.twin import twin_of
from counterfoil.v1 import record_pb2

_OWN: Final = (
    *("event_id", "event_time_us", "input_tokens", "output_tokens", "tokens"),
    *("consumer_id", "metadata"),
)
Columns = tuple[bytes, bytes, bytes]


def read_references(bodies: Packed, known: dict[bytes, int]) -> Columns:
    """Number, time and tokens of each of a batch of acceptable events, as three columns, each little-endian.

    The number is that of its references (unsigned 32-bit), the time in microseconds since 1970, and the tokens are all
    together (both signed 64-bit). References that say the same in another order of fields have numbers of their own; only speed depends on it.

    Args:
        known: references by number, from 0 without gaps; new ones are added.
    """
    before = len(known)
    columns = refer_usage(bodies.data, bodies.ends, known)
    if columns is None:
        while len(known) > before:
            known.popitem()
        columns = _refer_parsed(bodies, known)
    return columns


@twin_of
def refer_usage(data: bytes, ends: bytes, known: dict[bytes, int]) -> Columns | None:
    """The same for packed events, or None: not certain. Then some references may have been added all the same.

    Raises:
        ValueError: the ends do not belong to the data.
    """
    return _refer_parsed(Packed(data, ends), known)


def _refer_parsed(bodies: Sequence[bytes], known: dict[bytes, int]) -> Columns:
    numbers, times, tokens = [], [], []
    for body in bodies:
        event = record_pb2.UsageEvent.FromString(body)
        times.append(event.event_time_us)
        tokens.append(event.input_tokens + event.output_tokens + event.tokens)
        for field in _OWN:
            event.ClearField(field)
        references = event.SerializeToString(deterministic=True)
        numbers.append(known.setdefault(references, len(known)))
    count = len(numbers)
    return (
        struct.pack(f"<{count}I", *numbers),
        struct.pack(f"<{count}q", *times),
        struct.pack(f"<{count}q", *tokens),
    )
