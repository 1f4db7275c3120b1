"""The application: its routes, and what its errors look like."""

import json
from collections.abc import Iterable, Mapping
from http import HTTPStatus
from typing import Any, Final

import structlog
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute
from starlette.types import ASGIApp

_log = structlog.get_logger(__name__)
PROBLEM: Final = "application/problem+json"
# A method is the caller's word.
_METHOD_LENGTH: Final = 16
NO_STORE: Final = {"cache-control": "no-store"}


def make_app(routes: Iterable[BaseRoute]) -> ASGIApp:
    """An application that answers on these routes, and with a problem document elsewhere."""
    app = Starlette(
        routes=list(routes), exception_handlers={HTTPException: _problem, Exception: _fault}
    )
    # A path with a slash at its end is another path, and is told so; no answer is made from a header that the caller wrote.
    app.router.redirect_slashes = False
    return app


def json_response(
    content: Mapping[str, Any], status: int = 200, headers: Mapping[str, str] | None = None
) -> Response:
    """An answer in JSON, the same bytes for the same content."""
    return Response(
        format_json(content), status, {"content-type": "application/json", **(headers or {})}
    )


def format_json(content: Mapping[str, Any]) -> bytes:
    """Compact JSON in UTF-8, members in the order that they have."""
    return json.dumps(content, separators=(",", ":"), ensure_ascii=False).encode()


async def _problem(request: Request, error: Exception) -> Response:
    """RFC 9457: what went wrong, in a form for programs."""
    assert isinstance(error, HTTPException)
    _log.info(
        "refused",
        method=request.method[:_METHOD_LENGTH],
        status=error.status_code,
        message=error.detail,
    )
    return _problem_document(error.status_code, error.detail, error.headers)


async def _fault(request: Request, error: Exception) -> Response:
    """Our fault. The log has the cause; the caller is not told what may be somebody else's."""
    _log.error("failed", method=request.method[:_METHOD_LENGTH], error=type(error).__name__)
    return _problem_document(500, "the server failed; its log says how", None)


def _problem_document(status: int, detail: str, headers: Mapping[str, str] | None) -> Response:
    title = HTTPStatus(status).phrase
    content = {"title": title, "status": status, "detail": detail if detail != title else ""}
    told = {name: value for name, value in content.items() if value}
    return Response(
        format_json(told), status, {**NO_STORE, **(headers or {}), "content-type": PROBLEM}
    )
