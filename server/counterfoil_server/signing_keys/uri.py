"""PKCS#11 URIs (RFC 7512), as far as they name one key pair: strict, so that a typing error is not another key."""

import re
from dataclasses import dataclass
from typing import Final
from urllib.parse import unquote_to_bytes

from counterfoil.errors import StartupError

_NAMING: Final = ("token", "serial", "object", "id", "type")
_ASKING: Final = ("module-path", "pin-source")
# RFC 7512 section 2.3: what may stand in a value as it is.
_PATH_VALUE = re.compile(r"(?:[A-Za-z0-9\-._~:\[\]@!$'()*+,=&]|%[0-9A-Fa-f]{2})+")
_QUERY_VALUE = re.compile(r"(?:[A-Za-z0-9\-._~:\[\]@!$'()*+,=/?|]|%[0-9A-Fa-f]{2})+")


@dataclass(frozen=True, slots=True)
class Pkcs11Uri:
    """Which key of which token, through which library.

    Attributes:
        token, serial: the token's label and serial number; empty when not given, but never both.
        label, id: the key's label and id; empty when not given, but never both.
        module_path: the library of the device. pin_source: ``env:NAME``, ``file:PATH``, or empty for no login.
    """

    token: str
    serial: str
    label: str
    id: bytes
    module_path: str
    pin_source: str


def parse_pkcs11_uri(rest: str) -> Pkcs11Uri:
    """Read what stands behind ``pkcs11:``.

    Raises:
        StartupError: it is not in the form of RFC 7512, has an attribute that is not known here, or leaves open which
            key is meant. What an attribute says is never quoted: somebody may have written a PIN there.
    """
    path, _, query = rest.partition("?")
    naming = _attributes(path, ";", _PATH_VALUE, _NAMING)
    asking = _attributes(query, "&", _QUERY_VALUE, _ASKING)
    if naming.get("type", b"private") != b"private":
        raise _refuse("type has to be private")
    if not ("token" in naming or "serial" in naming):
        raise _refuse("it names no token: token=LABEL or serial=NUMBER")
    if not ("object" in naming or "id" in naming):
        raise _refuse("it names no key: object=LABEL or id=BYTES")
    if "module-path" not in asking:
        raise _refuse("it names no library: ?module-path=/usr/lib/...so")
    source = _text(asking, "pin-source")
    if source and not re.fullmatch(r"(env|file):.+", source, re.DOTALL):
        raise _refuse("pin-source has to be env:NAME or file:PATH")
    return Pkcs11Uri(
        token=_text(naming, "token"),
        serial=_text(naming, "serial"),
        label=_text(naming, "object"),
        id=naming.get("id", b""),
        module_path=_text(asking, "module-path"),
        pin_source=source,
    )


def _attributes(
    text: str, separator: str, value: re.Pattern[str], known: tuple[str, ...]
) -> dict[str, bytes]:
    found: dict[str, bytes] = {}
    for part in text.split(separator) if text else ():
        name, equals, encoded = part.partition("=")
        if name == "pin-value":
            raise _refuse("a PIN does not belong into settings: pin-source=env:NAME or file:PATH")
        if name not in known:
            raise _refuse(f"an attribute is none of {', '.join(known)}")
        if not equals or not value.fullmatch(encoded):
            raise _refuse(f"{name} has no value, or characters that have to be percent-encoded")
        if name in found:
            raise _refuse(f"{name} stands twice")
        found[name] = unquote_to_bytes(encoded)
    return found


def _text(attributes: dict[str, bytes], name: str) -> str:
    try:
        text = attributes.get(name, b"").decode()
    except UnicodeDecodeError:
        raise _refuse(f"{name} is no text") from None
    if "\0" in text:
        raise _refuse(f"{name} has a zero character")
    return text


def _refuse(why: str) -> StartupError:
    return StartupError(f"this is no PKCS#11 URI of a signing key: {why}")
