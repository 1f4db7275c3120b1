"""What is served over HTTP, put together."""

from collections.abc import Callable, Iterable

from starlette.exceptions import HTTPException
from starlette.types import ASGIApp

from counterfoil.errors import CounterfoilError, PermissionDenied, QuotaExceeded, Unauthenticated
from counterfoil.keys import Verifier
from counterfoil_server.access.caller import Identity
from counterfoil_server.access.guard import Guard, Shown
from counterfoil_server.access.sign_in import IssuedToken, TokenDesk
from counterfoil_server.directory import Settings
from counterfoil_server.http.app import make_app
from counterfoil_server.http.keys import key_routes
from counterfoil_server.http.oauth import Client, ClientRefused, Issue, MayNot, token_routes

# The one method of gRPC that does the same; its row in the permission table counts here too.
_METHOD = "AccessService.IssueToken"


def make_http_app(
    settings: Settings, guard: Guard, tokens: TokenDesk, keys: Callable[[], Iterable[Verifier]]
) -> ASGIApp:
    """The application of one worker.

    Args:
        keys: those that a JWK set shows now.
    """
    return make_app(
        [
            *key_routes(settings.origin, settings.http_url, keys),
            *token_routes(make_issue(guard, tokens)),
        ]
    )


def make_issue(guard: Guard, tokens: TokenDesk) -> Issue:
    """What issues a token for a client that was let in as a call of gRPC would be."""

    async def issue(client: Client) -> IssuedToken:
        identity: Identity | None = None
        try:
            identity = guard.identify(Shown(client.secret, client.address))
            if not identity.key_id or identity.key_id != client.client_id:
                raise Unauthenticated("the client's id is not that of its key")
            return tokens.issue(guard.permit(_METHOD, identity, client.address))
        except CounterfoilError as error:
            guard.note(_METHOD, client.address, identity, error)
            raise _as_told(error) from error

    return issue


def _as_told(error: CounterfoilError) -> Exception:
    """An error as the HTTP side of the house raises it."""
    if isinstance(error, Unauthenticated):
        return ClientRefused(str(error))
    if isinstance(error, PermissionDenied):
        return MayNot(str(error))
    if isinstance(error, QuotaExceeded):
        seconds = str(max(1, round(error.retry_after_s)))
        return HTTPException(429, str(error), {"retry-after": seconds})
    return error
