"""64-bit fingerprints of short texts, a batch at a time: what the catalog sorts and searches.

A fingerprint is the top of a multilinear hash over the text's code points, taken with secret keys that are derived
from the store's own secret (Lemire and Kaser, "Strongly universal string hashing is fast", 2014). Whoever chooses event
ids cannot aim at collisions without the keys; and as every hit is confirmed against the record, a collision costs a
look-up and never an answer.

numpy works on the whole batch at once: 0.15 µs a text, against 0.7 µs for one call of any cryptographic hash; the compiled
twin takes texts where they lie in a received batch: 0.02 µs.
"""

from collections.abc import Sequence
from functools import lru_cache
from typing import Final

import numpy as np
from blake3 import blake3
from numpy.typing import NDArray

from counterfoil.limits import ID_LENGTH_MAX
from counterfoil.packed import Spans
from counterfoil.twin import twin_of

Fingerprints = NDArray[np.uint64]

_CONTEXT: Final = "counterfoil 2026 catalog fingerprint keys v1"
# An identifier, and the name of the term that it is a value of.
_TEXT_LENGTH_MAX: Final = ID_LENGTH_MAX + 64
_MIX: Final = np.uint64(0xFF51AFD7ED558CCD)
_SHIFT: Final = np.uint64(33)


def fingerprints(secret: bytes, domain: str, texts: Sequence[str]) -> Fingerprints:
    """The fingerprints of texts in a domain; the same text has another fingerprint in another domain.

    Args:
        secret: 32 bytes, the store's own. domain: such as ``"usage/host_1"``.
        texts: each at most 192 characters long.

    Returns:
        One unsigned 64-bit number for each text.
    """
    keys = _keys(secret, domain)
    if isinstance(texts, Spans):
        return np.frombuffer(
            fingerprint_spans(keys.tobytes(), texts.data, texts.spans), dtype=np.uint64
        )
    return _fingerprint(keys, texts)


@twin_of
def fingerprint_spans(keys: bytes, data: bytes, spans: bytes) -> bytes:
    """The fingerprints of texts where they lie; numbers are in the machine's own byte order."""
    return _fingerprint(np.frombuffer(keys, dtype=np.uint64), list(Spans(data, spans))).tobytes()


def _fingerprint(keys: Fingerprints, texts: Sequence[str]) -> Fingerprints:
    if not texts:
        return np.empty(0, dtype=np.uint64)
    padded = np.array(texts, dtype=np.str_)
    width = padded.dtype.itemsize // 4
    # No text of a record is longer than the keys; one that is asked for may be, and counts by its beginning.
    columns = padded.view(np.uint32).reshape(len(texts), width)[:, :_TEXT_LENGTH_MAX]
    points = columns.astype(np.uint64)
    # numpy's matrix product of unsigned numbers wraps modulo 2^64, as the hash wants. Padding is zero and adds
    # nothing; no identifier holds a zero character, so that length need not be mixed in.
    mixed: Fingerprints = points @ keys[1 : points.shape[1] + 1] + keys[0]
    mixed ^= mixed >> _SHIFT
    mixed *= _MIX
    mixed ^= mixed >> _SHIFT
    return mixed


@lru_cache(maxsize=4096)
def _keys(secret: bytes, domain: str) -> Fingerprints:
    """One odd 64-bit key for each character, and one to begin with."""
    hasher = blake3(domain.encode(), key=blake3(secret, derive_key_context=_CONTEXT).digest())
    keys = np.frombuffer(hasher.digest(length=8 * (_TEXT_LENGTH_MAX + 1)), dtype="<u8").astype(
        np.uint64
    )
    return keys | np.uint64(1)
