"""The secret that pseudonyms of consumers are made with: where it lies is text, and itself it is shown nowhere.

    file:/etc/host/consumer.key    a file that nobody else can read (mode 0600)
    env:NAME                       an environment variable

Either holds 32 bytes, as 64 hexadecimal digits or in base64.
"""

import base64
import os
import re
from pathlib import Path
from typing import Final, NoReturn

from counterfoil.errors import StartupError
from counterfoil.record.consumer import SECRET_SIZE, make_pseudonym
from counterfoil_client.chance import new_secret
from counterfoil_client.files import sync_folder

_HEX: Final = re.compile(rf"[0-9a-fA-F]{{{2 * SECRET_SIZE}}}")
# Shorter than any form of a secret, so that one that was put in the place of a name is not quoted as one.
_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,39}")
_FILE_SIZE_BYTES_MAX: Final = 4096


class ConsumerKey:
    """A secret for pseudonyms. It is in no ``repr``, is not pickled, and is compared by nobody."""

    __slots__ = ("_secret",)

    def __init__(self, secret: bytes) -> None:
        """Take 32 random bytes.

        Raises:
            ValueError: there are more or fewer.
        """
        if len(secret) != SECRET_SIZE:
            raise ValueError(f"a consumer key has {SECRET_SIZE} bytes")
        self._secret = secret

    def __repr__(self) -> str:
        return "<ConsumerKey>"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a consumer key is not written into anything else")

    def pseudonym(self, consumer: str, creator_id: str) -> str:
        """The pseudonym of a consumer towards a creator; see :func:`counterfoil.record.consumer.make_pseudonym`.

        Raises:
            InvalidInput: there is no consumer, or ``creator_id`` is no id.
        """
        return make_pseudonym(self._secret, creator_id, consumer)


def open_consumer_key(reference: str) -> ConsumerKey:
    """Read the consumer key that ``file:PATH`` or ``env:NAME`` names.

    Raises:
        StartupError: it is missing, can be read by others, or is no key. What was read is never quoted, nor is a reference
            that may be the secret itself.
    """
    scheme, colon, rest = reference.partition(":")
    if colon and rest and scheme == "file":
        return _parse(_read_file(Path(rest)), f"the consumer key {rest}")
    if colon and scheme == "env" and _NAME.fullmatch(rest):
        text = os.environ.get(rest)
        if text is None:
            raise StartupError(
                f"the environment variable {rest} is not set; it has to hold the consumer key"
            )
        return _parse(text, f"the consumer key in the environment variable {rest}")
    raise StartupError("say where the consumer key lies with file:PATH or env:NAME")


def make_consumer_key(path: Path) -> None:
    """Draw a consumer key, into a new file that only its owner can read; on return it is on the disk.

    Raises:
        StartupError: there is such a file, or it cannot be made.
    """
    data = f"{new_secret(SECRET_SIZE).hex()}\n".encode()
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        sync_folder(path.absolute().parent)
    except FileExistsError:
        told = f"{path} is there already; another key would make every consumer a new one"
        raise StartupError(told) from None
    except OSError as error:
        raise StartupError(
            f"the consumer key {path} cannot be made: {error.strerror or error}"
        ) from error


def _read_file(path: Path) -> str:
    try:
        with path.open("rb") as file:
            if os.fstat(file.fileno()).st_mode & 0o077:
                told = (
                    f"{path} can be read by others; take their rights away with `chmod 600 {path}`"
                )
                raise StartupError(told)
            data = file.read(_FILE_SIZE_BYTES_MAX)
    except FileNotFoundError as error:
        told = (
            f"the consumer key {path} is missing; put it back from your backup, or make the first one with "
            f"`counterfoil usage consumer-key {path}`"
        )
        raise StartupError(told) from error
    except OSError as error:
        raise StartupError(
            f"the consumer key {path} cannot be read: {error.strerror or error}"
        ) from error
    return data.decode("ascii", "replace")


def _parse(text: str, where: str) -> ConsumerKey:
    text = text.strip()
    if _HEX.fullmatch(text):
        return ConsumerKey(bytes.fromhex(text))
    try:
        secret = base64.b64decode(text, validate=True)
    except ValueError:
        secret = b""
    # Spelled back, because a typing error in the last character would not be noticed otherwise.
    if len(secret) != SECRET_SIZE or base64.b64encode(secret).decode() != text:
        told = f"{where} is none: {SECRET_SIZE} bytes as {2 * SECRET_SIZE} hexadecimal digits or in base64"
        raise StartupError(told)
    return ConsumerKey(secret)
