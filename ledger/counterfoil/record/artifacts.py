"""Checks of content fingerprints, which trainings and assets share."""

from collections.abc import Iterator
from typing import Any, Final

from counterfoil.limits import ARTIFACTS_MAX
from counterfoil.record import problem
from counterfoil.record.problem import Problem
from counterfoil.record.text import check_text

HASH_SIZE: Final = 32


def check_artifacts(artifacts: Any, field: str) -> Iterator[Problem]:
    """Problems of a list of artifacts: too many, without a fingerprint, or with one of another size."""
    if len(artifacts) > ARTIFACTS_MAX:
        told = f"{len(artifacts)} {field}; at most {ARTIFACTS_MAX} are allowed"
        yield Problem(0, field, problem.TOO_MANY, told)
        return
    for at, artifact in enumerate(artifacts):
        where = f"{field}[{at}]"
        yield from check_text(artifact.name, f"{where}.name", length_max=512)
        if artifact.size_bytes < 0:
            told = f"{where}.size_bytes must not be negative"
            yield Problem(0, f"{where}.size_bytes", problem.NEGATIVE, told)
        for name, digest in (("sha256", artifact.sha256), ("blake3", artifact.blake3)):
            if digest and len(digest) != HASH_SIZE:
                told = f"{where}.{name} has {len(digest)} bytes; a fingerprint has {HASH_SIZE}"
                yield Problem(0, f"{where}.{name}", problem.MALFORMED, told)
        if not artifact.sha256 and not artifact.blake3:
            told = f"{where} needs a sha256 or blake3 fingerprint"
            yield Problem(0, f"{where}.sha256", problem.MISSING, told)
