"""The token endpoint and the public documents over real sockets, with clients of other people."""

from __future__ import annotations

import subprocess
from base64 import b64encode
from typing import Any

import httpx
import jwt as pyjwt
import pytest
from authlib.integrations.requests_client import OAuth2Session

from counterfoil.limits import HTTP_FORM_SIZE_BYTES_MAX
from counterfoil.v1 import access_service_pb2
from counterfoil_server.directory import load, load_signer, load_token_signer

from ..world import World, key_id_of
from .asking import GRANT, PATH, token_of, who

FORM = {"content-type": "application/x-www-form-urlencoded"}


def basic(client_id: str, secret: str) -> dict[str, str]:
    """The header of client_secret_basic."""
    return {"authorization": "Basic " + b64encode(f"{client_id}:{secret}".encode()).decode()}


def test_a_token_of_http_is_good_over_grpc(doors: World, http: httpx.Client) -> None:
    """What POST /v1/oauth/token answers is a bearer token of the key's principal, and no cache may keep it."""
    key = doors.keys["host_a"]

    answer = http.post(PATH, data=GRANT, auth=(key_id_of(key), key))

    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["pragma"] == "no-cache"
    assert answer.json().keys() == {"access_token", "token_type", "expires_in"}
    assert (answer.json()["token_type"], answer.json()["expires_in"]) == ("Bearer", 300)
    assert who(doors, answer.json()["access_token"]) == ("OK", "host_a")


def test_a_token_of_grpc_is_good_over_grpc(doors: World) -> None:
    """IssueToken answers with a token of the caller's key, whose end it tells."""
    line = doors.lines["creator_a"]

    outcome = line.call("AccessService.IssueToken", access_service_pb2.IssueTokenRequest())
    claims = pyjwt.decode(outcome.answers[0].access_token, options={"verify_signature": False})

    assert claims["client_id"] == key_id_of(doors.keys["creator_a"])
    assert claims["exp"] * 1_000_000 == outcome.answers[0].expires_time_us
    assert who(doors, outcome.answers[0].access_token) == ("OK", "creator_a")


def test_the_token_verifies_with_the_published_keys(doors: World, http: httpx.Client) -> None:
    """PyJWT verifies a token with the JWK set as it is served, by the kid that it names."""
    token = token_of(http, doors.keys["auditor"])
    keys = {key["kid"]: key for key in http.get("/.well-known/jwks.json").json()["keys"]}
    kid = pyjwt.get_unverified_header(token)["kid"]
    origin = doors.ledger.origin

    claims = pyjwt.decode(
        token,
        pyjwt.PyJWK({**keys[kid], "alg": "EdDSA"}),
        algorithms=["EdDSA"],
        audience=origin,
        issuer=origin,
    )

    assert (claims["sub"], claims["env"]) == ("auditor", "live")
    assert len(keys) == 2


@pytest.mark.parametrize("method", ["client_secret_basic", "client_secret_post"])
def test_a_foreign_oauth_client_gets_along(doors: World, http: httpx.Client, method: str) -> None:
    """Authlib's client finds the endpoint by its metadata and fetches a token, authenticating in both ways."""
    key = doors.keys["mirror"]
    metadata = http.get("/.well-known/oauth-authorization-server").json()

    with OAuth2Session(key_id_of(key), key, token_endpoint_auth_method=method) as client:
        token = client.fetch_token(metadata["token_endpoint"], grant_type="client_credentials")

    assert method in metadata["token_endpoint_auth_methods_supported"]
    assert who(doors, token["access_token"]) == ("OK", "mirror")


def test_curl_gets_along(doors: World, http: httpx.Client) -> None:
    """The command of docs/API.md works as it stands there."""
    key = doors.keys["platform"]
    command = ["curl", "--silent", "--fail", "--user", f"{key_id_of(key)}:{key}"]

    done = subprocess.run(
        [*command, "--data", "grant_type=client_credentials", f"{http.base_url}{PATH}"],
        capture_output=True,
        text=True,
        timeout=60,
    )

    assert '"token_type":"Bearer"' in done.stdout, done.stderr


