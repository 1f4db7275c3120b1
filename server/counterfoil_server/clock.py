"""The clock. No other module of the server reads the time."""

import time


def now_us() -> int:
    """The system's time, microseconds since 1970-01-01T00:00:00Z."""
    return time.time_ns() // 1000


def stopwatch_s() -> float:
    """Seconds on a clock that only goes forward; differences of it are durations."""
    return time.perf_counter()
