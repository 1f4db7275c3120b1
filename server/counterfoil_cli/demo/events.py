"""Usage events that look like those of a model host, the same ones on every run but for their times.

Numbers are drawn from a BLAKE3 stream instead of a random generator, so that a demonstration can be repeated.
"""

from collections.abc import Iterator, Sequence
from functools import cache
from typing import Final

from blake3 import blake3

from counterfoil.record.consumer import make_pseudonym
from counterfoil.v1.record_pb2 import CONSENT_COMMERCIAL, CONSENT_INFERENCE, Attribution, UsageEvent

_BYTES_PER_EVENT: Final = 12
_MODELS: Final = ("atlas-large-2", "atlas-small-2", "sketch-1")
_ACTIONS: Final = (
    "chat.completion",
    "chat.completion",
    "chat.completion",
    "embedding",
    "image.generation",
)
_REGIONS: Final = ("eu-central", "eu-north", "us-east", "ap-south")
ASSETS: Final = tuple(f"asset_{number:03d}" for number in range(1, 25))
CREATOR: Final = "creator_demo"
LICENSE: Final = "lic_standard"
_CONSUMERS: Final = 400
# A host draws its own and keeps it; this one is public, as the consumers are made up.
_CONSUMER_SECRET: Final = blake3(b"counterfoil demo consumers").digest()
_SHARED_PPM: Final = (700_000, 300_000)


def make_events(count: int, training_id: str, first_us: int, last_us: int) -> list[UsageEvent]:
    """Events in order of time.

    Args:
        count: how many.
        training_id: the proof of training that they refer to.
        first_us, last_us: they spread evenly over this time, microseconds since 1970.
    """
    draws = blake3(b"counterfoil demo").digest(length=count * _BYTES_PER_EVENT)
    step_us = (last_us - first_us) // max(1, count)
    return [
        _event(number, draws[at : at + _BYTES_PER_EVENT], training_id, first_us + number * step_us)
        for number, at in enumerate(range(0, len(draws), _BYTES_PER_EVENT))
    ]


def _event(number: int, draw: bytes, training_id: str, time_us: int) -> UsageEvent:
    asset, other = ASSETS[draw[0] % len(ASSETS)], ASSETS[draw[1] % len(ASSETS)]
    shares = () if asset == other or draw[1] % 4 else zip((asset, other), _SHARED_PPM, strict=True)
    return UsageEvent(
        event_id=f"demo-{number:07d}",
        event_time_us=time_us,
        model_id=_MODELS[draw[2] % len(_MODELS)],
        input_tokens=_tokens(draw[3], draw[4], 4096),
        output_tokens=_tokens(draw[5], draw[6], 1024),
        receipt_ref=training_id,
        asset_id=asset,
        license_id=LICENSE,
        consumer_id=_consumer(int.from_bytes(draw[7:9], "big") % _CONSUMERS),
        action=_ACTIONS[draw[9] % len(_ACTIONS)],
        attributions=[
            Attribution(asset_id=name, parts_per_million=parts) for name, parts in shares
        ],
        consents=[CONSENT_INFERENCE, CONSENT_COMMERCIAL] if draw[10] % 2 else [CONSENT_INFERENCE],
        metadata={"region": _REGIONS[draw[11] % len(_REGIONS)]},
    )


@cache
def _consumer(number: int) -> str:
    return make_pseudonym(_CONSUMER_SECRET, CREATOR, f"consumer {number}")


def _tokens(first: int, second: int, most: int) -> int:
    """Few requests are long and most are short: the product of two even draws has that shape."""
    return 1 + (first + 1) * (second + 1) * most // 65536


def in_batches(bodies: Sequence[bytes], size: int) -> Iterator[Sequence[bytes]]:
    """Neighbours together, at most `size` in a batch."""
    for at in range(0, len(bodies), size):
        yield bodies[at : at + size]
