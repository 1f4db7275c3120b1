"""What a gRPC call shows of its caller: a credential in its metadata, and an address."""

from typing import Any, Final
from urllib.parse import unquote

from counterfoil.errors import Unauthenticated
from counterfoil_server.access.guard import Shown

_BEARER: Final = "bearer "


def read_shown(context: Any) -> Shown:
    """Read it from the metadata of a call: ``authorization: Bearer …``, or ``x-api-key: …``.

    Raises:
        Unauthenticated: there are several credentials, or one of another scheme.
    """
    found = [
        value if name == "x-api-key" else _unwrap(value)
        for name, value in context.invocation_metadata() or ()
        if name in ("authorization", "x-api-key")
    ]
    if len(found) > 1:
        raise Unauthenticated("the call shows several credentials; send one")
    return Shown(found[0] if found else "", read_peer(context.peer()))


def _unwrap(value: str) -> str:
    if value[: len(_BEARER)].lower() != _BEARER:
        raise Unauthenticated("the authorization is not of the form `Bearer KEY`")
    return value[len(_BEARER) :].strip()


def read_peer(text: str) -> str:
    """The address in gRPC's word for a peer, without its port: that of ``ipv6:%5B::1%5D:443`` is ``::1``."""
    kind, _, rest = text.partition(":")
    if kind == "ipv4":
        return rest.rpartition(":")[0]
    if kind == "ipv6":
        return unquote(rest).rpartition(":")[0].strip("[]")
    return kind
