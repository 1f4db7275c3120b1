"""Bodies of requests: read whole, up to a size, within a time."""

import asyncio
from collections.abc import Mapping
from typing import Final
from urllib.parse import parse_qsl

from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request

from counterfoil.limits import HTTP_FORM_FIELDS_MAX, HTTP_REQUEST_S_MAX

FORM: Final = "application/x-www-form-urlencoded"


class MalformedForm(Exception):
    """A form that is none, or that says one thing twice."""


async def read_body(request: Request, size_bytes_max: int) -> bytes:
    """The whole body.

    Raises:
        HTTPException: 413 when it is larger, without reading on; 408 when it does not come in time; 400 when the sender
            went away.
    """
    told = request.headers.get("content-length", "")
    if told.isdecimal() and int(told) > size_bytes_max:
        raise _too_large(size_bytes_max)
    body = bytearray()
    try:
        async with asyncio.timeout(HTTP_REQUEST_S_MAX):
            async for piece in request.stream():
                body += piece
                if len(body) > size_bytes_max:
                    raise _too_large(size_bytes_max)
    except TimeoutError as error:
        raise HTTPException(408, "the body did not come in time", _CLOSE) from error
    except ClientDisconnect as error:
        raise HTTPException(400, "the sender went away") from error
    return bytes(body)


def parse_form(body: bytes) -> Mapping[str, str]:
    """The fields of a form (RFC 6749 appendix B); those without a value are left out (section 3.2).

    Raises:
        MalformedForm: it cannot be read, has too many fields, or a field twice. The message quotes none of it.
    """
    try:
        pairs = parse_qsl(
            body.decode("ascii"),
            keep_blank_values=True,
            strict_parsing=bool(body),
            errors="strict",
            max_num_fields=HTTP_FORM_FIELDS_MAX,
        )
    except ValueError:
        # Without the cause: its message may hold what is in the form, which may be a secret.
        raise MalformedForm("the body is not a form") from None
    fields = dict(pairs)
    if len(fields) != len(pairs):
        raise MalformedForm("a field stands twice in the form")
    return {name: value for name, value in fields.items() if value}


# What is left of the body is not read: the connection cannot go on with another request.
_CLOSE: Final = {"connection": "close"}


def _too_large(size_bytes_max: int) -> HTTPException:
    return HTTPException(413, f"the body is larger than {size_bytes_max} bytes", _CLOSE)
