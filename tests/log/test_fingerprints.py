"""Fingerprints: the same for a text in any batch, another one in another domain or under another secret."""

from __future__ import annotations

import random

import numpy as np
from blake3 import blake3
from hypothesis import given, settings
from hypothesis import strategies as st

from counterfoil.limits import ID_LENGTH_MAX
from counterfoil.log.batch import identity_domain, term_print, term_prints
from counterfoil.log.fingerprint import fingerprints
from counterfoil.record import PAYOUT, TRAINING, USAGE
from counterfoil.record.text import ID_ALPHABET

from .bench import payout_body, training_body, usage_body

SEED = 20260815
SECRET = b"s" * 32
MASK = 2**64 - 1
IDS = st.text(st.sampled_from(ID_ALPHABET.decode()), min_size=1, max_size=ID_LENGTH_MAX)


def slowly(secret: bytes, domain: str, text: str) -> int:
    """One fingerprint by whole-number arithmetic, from the description alone."""
    key = blake3(secret, derive_key_context="counterfoil 2026 catalog fingerprint keys v1").digest()
    stream = blake3(domain.encode(), key=key).digest(length=8 * (len(text) + 1))
    keys = [int.from_bytes(stream[at : at + 8], "little") | 1 for at in range(0, len(stream), 8)]
    mixed = (keys[0] + sum(ord(c) * k for c, k in zip(text, keys[1:], strict=True))) & MASK
    mixed ^= mixed >> 33
    mixed = mixed * 0xFF51AFD7ED558CCD & MASK
    return mixed ^ mixed >> 33


@given(st.lists(IDS, min_size=1, max_size=20))
@settings(derandomize=True, deadline=None)
def test_a_batch_has_the_fingerprints_of_its_texts(texts: list[str]) -> None:
    """A text's fingerprint does not depend on the texts beside it, and is the one of the description."""
    together = fingerprints(SECRET, "d", texts).tolist()

    assert together == [slowly(SECRET, "d", text) for text in texts]
    assert together == [int(fingerprints(SECRET, "d", [text])[0]) for text in texts]


def test_no_texts_have_no_fingerprints() -> None:
    """An empty batch gives an empty array of the right type."""
    none = fingerprints(SECRET, "d", [])

    assert len(none) == 0
    assert none.dtype == np.dtype(np.uint64)


def test_domains_and_secrets_keep_texts_apart() -> None:
    """The same text under another kind, submitter, term or secret has another fingerprint."""
    prints = {
        int(fingerprints(secret, domain, ["x"])[0])
        for secret in (SECRET, b"t" * 32)
        for domain in (
            identity_domain(USAGE, "a"),
            identity_domain(USAGE, "b"),
            identity_domain(TRAINING, "a"),
            identity_domain(USAGE, "a/x"),
        )
    }
    prints |= {
        term_print(SECRET, kind, term, "x")
        for kind in (TRAINING, PAYOUT)
        for term in ("creator_id", "model_id")
    }

    assert len(prints) == 8 + 4


def test_sixty_thousand_texts_do_not_collide() -> None:
    """Texts that differ in one place, in length or in order have different fingerprints."""
    chance = random.Random(SEED)
    texts = {f"e{number}" for number in range(40_000)}
    texts |= {"x" * length for length in range(1, ID_LENGTH_MAX + 1)}
    texts |= {f"{a}{b}" for a in "abcdefgh" for b in "abcdefgh"}
    texts |= {"".join(chance.choices("ab", k=60)) for _ in range(20_000)}

    assert len(set(fingerprints(SECRET, "d", sorted(texts)).tolist())) == len(texts), SEED


def test_terms_have_a_row_for_each_record() -> None:
    """A record is listed under its kind and each of its terms; usage is not listed at all."""
    rows = term_prints(SECRET, TRAINING, [training_body(n) for n in range(3)])

    assert rows.shape == (3, 4)
    for number, row in enumerate(rows.tolist()):
        assert row == [
            term_print(SECRET, TRAINING, "kind", "training"),
            term_print(SECRET, TRAINING, "creator_id", f"creator_{number}"),
            term_print(SECRET, TRAINING, "model_id", "m"),
            term_print(SECRET, TRAINING, "dataset_id", f"ds_{number}"),
        ]
    assert term_prints(SECRET, PAYOUT, [payout_body(1)]).shape == (1, 3)
    assert term_prints(SECRET, USAGE, [usage_body("a")] * 5).shape == (5, 0)


def test_the_longest_term_has_a_fingerprint() -> None:
    """A value of the longest identifier under the longest term is not cut off."""
    longest = "x" * ID_LENGTH_MAX
    prints = {term_print(SECRET, TRAINING, "creator_id", longest[:size]) for size in range(129)}

    assert len(prints) == 129
