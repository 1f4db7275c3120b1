"""Randomness: the only module of the client that asks for any."""

import os
import random


def new_id() -> str:
    """A fresh name that nobody else has: a version 4 UUID (RFC 9562 section 5.4) in its 36-character form."""
    digits = os.urandom(16).hex()
    # Four bits say the version, two bits the variant; all others are random.
    variant = "89ab"[int(digits[16], 16) & 3]
    return f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-{variant}{digits[17:20]}-{digits[20:]}"


def new_secret(size: int) -> bytes:
    """So many bytes that nobody can guess."""
    return os.urandom(size)


class Backoff:
    """Growing random pauses between attempts ("full jitter").

    Each pause is drawn evenly from [0, ceiling]; the ceiling doubles with every failure up to ``pause_s_max``. Many
    clients that lost the same server therefore do not come back at the same moment.

    Args:
        pause_s: the first ceiling, in seconds.
        pause_s_max: the last one.
        seed: makes the pauses repeatable; None takes the system's randomness.
    """

    def __init__(self, pause_s: float, pause_s_max: float, seed: int | None = None) -> None:
        self._first_s = pause_s
        self._last_s = pause_s_max
        self._ceiling_s = pause_s
        self._random = random.Random(seed)

    def next_s(self) -> float:
        """How long to wait before the next attempt, in seconds."""
        ceiling_s = self._ceiling_s
        self._ceiling_s = min(self._last_s, ceiling_s * 2)
        return self._random.uniform(0.0, ceiling_s)

    def reset(self) -> None:
        """An attempt succeeded: begin again with short pauses."""
        self._ceiling_s = self._first_s
