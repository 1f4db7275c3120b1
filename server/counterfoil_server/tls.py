"""TLS for both doors, from files that are read again when they change.

Each handshake looks whether one of the files has another inode, size or time than when it was read. New files are tried
before they are used: half a pair, or text that is no certificate, leaves the old ones in place and one line at ``error``
in the log; the next change is tried again. Connections that are open keep the certificate that they began with.
"""

import os
import re
import ssl
import threading
from base64 import b64decode
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final, cast

import grpc
import structlog

from counterfoil.errors import StartupError
from counterfoil_server.directory import Settings

_log = structlog.get_logger(__name__)
# A private key's algorithm stands at the beginning of its PKCS #8 form (RFC 5208, RFC 8410): 1.3.101.112.
_PKCS8_ED25519: Final = bytes.fromhex("300506032b6570")
_PRIVATE_KEY: Final = re.compile(
    rb"-----BEGIN PRIVATE KEY-----\s+([A-Za-z0-9+/=\s]+)-----END PRIVATE KEY-----"
)
_Stamp = tuple[tuple[int, int, int], ...]


@dataclass(frozen=True, slots=True)
class TlsFiles:
    """Where certificate chain, private key and, for mTLS, the clients' certificate authorities lie, all in PEM."""

    certificate: Path
    key: Path
    client_ca: Path | None

    def paths(self) -> tuple[Path, ...]:
        """Those that there are."""
        return tuple(path for path in (self.certificate, self.key, self.client_ca) if path)


@dataclass(frozen=True, slots=True)
class _Material:
    """What the files held when they fitted together."""

    certificate: bytes
    key: bytes
    client_ca: bytes | None
    context: ssl.SSLContext


class Tls:
    """The newest usable material of three files; may be asked from any thread."""

    def __init__(self, files: TlsFiles) -> None:
        """Read the files.

        Raises:
            StartupError: one cannot be read, or they do not fit together.
        """
        self._files = files
        self._lock = threading.Lock()
        self._told = ""
        try:
            self._stamp = _stamp(files)
            self._material = _read(files)
        except (OSError, ValueError) as error:
            raise StartupError(f"TLS cannot be set up: {_reason(error)}") from error

    @property
    def mutual(self) -> bool:
        """Whether clients must show a certificate."""
        return self._files.client_ca is not None

    def context(self) -> ssl.SSLContext:
        """What the next connection over HTTP is to use."""
        return self._current().context

    def grpc_credentials(self) -> grpc.ServerCredentials:
        """What gRPC's port is to use; gRPC asks for news at each handshake."""
        first = self._current()
        # The stubs do not know that None stands for no news (grpc.dynamic_ssl_server_credentials).
        fetch = cast(Callable[[], grpc.ServerCertificateConfiguration], self._news_since(first))
        return grpc.dynamic_ssl_server_credentials(
            _for_grpc(first), fetch, require_client_authentication=self.mutual
        )

    def _news_since(
        self, known: _Material
    ) -> Callable[[], grpc.ServerCertificateConfiguration | None]:
        def fetch() -> grpc.ServerCertificateConfiguration | None:
            nonlocal known
            current = self._current()
            if current is known:
                return None
            known = current
            return _for_grpc(current)

        return fetch

    def _current(self) -> _Material:
        with self._lock:
            try:
                stamp = _stamp(self._files)
                if stamp == self._stamp:
                    return self._material
                self._stamp = stamp
                self._material = _read(self._files)
                self._told = ""
                _log.info("the TLS files were read again")
            except (OSError, ValueError) as error:
                self._tell(_reason(error))
            return self._material

    def _tell(self, reason: str) -> None:
        if reason == self._told:
            return
        self._told = reason
        _log.error("the new TLS files cannot be used; those from before stay", error=reason)


def open_tls(settings: Settings) -> Tls | None:
    """The TLS of a directory's settings; None where they name none.

    Raises:
        StartupError: the settings or the files do not fit together.
    """
    if not settings.tls_cert and not settings.tls_key:
        if settings.tls_client_ca:
            raise StartupError(
                "tls_client_ca needs tls_cert and tls_key: without TLS nobody shows a certificate"
            )
        return None
    if not settings.tls_cert or not settings.tls_key:
        raise StartupError("TLS needs both tls_cert and tls_key")
    client_ca = settings.path("tls_client_ca") if settings.tls_client_ca else None
    files = TlsFiles(settings.path("tls_cert"), settings.path("tls_key"), client_ca)
    if files.key.exists() and files.key.stat().st_mode & 0o077:
        _log.warning("the private key of TLS can be read by others", path=str(files.key))
    return Tls(files)


def _stamp(files: TlsFiles) -> _Stamp:
    facts = (path.stat() for path in files.paths())
    return tuple((each.st_ino, each.st_size, each.st_mtime_ns) for each in facts)


def _read(files: TlsFiles) -> _Material:
    """The bytes of each file, once, and a context that has accepted them.

    Raises:
        OSError: a file cannot be read; ssl.SSLError is one: certificate and key do not fit together.
        ValueError: a file has another form.
    """
    certificate, key = files.certificate.read_bytes(), files.key.read_bytes()
    client_ca = files.client_ca.read_bytes() if files.client_ca else None
    _refuse_ed25519(key)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    with ExitStack() as stack:
        chain, secret = (stack.enter_context(_as_file(data)) for data in (certificate, key))
        # Without a password of its own OpenSSL would ask the terminal for one.
        context.load_cert_chain(chain, secret, password=_no_password)
    if client_ca is not None:
        context.load_verify_locations(cadata=client_ca.decode("ascii"))
        context.verify_mode = ssl.CERT_REQUIRED
    return _Material(certificate, key, client_ca, context)


@contextmanager
def _as_file(data: bytes) -> Iterator[str]:
    """A path for what takes paths only: what is tried must be what was read, whatever happens to the file meanwhile."""
    handle = os.memfd_create("tls", os.MFD_CLOEXEC)
    try:
        os.write(handle, data)
        yield f"/proc/self/fd/{handle}"
    finally:
        os.close(handle)


def _no_password() -> str:
    raise ValueError("the private key is encrypted; keep it in the clear, with mode 0600")


def _refuse_ed25519(key: bytes) -> None:
    found = _PRIVATE_KEY.search(key)
    if found and _PKCS8_ED25519 in b64decode(found[1])[:16]:
        raise ValueError(
            "gRPC cannot use a certificate with an Ed25519 key; make one with ECDSA P-256"
        )


def _for_grpc(material: _Material) -> grpc.ServerCertificateConfiguration:
    pairs = [(material.key, material.certificate)]
    return grpc.ssl_server_certificate_configuration(pairs, material.client_ca)


def _reason(error: Exception) -> str:
    """What is wrong, without the content of any file."""
    if isinstance(error, ssl.SSLError):
        return f"certificate and private key do not fit together ({error.reason or 'not PEM'})"
    if isinstance(error, OSError):
        return f"{error.filename}: {error.strerror}"
    return str(error)
