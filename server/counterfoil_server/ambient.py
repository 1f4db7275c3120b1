"""The world outside: the clock and fresh randomness. No other module of the server reads either."""

import os
import time

from counterfoil.entry import SEED_SIZE


def now_us() -> int:
    """The system's time, microseconds since 1970-01-01T00:00:00Z."""
    return time.time_ns() // 1000


def fresh_seed() -> bytes:
    """32 bytes from the operating system: a key's seed, or that of a batch's salts."""
    return os.urandom(SEED_SIZE)


def fresh_nonce() -> bytes:
    """24 bytes from the operating system, for one sealed page token."""
    return os.urandom(24)
