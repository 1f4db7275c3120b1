"""Keys in a device that speaks PKCS#11: an HSM, a smart card, or SoftHSM for trying out.

The device signs; the private key never leaves it. It has to know Ed25519 (``CKM_EDDSA`` over edwards25519, PKCS#11 3.0).
The package python-pkcs11 comes with the extra ``counterfoil[pkcs11]`` and is imported when such a key is opened.
"""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from counterfoil.errors import SigningFailed, StartupError, VerificationError
from counterfoil.keys import KEY_TYPE_ED25519, PUBLIC_KEY_SIZE, Verifier
from counterfoil.limits import SIGN_S_MAX
from counterfoil_server.signing_keys.patience import Patience
from counterfoil_server.signing_keys.uri import Pkcs11Uri, parse_pkcs11_uri

# DER of an OCTET STRING of 32 bytes, in which most devices wrap a public key.
_WRAPPED = bytes((0x04, PUBLIC_KEY_SIZE))
_PROBE = b"counterfoil asks whether this key signs\n"


class Pkcs11Key:
    """A private key in a device; one call to the device at a time.

    Attributes:
        verifier: the public half.
    """

    __slots__ = ("_key", "_mechanism", "_patience", "verifier")

    def __init__(self, verifier: Verifier, key: Any, mechanism: Any, patience: Patience) -> None:
        """Use :func:`open_pkcs11`."""
        self.verifier = verifier
        self._key = key
        self._mechanism = mechanism
        self._patience = patience

    @property
    def name(self) -> str:
        """The key name."""
        return self.verifier.name

    @property
    def key_type(self) -> int:
        """KEY_TYPE_ED25519."""
        return self.verifier.key_type

    def sign(self, message: bytes) -> bytes:
        """The Ed25519 signature of the message, made by the device.

        Raises:
            SigningFailed: the device is gone, refuses, or has not answered in time. It is not asked again after that.
        """
        signature: bytes = self._patience.call(
            lambda: self._key.sign(message, mechanism=self._mechanism)
        )
        return signature

    def __repr__(self) -> str:
        """The public half alone."""
        return f"<Pkcs11Key {self.verifier.vkey}>"


def open_pkcs11(rest: str, directory: Path, name: str) -> Pkcs11Key:
    """Open the key that a PKCS#11 URI names, and see that it signs.

    Raises:
        StartupError: there is no such library, token or key, the PIN is wrong, or the device does not do Ed25519.
    """
    uri = parse_pkcs11_uri(rest)
    try:
        import pkcs11
    except ImportError as error:
        told = "keys in a device need the package python-pkcs11: install counterfoil[pkcs11]"
        raise StartupError(told) from error
    patience = Patience(f"the device of {name}", SIGN_S_MAX)
    try:
        with _one_at_a_time(directory):
            key, point = patience.call(lambda: _find(pkcs11, uri, directory))
        public = bytes(point).removeprefix(_WRAPPED) if len(point) > PUBLIC_KEY_SIZE else point
        verifier = Verifier(name, KEY_TYPE_ED25519, bytes(public))
        opened = Pkcs11Key(verifier, key, pkcs11.Mechanism.EDDSA, patience)
        verifier.verify(_PROBE, opened.sign(_PROBE))
    except (SigningFailed, VerificationError) as error:
        # Without what is behind it: nobody knows what a library puts into its errors.
        raise StartupError(f"the key in the device cannot be used: {error}") from None
    return opened


@contextmanager
def _one_at_a_time(directory: Path) -> Iterator[None]:
    """Let the processes of a ledger open its device one after the other.

    SoftHSM writes its token anew at each login, in place: whoever looks at that moment does not see the token. Workers start
    at the same moment.
    """
    if not directory.is_dir():
        yield  # A ledger in the making has one process.
        return
    handle = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def _find(pkcs11: Any, uri: Pkcs11Uri, directory: Path) -> tuple[Any, bytes]:
    """The private key, in a session that stays open, and the encoded point of its public key."""
    library = pkcs11.lib(str(directory / uri.module_path))
    named = {"token_label": uri.token or None, "token_serial": uri.serial.encode() or None}
    token = library.get_token(**{key: value for key, value in named.items() if value})
    session = _log_in(pkcs11, token, _read_pin(uri.pin_source, directory))
    wanted: dict[str, Any] = {"key_type": pkcs11.KeyType.EC_EDWARDS}
    if uri.label:
        wanted["label"] = uri.label
    if uri.id:
        wanted["id"] = uri.id
    key = session.get_key(object_class=pkcs11.ObjectClass.PRIVATE_KEY, **wanted)
    public = session.get_key(object_class=pkcs11.ObjectClass.PUBLIC_KEY, **wanted)
    return key, public[pkcs11.Attribute.EC_POINT]


def _log_in(pkcs11: Any, token: Any, pin: str | None) -> Any:
    try:
        return token.open(user_pin=pin)
    except pkcs11.UserAlreadyLoggedIn:
        # A process logs in to a token once, for all its sessions: another key of it was opened before.
        return token.open()


def _read_pin(source: str, directory: Path) -> str | None:
    """The PIN that a source names; None when there is no source.

    Raises:
        StartupError: it is not there, or is open to others.
    """
    if not source:
        return None
    scheme, _, where = source.partition(":")
    if scheme == "env":
        pin = os.environ.get(where)
        if pin is None:
            raise StartupError(
                f"the environment variable {where} is not set; it has to hold the PIN"
            )
        return pin
    path = directory / where
    try:
        pin = path.read_text().rstrip("\r\n")
    except UnicodeDecodeError:
        raise StartupError(f"the PIN in {path} is no text") from None
    except OSError as error:
        raise StartupError(f"the PIN in {path} cannot be read: {error.strerror}") from error
    if path.stat().st_mode & 0o077:
        raise StartupError(f"{path} can be read by others; `chmod 600 {path}`")
    return pin
