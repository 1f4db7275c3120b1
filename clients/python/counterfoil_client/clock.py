"""Time: the only module of the client that reads a clock."""

import time


def now_us() -> int:
    """The time of day in microseconds since 1970-01-01T00:00:00Z."""
    return time.time_ns() // 1000


def monotonic_s() -> float:
    """Seconds from some fixed moment; never goes back. For intervals only."""
    return time.monotonic()


def pause(seconds: float) -> None:
    """Let the calling thread rest."""
    time.sleep(seconds)