REFUSALS: dict[str, tuple[dict[str, Any], int, str]] = {
    "no credentials": ({"data": GRANT}, 401, "invalid_client"),
    "an unknown key": ({"data": GRANT, "auth": ("abcdefghijkl", "x")}, 401, "invalid_client"),
    "a key of nobody": (
        {"data": {**GRANT, "client_id": "abcdefghijkl", "client_secret": "cf_live_x"}},
        401,
        "invalid_client",
    ),
    "an id without a secret": ({"data": {**GRANT, "client_id": "x"}}, 401, "invalid_client"),
    "Basic that is no base64": (
        {"data": GRANT, "headers": {"authorization": "Basic ???"}},
        401,
        "invalid_client",
    ),
    "Basic without a colon": (
        {"data": GRANT, "headers": {"authorization": "Basic eHh4"}},
        401,
        "invalid_client",
    ),
    "Basic that is not UTF-8": (
        {"data": GRANT, "headers": {"authorization": "Basic /zo="}},
        401,
        "invalid_client",
    ),
    "another scheme": (
        {"data": GRANT, "headers": {"authorization": "Digest x"}},
        401,
        "invalid_client",
    ),
    "two ways at once": (
        {"data": {**GRANT, "client_id": "x", "client_secret": "y"}, "auth": ("x", "y")},
        400,
        "invalid_request",
    ),
    "two names at once": (
        {"data": {**GRANT, "client_id": "z"}, "auth": ("x", "y")},
        400,
        "invalid_request",
    ),
    "JSON": ({"json": GRANT, "auth": ("x", "y")}, 400, "invalid_request"),
    "no body": ({"headers": FORM}, 401, "invalid_client"),
    "a field twice": (
        {"content": b"grant_type=a&grant_type=client_credentials", "headers": FORM},
        400,
        "invalid_request",
    ),
    "too many fields": (
        {"content": b"&".join(b"f%d=1" % at for at in range(99)), "headers": FORM},
        400,
        "invalid_request",
    ),
    "a form that is none": ({"content": b"grant_type", "headers": FORM}, 400, "invalid_request"),
    "a form not in UTF-8": (
        {"content": b"grant_type=%ff", "headers": FORM},
        400,
        "invalid_request",
    ),
    "raw bytes": ({"content": b"\xff=1", "headers": FORM}, 400, "invalid_request"),
}


@pytest.mark.parametrize("name", REFUSALS)
def test_a_bad_request_is_refused_as_the_standard_says(http: httpx.Client, name: str) -> None:
    """Each fault has the status and the word of RFC 6749 section 5.2; 401 names the scheme; nothing may be cached."""
    sent, status, word = REFUSALS[name]

    answer = http.post(PATH, **sent)

    assert (answer.status_code, answer.json()["error"]) == (status, word), answer.text
    assert answer.headers["cache-control"] == "no-store"
    assert ("www-authenticate" in answer.headers) == (status == 401)


@pytest.mark.parametrize(
    ("fields", "word"),
    [
        ({}, "invalid_request"),
        ({"grant_type": ""}, "invalid_request"),
        ({"grant_type": "password"}, "unsupported_grant_type"),
        ({"grant_type": "urn:ietf:params:oauth:grant-type:jwt-bearer"}, "unsupported_grant_type"),
        ({**GRANT, "scope": "operator"}, "invalid_scope"),
    ],
)
def test_another_grant_is_refused(
    doors: World, http: httpx.Client, fields: dict[str, str], word: str
) -> None:
    """A client that is known gets nothing for other grants, for none, and for scopes."""
    key = doors.keys["auditor"]

    answer = http.post(PATH, data=fields, headers={**FORM, **basic(key_id_of(key), key)})

    assert (answer.status_code, answer.json()["error"]) == (400, word)


