"""Access tokens in their time, for one ledger, one environment and one key."""

from __future__ import annotations

import json
from typing import Any

import pytest

from counterfoil.errors import UnverifiableError, VerificationError
from counterfoil.limits import TOKEN_LEEWAY_S, TOKEN_LIFETIME_S_MAX, TOKEN_SIZE_BYTES_MAX
from counterfoil_server.access.token import AccessToken, Realm, issue_token, verify_token

from .corpus import ATTACKER, CLAIMS, HEADER, HOUR_S, KEY, NOW_S, OTHER_LEDGER, REALM, _raw, signed

TOKEN = AccessToken("host-1", "ABCDEFGHIJKL", "jti-1", NOW_S, NOW_S + HOUR_S)


def verify(now_s: int = NOW_S, **claims: Any) -> AccessToken:
    """Verify the good token with some claims replaced."""
    return verify_token(signed(HEADER, {**CLAIMS, **claims}), [KEY.verifier], REALM, now_s)


def refused(now_s: int = NOW_S, **claims: Any) -> str:
    """Why it is refused."""
    with pytest.raises(VerificationError) as caught:
        verify(now_s, **claims)
    return str(caught.value)


def test_what_was_issued_is_what_is_read() -> None:
    """A token says again what it was made from, and is made the same each time."""
    text = issue_token(KEY, REALM, TOKEN)

    assert verify_token(text.encode(), [KEY.verifier], REALM, NOW_S) == TOKEN
    assert issue_token(KEY, REALM, TOKEN) == text


def test_the_token_has_the_members_that_are_documented() -> None:
    """Header and claims are those of RFC 9068 and of the table in docs/API.md, and no others."""
    head, claims, _ = issue_token(KEY, REALM, TOKEN).encode().split(b".")

    assert json.loads(_raw(head)) == dict(HEADER)
    assert json.loads(_raw(claims)) == dict(CLAIMS)


def test_the_longest_names_make_a_token_that_is_read() -> None:
    """An origin of 255 bytes that JSON must escape, and ids of 128 characters, fit a token."""
    realm = Realm('"' * 255, "sandbox")
    token = AccessToken("p" * 128, "k" * 128, "t" * 128, NOW_S, NOW_S + TOKEN_LIFETIME_S_MAX)

    text = issue_token(KEY, realm, token).encode()

    assert len(text) <= TOKEN_SIZE_BYTES_MAX
    assert verify_token(text, [KEY.verifier], realm, NOW_S) == token


@pytest.mark.parametrize("age_s", [-TOKEN_LEEWAY_S, 0, HOUR_S - 1, HOUR_S + TOKEN_LEEWAY_S - 1])
def test_it_is_good_in_its_time(age_s: int) -> None:
    """From the leeway before it was issued until the leeway after it expires, both ends as they should be."""
    assert verify(NOW_S + age_s) == TOKEN


@pytest.mark.parametrize(
    ("age_s", "why"),
    [
        (-TOKEN_LEEWAY_S - 1, "is not good yet"),
        (HOUR_S + TOKEN_LEEWAY_S, "has expired"),
        (10**9, "has expired"),
    ],
)
def test_it_is_refused_outside_its_time(age_s: int, why: str) -> None:
    """One second beyond the leeway on either side it is refused."""
    assert why in refused(NOW_S + age_s)


def test_not_before_is_heeded() -> None:
    """A token with nbf is refused until then, but for the leeway."""
    assert "is not good yet" in refused(nbf=NOW_S + TOKEN_LEEWAY_S + 1)
    assert verify(nbf=NOW_S + TOKEN_LEEWAY_S) == TOKEN


@pytest.mark.parametrize("lifetime_s", [0, -1, TOKEN_LIFETIME_S_MAX + 1])
def test_a_lifetime_has_bounds(lifetime_s: int) -> None:
    """A token that lives longer than an hour, or not at all, is refused while it would be good."""
    assert "lives too long" in refused(exp=NOW_S + lifetime_s)


@pytest.mark.parametrize(
    "realm", [Realm("example.com/other", "live"), Realm(CLAIMS["iss"], "sandbox"), Realm("", "")]
)
def test_it_is_for_one_ledger_and_environment(realm: Realm) -> None:
    """Another origin and another environment refuse the token, though key and time are right."""
    with pytest.raises(VerificationError, match="of another"):
        verify_token(signed(), [KEY.verifier], realm, NOW_S)


def test_keys_may_overlap_and_go() -> None:
    """A token verifies while its key is among those that are trusted, and is unverifiable after."""
    keys = [OTHER_LEDGER.verifier, KEY.verifier]

    assert verify_token(signed(), keys, REALM, NOW_S) == TOKEN
    for rest in ([], keys[:1], [ATTACKER.verifier]):
        with pytest.raises(UnverifiableError):
            verify_token(signed(), rest, REALM, NOW_S)
