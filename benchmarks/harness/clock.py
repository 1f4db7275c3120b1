"""The clocks of the benchmark."""

import time


def now_us() -> int:
    """Microseconds since 1970."""
    return time.time_ns() // 1_000


def stopwatch_s() -> float:
    """Seconds since some moment; only differences mean something."""
    return time.perf_counter()


def cpu_s() -> float:
    """Processor time that this process has used, in seconds."""
    return time.process_time()
