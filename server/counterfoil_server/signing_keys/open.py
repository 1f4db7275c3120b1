"""From the text of a reference to the key."""

import os
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from counterfoil.errors import CounterfoilError, StartupError
from counterfoil.keys import Signer, SigningKey
from counterfoil_server.signing_keys.pkcs11 import open_pkcs11

Opener = Callable[[str, Path, str], SigningKey]
"""open(rest of the reference, directory that relative paths are meant from, name of the key) -> the key."""

_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*):(.*)", re.DOTALL)


def open_key(reference: str, directory: Path, name: str) -> SigningKey:
    """Open the private key that a reference names.

    Args:
        directory: what paths that are not absolute are meant from. name: what the key has to be called.

    Raises:
        StartupError: it is missing, malformed, of another name, open to others, or its device does not let us.
    """
    scheme, rest = _split(reference)
    opened = SCHEMES[scheme](rest, directory, name)
    if opened.name != name:
        raise StartupError(f"{reference} is the key of {opened.name}, but the settings name {name}")
    return opened


def file_of(reference: str, directory: Path) -> Path | None:
    """The file that a reference names; None when the key is not in a file."""
    scheme, rest = _split(reference)
    return directory / rest if scheme == "file" else None


def _split(reference: str) -> tuple[str, str]:
    """Scheme and rest. A plain path is one of the scheme file."""
    match = _SCHEME.fullmatch(reference)
    if match is None:
        return "file", reference
    scheme = match[1].lower()
    if scheme not in SCHEMES:
        told = (
            f"keys are opened by {', '.join(f'{known}:' for known in SCHEMES)} and not by {scheme}:"
        )
        raise StartupError(f"{told}; a file of such a name is file:{scheme}:...")
    if not match[2]:
        raise StartupError(f"{scheme}: names no key")
    return scheme, match[2]


def _open_file(rest: str, directory: Path, _name: str) -> SigningKey:
    path = directory / rest
    try:
        text = path.read_text()
    except FileNotFoundError as error:
        raise StartupError(
            f"the signing key {path} is missing; put it back from your backup"
        ) from error
    except UnicodeDecodeError:
        # Without the cause, which holds the bytes of the file.
        raise StartupError(f"the signing key {path} cannot be read: it is no text") from None
    except OSError as error:
        raise StartupError(f"the signing key {path} cannot be read: {error.strerror}") from error
    if path.stat().st_mode & 0o077:
        raise StartupError(
            f"{path} can be read by others; take their rights away with `chmod 600 {path}`"
        )
    return _parse(text, f"the signing key {path}")


def _open_env(rest: str, _directory: Path, _name: str) -> SigningKey:
    text = os.environ.get(rest)
    if text is None:
        raise StartupError(f"the environment variable {rest} is not set; it has to hold the key")
    return _parse(text, f"the key in the environment variable {rest}")


def _parse(text: str, where: str) -> Signer:
    try:
        return Signer.parse(text.strip())
    except CounterfoilError as error:
        raise StartupError(f"{where} cannot be read: {error}") from None


SCHEMES: Final[Mapping[str, Opener]] = {
    "file": _open_file,
    "env": _open_env,
    "pkcs11": open_pkcs11,
}