def test_a_key_under_another_id_is_refused(doors: World, http: httpx.Client) -> None:
    """The id must be that of the key: a good key under the id of another, or of its principal, is an unknown client."""
    key, other = doors.keys["auditor"], doors.keys["mirror"]

    for client_id in (key_id_of(other), "auditor", "", key_id_of(key).upper()):
        answer = http.post(PATH, data=GRANT, auth=(client_id, key))
        assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client")


def test_a_token_does_not_beget_a_token(doors: World, http: httpx.Client) -> None:
    """With a token as a secret, or as a credential over gRPC, nobody gets another token."""
    key = doors.keys["auditor"]
    token = token_of(http, key)
    line = doors.line(token)

    answer = http.post(PATH, data=GRANT, auth=(key_id_of(key), token))
    outcome = line.call("AccessService.IssueToken", access_service_pb2.IssueTokenRequest())
    line.close()

    assert (answer.status_code, answer.json()["error"]) == (400, "unauthorized_client")
    assert outcome.code == "PERMISSION_DENIED"


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        ({"method": "GET", "url": PATH}, 405),
        ({"method": "PUT", "url": PATH}, 405),
        ({"method": "GET", "url": "/"}, 404),
        ({"method": "POST", "url": PATH + "/"}, 404),
        ({"method": "POST", "url": "/.well-known/jwks.json"}, 405),
        (
            {
                "method": "POST",
                "url": PATH,
                "headers": FORM,
                "content": b"x" * (HTTP_FORM_SIZE_BYTES_MAX + 1),
            },
            413,
        ),
    ],
)
def test_other_requests_get_a_problem_document(
    http: httpx.Client, sent: dict[str, Any], status: int
) -> None:
    """What is not there, not allowed or too large is told in the form of RFC 9457."""
    answer = http.request(**sent)

    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["status"] == status


def test_a_body_without_an_end_is_cut_off(http: httpx.Client) -> None:
    """A body in pieces, whose size nobody told, is refused where it becomes too large."""
    pieces = (b"x" * 1024 for _ in range(64))

    answer = http.post(PATH, content=pieces, headers=FORM)

    assert answer.status_code == 413


def test_secrets_in_the_address_are_refused(doors: World, http: httpx.Client) -> None:
    """A secret in the query is refused, even a good one, and the log does not show it."""
    key = doors.keys["auditor"]
    query = {**GRANT, "client_id": key_id_of(key), "client_secret": key}

    answer = http.post(PATH, params=query, headers=FORM)

    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")
    assert key not in doors.ledger.log


def test_the_jwk_set_shows_both_keys_and_may_be_cached(doors: World, http: httpx.Client) -> None:
    """Receipt key and token key are there, without an algorithm and without a private part; a known one is not sent again."""
    settings = load(doors.ledger.directory)
    answer = http.get("/.well-known/jwks.json")
    again = http.get("/.well-known/jwks.json", headers={"if-none-match": answer.headers["etag"]})

    assert answer.headers["cache-control"] == "public, max-age=300"
    assert answer.headers["access-control-allow-origin"] == "*"
    for key in answer.json()["keys"]:
        assert key.keys() == {"crv", "kty", "x", "kid", "use"}
    assert len(answer.json()["keys"]) == 2
    assert load_signer(settings).verifier.key_id != load_token_signer(settings).verifier.key_id
    assert (again.status_code, again.content) == (304, b"")


@pytest.mark.parametrize("host", ["a b", "evil.example/x", "user@evil.example", "x" * 300, ""])
def test_metadata_is_not_made_from_a_name_that_is_none(http: httpx.Client, host: str) -> None:
    """A Host header that is no name makes no address, and what is made from one is not cached."""
    answer = http.get("/.well-known/oauth-authorization-server", headers={"host": host})
    good = http.get("/.well-known/oauth-authorization-server")

    assert answer.status_code == 400
    assert good.headers["cache-control"] == "no-store"
