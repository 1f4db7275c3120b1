"""What people type as the values of options, and what it means."""

import re
from collections.abc import Iterable
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Final

from counterfoil.limits import PARTS_PER_MILLION
from counterfoil_cli.console import CommandError
from counterfoil_cli.progress import progress

if TYPE_CHECKING:
    from counterfoil.v1.record_pb2 import Artifact

_PORTION = re.compile(r"(\d{1,7}(?:\.\d{1,18})?)(%|ppm)?", re.ASCII)
_DURATION = re.compile(r"(\d{1,9})(s|m|h|d)", re.ASCII)
_UNITS_S: Final = {"s": 1, "m": 60, "h": 3600, "d": 86_400}


def parse_portion(text: str | None, option: str = "--portion") -> int:
    """Parts per million from "25%", "0.25" or "250000ppm"; 0, which means not stated, for None.

    Raises:
        CommandError: it is none of these, more than everything, or finer than a millionth.
    """
    if text is None:
        return 0
    match = _PORTION.fullmatch(text.strip())
    if match:
        number = Decimal(match[1])
        parts = number * {"%": 10_000, "ppm": 1, None: PARTS_PER_MILLION}[match[2]]
        if parts == int(parts) and parts <= PARTS_PER_MILLION:
            return int(parts)
    raise CommandError(
        f"{option} {text}: say 25%, 0.25 or 250000ppm, at most all of it and no finer than a millionth"
    )


def parse_pairs(option: str, texts: Iterable[str]) -> dict[str, str]:
    """A map from KEY=VALUE texts.

    Raises:
        CommandError: one is of another form, or a key is given twice.
    """
    pairs: dict[str, str] = {}
    for text in texts:
        key, equals, value = text.partition("=")
        if not equals or not key:
            raise CommandError(f"{option} {text} is not KEY=VALUE")
        if key in pairs:
            raise CommandError(f"{option} {key} is given twice; keep one of them")
        pairs[key] = value
    return pairs


def parse_when(option: str, text: str | None) -> int:
    """Microseconds since 1970 from an RFC 3339 time; 0, which means not stated, for None.

    Raises:
        CommandError: it is no time.
    """
    from counterfoil_cli.importing.rows import RowError
    from counterfoil_cli.importing.values import parse_time_us

    if not text:
        return 0
    try:
        return parse_time_us(option, text)
    except RowError as error:
        raise CommandError(f"{option}: {error.message}") from error


def parse_duration_s(option: str, text: str) -> int:
    """Seconds from "30d", "12h", "15m" or "10s".

    Raises:
        CommandError: it is none of these.
    """
    match = _DURATION.fullmatch(text.strip())
    if match is None:
        raise CommandError(f"{option} {text}: say 30d, 12h, 15m or 10s")
    return int(match[1]) * _UNITS_S[match[2]]


def fingerprint_artifacts(paths: list[Path]) -> "list[Artifact]":
    """Fingerprint files with all cores, and a bar on a terminal; nothing of them leaves this machine but that.

    Raises:
        CommandError: one of them cannot be read, or changed while it was read.
    """
    from counterfoil.v1.record_pb2 import Artifact
    from counterfoil_cli.fingerprint import fingerprint_files, total_size_bytes

    if not paths:
        return []
    with progress("Fingerprinting", total_size_bytes(paths), in_bytes=True) as advance:
        prints = fingerprint_files(paths, advance)
    return [
        Artifact(
            name=each.path.name,
            size_bytes=each.size_bytes,
            sha256=each.sha256,
            blake3=each.blake3,
        )
        for each in prints
    ]
