"""How a client speaks TLS: whom it believes to be the ledger, and the certificate that it shows itself."""

import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import grpc

CA_VARIABLE: Final = "COUNTERFOIL_CA"
CERTIFICATE_VARIABLE: Final = "COUNTERFOIL_CLIENT_CERT"
KEY_VARIABLE: Final = "COUNTERFOIL_CLIENT_KEY"
"""The environment variables that say so, each the path of a PEM file."""

_URL: Final = re.compile(r"(https?)://([^\s/?#@]+)/?")
_PORTS: Final = {"https": "443", "http": "80"}


@dataclass(frozen=True, slots=True)
class Tls:
    """Paths of PEM files.

    Attributes:
        ca: certificate authorities, one of which must have signed the ledger's certificate; None for those that gRPC knows.
        certificate, key: what the client shows, both or neither, where the ledger knows callers by their certificates.
    """

    ca: Path | str | None = None
    certificate: Path | str | None = None
    key: Path | str | None = None

    @classmethod
    def from_environment(cls) -> "Tls":
        """What the three variables name; empty ones are as good as none."""
        names = (CA_VARIABLE, CERTIFICATE_VARIABLE, KEY_VARIABLE)
        return cls(*(os.environ.get(name) or None for name in names))

    def credentials(self) -> grpc.ChannelCredentials:
        """The same for gRPC. The files are read here, once.

        Raises:
            OSError: a file cannot be read.
            ValueError: a certificate comes without its key, or the other way round.
        """
        if (self.certificate is None) != (self.key is None):
            raise ValueError(
                "a client's certificate and its key go together; one of them is missing"
            )
        ca, key, certificate = (
            None if path is None else Path(path).read_bytes()
            for path in (self.ca, self.key, self.certificate)
        )
        return grpc.ssl_channel_credentials(ca, key, certificate)


def resolve_target(
    target: str, tls: Tls | None, credentials: grpc.ChannelCredentials | None
) -> tuple[str, grpc.ChannelCredentials | None]:
    """What gRPC is to dial, and with what; None for plain text.

    Args:
        target: an address; ``https://HOST:PORT`` asks for TLS, by the environment's files unless ``tls`` has others.
        credentials: taken as they are, before anything else.

    Raises:
        OSError, ValueError: see Tls.credentials; or the target is a URL with more than host and port.
    """
    scheme = ""
    if target.startswith(("https://", "http://")):
        found = _URL.fullmatch(target)
        if found is None:
            raise ValueError(f"{target} is not of the form https://HOST:PORT")
        scheme, target = found.groups()
        if not re.search(r":\d+$", target):
            target = f"{target}:{_PORTS[scheme]}"
    if credentials is not None:
        return target, credentials
    if tls is None and scheme == "https":
        tls = Tls.from_environment()
    return target, None if tls is None else tls.credentials()
