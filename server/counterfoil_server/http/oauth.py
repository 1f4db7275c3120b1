"""The token endpoint: OAuth 2.0 client credentials (RFC 6749 sections 2.3.1, 4.4, 5.1 and 5.2).

The client's id is the API key's id and its secret the whole API key, in the Authorization header or in the form. What is
wrong with a client, be it unknown, revoked or expired, is told in one way.
"""

import base64
import binascii
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import unquote_plus

import structlog
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from counterfoil.errors import CounterfoilError
from counterfoil.limits import HTTP_FORM_SIZE_BYTES_MAX
from counterfoil_server.access.sign_in import IssuedToken
from counterfoil_server.http.app import NO_STORE, json_response
from counterfoil_server.http.body import FORM, MalformedForm, parse_form, read_body
from counterfoil_server.http.keys import TOKEN_PATH

_log = structlog.get_logger(__name__)
# RFC 6749 section 5.1 asks for both.
_HEADERS: Final = {**NO_STORE, "pragma": "no-cache"}
_CHALLENGE: Final = {"www-authenticate": 'Basic realm="counterfoil", charset="UTF-8"'}


class ClientRefused(CounterfoilError):
    """The client is not who it says it is, or no longer."""


class MayNot(CounterfoilError):
    """The client is who it says it is, and gets no token all the same; the message says why."""


@dataclass(frozen=True, slots=True)
class Client:
    """What a client shows: its id and secret, and the address that it calls from."""

    client_id: str
    secret: str
    address: str


Issue = Callable[[Client], Awaitable[IssuedToken]]
"""Issues a token for a client's API key; raises ClientRefused or MayNot."""


class _Refusal(Exception):
    """A request that is refused with one of the words of RFC 6749 section 5.2."""

    def __init__(self, word: str, told: str, status: int = 400) -> None:
        super().__init__(told)
        self.word = word
        self.status = status


def token_routes(issue: Issue) -> list[BaseRoute]:
    """The endpoint."""

    async def answer(request: Request) -> Response:
        try:
            fields = await _read_fields(request)
            client = _find_client(request, fields)
            _check_grant(fields)
            issued = await issue(client)
        except _Refusal as refusal:
            _log.info("refused", method=TOKEN_PATH, error=refusal.word, message=str(refusal))
            return _refuse(refusal)
        # These are denials: whoever refused has counted them for log and audit trail.
        except ClientRefused:
            return _refuse(_unknown_client())
        except MayNot as error:
            return _refuse(_Refusal("unauthorized_client", str(error)))
        content = {
            "access_token": issued.text,
            "token_type": "Bearer",
            "expires_in": issued.lifetime_s,
        }
        return json_response(content, headers=_HEADERS)

    return [Route(TOKEN_PATH, answer, methods=["POST"])]


def _refuse(refusal: _Refusal) -> Response:
    headers = {**_HEADERS, **(_CHALLENGE if refusal.status == 401 else {})}
    content = {"error": refusal.word, "error_description": str(refusal)}
    return json_response(content, refusal.status, headers)


async def _read_fields(request: Request) -> Mapping[str, str]:
    if request.url.query:
        # A secret in an address ends up in the logs of everything on the way.
        raise _Refusal("invalid_request", "parameters belong into the body")
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != FORM:
        raise _Refusal("invalid_request", f"the body must be {FORM}")
    try:
        return parse_form(await read_body(request, HTTP_FORM_SIZE_BYTES_MAX))
    except MalformedForm as error:
        raise _Refusal("invalid_request", str(error)) from error


def _check_grant(fields: Mapping[str, str]) -> None:
    grant = fields.get("grant_type")
    if grant is None:
        raise _Refusal("invalid_request", "grant_type is missing")
    if grant != "client_credentials":
        raise _Refusal("unsupported_grant_type", "only client_credentials is known here")
    if "scope" in fields:
        raise _Refusal("invalid_scope", "there are no scopes: a token may do what its API key may")


def _find_client(request: Request, fields: Mapping[str, str]) -> Client:
    """Id and secret, from one place and not from two (RFC 6749 section 2.3)."""
    address = request.client.host if request.client else ""
    headers = request.headers.getlist("authorization")
    if not headers:
        if "client_id" not in fields or "client_secret" not in fields:
            raise _unknown_client()
        return Client(fields["client_id"], fields["client_secret"], address)
    if len(headers) > 1 or "client_secret" in fields:
        raise _Refusal("invalid_request", "the client authenticates in more than one way")
    client_id, secret = _parse_basic(headers[0])
    if fields.get("client_id", client_id) != client_id:
        raise _Refusal("invalid_request", "the client names itself in two ways")
    return Client(client_id, secret, address)


def _parse_basic(header: str) -> tuple[str, str]:
    scheme, _, encoded = header.partition(" ")
    try:
        text = base64.b64decode(encoded.strip(" "), validate=True).decode()
        client_id, colon, secret = text.partition(":")
        # RFC 6749 section 2.3.1: both parts are written as in a form first.
        parts = unquote_plus(client_id, errors="strict"), unquote_plus(secret, errors="strict")
    except (ValueError, binascii.Error):
        # Without the cause, which may quote the secret.
        raise _unknown_client() from None
    if scheme.lower() != "basic" or not colon:
        raise _unknown_client()
    return parts


def _unknown_client() -> _Refusal:
    return _Refusal("invalid_client", "the client is not known, or its secret is not good", 401)
