"""The corpus of attacks on access tokens, judged by us and by two foreign libraries."""

from __future__ import annotations

import pytest

from counterfoil.errors import VerificationError
from counterfoil.keys import Verifier, jwk_thumbprint
from counterfoil.note import Policy
from counterfoil.receipt import verify_receipt
from counterfoil_server.access import token as token_module
from counterfoil_server.access.token import verify_token

from .corpus import (
    ATTACKS,
    CLAIMS,
    GOOD,
    HEADER,
    KEY,
    LOG_KEY,
    NOW_S,
    REALM,
    SMALL_POINTS,
    Case,
    issued,
    receipt_jwt,
    signed,
)
from .foreign import FOREIGN

COUNT_MIN = 60
# joserfc warns of the name of the algorithm that PyJWT alone knows.
pytestmark = pytest.mark.filterwarnings("ignore:EdDSA is deprecated via RFC 9864")

REPEATED = "of two members with one name the last counts there"
ENCODING = "JSON in other encodings than plain UTF-8 is read there"
LAX_CLAIM = (
    "what a claim's value may be is not looked at there beyond its time, issuer and audience"
)
AUDIENCES = (
    "one of several audiences is enough there, as RFC 7519 has it; here a token is for one ledger"
)
MORE = "claims that nobody wrote down are let pass there"
LENIENT = "padding is let pass there"
NO_BOUND = "there is no bound for size or depth there"

# What a foreign library accepts and we refuse: case -> (library -> why). But for padding, all of these have a good signature of the
# token key, so that nobody but the ledger could make them.
KNOWN: dict[str, tuple[str, tuple[str, ...]]] = {
    "alg twice, good last": (REPEATED, ("PyJWT", "joserfc")),
    "kid twice": (REPEATED, ("PyJWT", "joserfc")),
    "typ twice": (REPEATED, ("PyJWT", "joserfc")),
    "sub twice, good last": (REPEATED, ("PyJWT", "joserfc")),
    "sub twice, good first": (REPEATED, ("PyJWT", "joserfc")),
    "sub twice, once escaped": (REPEATED, ("PyJWT", "joserfc")),
    "exp twice": (REPEATED, ("PyJWT", "joserfc")),
    "header in UTF-16": (ENCODING, ("PyJWT", "joserfc")),
    "header with a byte order mark": (ENCODING, ("PyJWT", "joserfc")),
    "claims with a lone surrogate": (LAX_CLAIM, ("PyJWT", "joserfc")),
    "minus zero": (LAX_CLAIM, ("PyJWT", "joserfc")),
    "nbf text": (LAX_CLAIM, ("PyJWT",)),
    "sub ''": (LAX_CLAIM, ("PyJWT",)),
    "client_id ''": (LAX_CLAIM, ("PyJWT",)),
    "jti ''": (LAX_CLAIM, ("PyJWT",)),
    "client_id 7": (LAX_CLAIM, ("PyJWT", "joserfc")),
    "client_id ['host-1']": (LAX_CLAIM, ("PyJWT", "joserfc")),
    "sub too long": (LAX_CLAIM, ("PyJWT", "joserfc")),
    "client_id too long": (LAX_CLAIM, ("PyJWT", "joserfc")),
    "jti too long": (LAX_CLAIM, ("PyJWT", "joserfc")),
    "aud a list with ours": (AUDIENCES, ("joserfc",)),
    "aud a list of ours alone": (AUDIENCES, ("joserfc",)),
    "a scope that is not ours": (MORE, ("PyJWT", "joserfc")),
    "a role in the token": (MORE, ("PyJWT", "joserfc")),
    "signature padded": (LENIENT, ("PyJWT",)),
    "claims padded, and signed so": (LENIENT, ("PyJWT",)),
    "claims nested deeply": (NO_BOUND, ("PyJWT", "joserfc")),
    "longer than a token may be": (NO_BOUND, ("PyJWT", "joserfc")),
    "huge": (NO_BOUND, ("PyJWT",)),
}


