"""What processes use, from proc(5)."""

import os
from pathlib import Path
from typing import Final

_TICKS_PER_S: Final = os.sysconf("SC_CLK_TCK")


def family(pid: int) -> list[int]:
    """A process and its children."""
    found = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [pid, *map(int, found)]


def rss_anon_bytes(pid: int) -> int:
    """Anonymous resident memory: without the pages of mapped files, which belong to the page cache.

    A process that has ended, and that nobody has waited for yet, has none.
    """
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    kept_kib = (int(line.split()[1]) for line in lines if line.startswith("RssAnon:"))
    return next(kept_kib, 0) << 10


def cpu_s(pid: int) -> float:
    """Processor time so far, user and system, in seconds."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    # Fields 14 and 15 of proc(5), counted behind the name.
    return (int(fields[11]) + int(fields[12])) / _TICKS_PER_S
