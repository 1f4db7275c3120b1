"""Public documents about keys and tokens: a JWK set (RFC 7517), and where tokens are to be had (RFC 8414)."""

import re
from collections.abc import Callable, Iterable
from hashlib import sha256
from typing import Final

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from counterfoil.errors import StartupError
from counterfoil.keys import Verifier, jwk
from counterfoil_server.http.app import NO_STORE, format_json, json_response

JWKS_PATH: Final = "/.well-known/jwks.json"
METADATA_PATH: Final = "/.well-known/oauth-authorization-server"
TOKEN_PATH: Final = "/v1/oauth/token"  # noqa: S105 - a path
# A new key is in use no earlier than this after it was shown first; five minutes is what caches can be asked to heed.
_JWKS_AGE_S: Final = 300
# The page of any site may read what everybody may read.
_PUBLIC: Final = {"access-control-allow-origin": "*", "x-content-type-options": "nosniff"}
_URL: Final = re.compile(r"https?://[!-~]+")
_HOST: Final = re.compile(r"[A-Za-z0-9.-]{1,253}(:\d{1,5})?|\[[0-9A-Fa-f:.]{2,45}\](:\d{1,5})?")


def key_routes(
    origin: str, public_url: str, keys: Callable[[], Iterable[Verifier]]
) -> list[BaseRoute]:
    """The two documents.

    Args:
        public_url: where callers reach this server, such as ``https://ledger.example.com``; empty: by the name that they used.
        keys: those that may be shown now: of receipts and of tokens.

    Raises:
        StartupError: the address is none.
    """
    if public_url and not _URL.fullmatch(public_url):
        raise StartupError(f"http_url {public_url!r} is not of the form https://ledger.example.com")

    async def show_keys(request: Request) -> Response:
        body = format_json({"keys": [jwk(key.public_key) for key in keys()]})
        tag = f'"{sha256(body).hexdigest()[:32]}"'
        headers = {
            **_PUBLIC,
            "cache-control": f"public, max-age={_JWKS_AGE_S}",
            "etag": tag,
            "content-type": "application/jwk-set+json",
        }
        known = {each.strip() for each in request.headers.get("if-none-match", "").split(",")}
        if known & {tag, f"W/{tag}", "*"}:
            return Response(status_code=304, headers=headers)
        return Response(body, headers=headers)

    async def show_metadata(request: Request) -> Response:
        base = public_url.rstrip("/") or _own_url(request)
        # What is made from the caller's own header is for that caller alone.
        cached = {"cache-control": f"public, max-age={_JWKS_AGE_S}"} if public_url else NO_STORE
        content = {
            "issuer": origin,
            "token_endpoint": base + TOKEN_PATH,
            "jwks_uri": base + JWKS_PATH,
            "response_types_supported": [],
            "grant_types_supported": ["client_credentials"],
            "token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post"],
        }
        return json_response(content, headers={**_PUBLIC, **cached})

    return [Route(JWKS_PATH, show_keys), Route(METADATA_PATH, show_metadata)]


def _own_url(request: Request) -> str:
    host = request.headers.get("host", "")
    if not _HOST.fullmatch(host):
        raise HTTPException(400, "the Host header is not a name")
    return f"{request.url.scheme}://{host}"