def accepted(data: bytes) -> bool:
    """Whether we accept it."""
    try:
        verify_token(data, [KEY.verifier], REALM, NOW_S)
    except VerificationError:
        return False
    return True


def names(cases: tuple[Case, ...]) -> list[str]:
    """For the ids of tests."""
    return [case.name for case in cases]


def test_the_corpus_is_large_and_without_repetition() -> None:
    """There are more than sixty attacks, each with a name of its own, and none is a good token."""
    assert len(ATTACKS) >= COUNT_MIN
    assert len(set(names(ATTACKS))) == len(ATTACKS)
    assert not {case.data for case in ATTACKS} & {case.data for case in GOOD}


@pytest.mark.parametrize("case", GOOD, ids=names(GOOD))
def test_good_tokens_are_accepted_by_all(case: Case) -> None:
    """What the ledger issues, and what says the same, verifies here and in both foreign libraries."""
    assert accepted(case.data)
    assert [name for name, judge in FOREIGN.items() if not judge(case.data)] == []


@pytest.mark.parametrize("case", ATTACKS, ids=names(ATTACKS))
def test_attacks_are_accepted_by_nobody(case: Case) -> None:
    """No attack is accepted here; foreign libraries accept only what is known of them, with the reason."""
    assert not accepted(case.data)

    lenient = tuple(name for name, judge in FOREIGN.items() if judge(case.data))

    assert lenient == KNOWN.get(case.name, ("", ()))[1]


def test_the_known_differences_are_of_the_corpus() -> None:
    """Each known difference names a case that there is."""
    assert set(KNOWN) <= set(names(ATTACKS))


@pytest.mark.parametrize("case", ATTACKS, ids=names(ATTACKS))
def test_no_attack_passes_as_a_receipt_either(case: Case) -> None:
    """Nothing in the corpus, tokens above all, verifies as a receipt; receipts of the log alone do."""
    policy = Policy.trust(LOG_KEY.verifier.vkey)
    if case.name == "a receipt of this log":
        assert verify_receipt(case.data, policy).index == 0
        return
    with pytest.raises(VerificationError):
        verify_receipt(case.data, policy)


def test_a_token_is_no_receipt_even_under_one_key() -> None:
    """Where token key and log key are one by mistake, the type still tells tokens from receipts."""
    shared = Verifier(LOG_KEY.name, LOG_KEY.key_type, LOG_KEY.verifier.public_key)
    header = {**HEADER, "kid": jwk_thumbprint(LOG_KEY.verifier.public_key)}

    assert verify_token(signed(header, CLAIMS, LOG_KEY), [shared], REALM, NOW_S).key_id
    with pytest.raises(VerificationError):
        verify_receipt(signed(header, CLAIMS, LOG_KEY), Policy.trust(shared.vkey))
    with pytest.raises(VerificationError):
        verify_token(receipt_jwt(LOG_KEY), [shared], REALM, NOW_S)


@pytest.mark.parametrize("point", SMALL_POINTS, ids=["order 1", "order 2", "order 4", "order 8"])
def test_a_key_of_small_order_is_no_key(point: bytes) -> None:
    """A public key under which one signature fits many messages cannot be trusted for tokens at all."""
    with pytest.raises(VerificationError):
        Verifier(KEY.name, KEY.key_type, point)


def test_every_single_bit_counts() -> None:
    """A token with any one bit changed is refused."""
    good = issued()

    assert accepted(good)
    for bit in range(8 * len(good)):
        changed = bytearray(good)
        changed[bit // 8] ^= 1 << bit % 8
        assert not accepted(bytes(changed)), f"bit {bit}"


def test_an_unchecked_type_would_be_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    """The negative control: with another type to look for, receipts of the token key get as far as their claims."""
    good = issued()
    monkeypatch.setattr(token_module, "TYPE", "counterfoil-receipt+jwt")

    assert not accepted(good)
    with pytest.raises(VerificationError, match="lacks a claim"):
        verify_token(receipt_jwt(KEY), [KEY.verifier], REALM, NOW_S)
