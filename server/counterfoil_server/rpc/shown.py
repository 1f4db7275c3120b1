"""What a gRPC call shows of its caller: a credential in its metadata, and an address."""

from typing import Any, Final
from urllib.parse import unquote

from counterfoil.errors import Unauthenticated
from counterfoil_server.access.certificates import KINDS
from counterfoil_server.access.guard import Shown

_BEARER: Final = "bearer "


def read_shown(context: Any, *, certificates: bool = False) -> Shown:
    """Read it from the metadata of a call: ``authorization: Bearer …``, or ``x-api-key: …``.

    Args:
        certificates: without a credential, the names of the client's certificate count.

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
    names = _read_names(context) if certificates and not found else ()
    return Shown(found[0] if found else "", read_peer(context.peer()), names)


def _read_names(context: Any) -> tuple[str, ...]:
    """The subject alternative names of the verified certificate, in order, with their kinds in front."""
    facts = context.auth_context()
    names = (
        f"{kind}:{value.decode('utf-8', 'replace')}"
        for kind in KINDS
        for value in facts.get(f"peer_{kind}", ())
    )
    return tuple(name.lower() if name.startswith("dns:") else name for name in names)


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
