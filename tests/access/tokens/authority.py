"""Certificates for tests, made on the spot: an authority and what it signs, in PEM."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.x509.oid import NameOID

PrivateKey = ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey
LOCALHOST = (x509.DNSName("localhost"),)


@dataclass(frozen=True)
class Pair:
    """A certificate and its private key."""

    certificate: x509.Certificate
    key: PrivateKey

    @property
    def pem(self) -> bytes:
        """The certificate."""
        return self.certificate.public_bytes(serialization.Encoding.PEM)

    @property
    def key_pem(self) -> bytes:
        """The private key, in the clear."""
        return self.key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )

    def locked_key_pem(self) -> bytes:
        """The private key, encrypted."""
        return self.key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.BestAvailableEncryption(b"secret"),
        )

    def write(self, folder: Path, name: str) -> tuple[Path, Path]:
        """Write both as ``NAME.crt`` and ``NAME.key``, over what is there."""
        certificate, key = folder / f"{name}.crt", folder / f"{name}.key"
        certificate.write_bytes(self.pem)
        key.touch(mode=0o600)
        key.write_bytes(self.key_pem)
        return certificate, key


class Authority:
    """A certificate authority."""

    def __init__(self, name: str = "authority.example") -> None:
        self.pair = _sign(name, None, (), days=30, key=ec.generate_private_key(ec.SECP256R1()))

    def issue(
        self,
        name: str,
        names: Sequence[x509.GeneralName] = LOCALHOST,
        *,
        days: int = 7,
        key: PrivateKey | None = None,
    ) -> Pair:
        """A certificate with these alternative names; expired when ``days`` is negative."""
        return _sign(
            name, self.pair, names, days=days, key=key or ec.generate_private_key(ec.SECP256R1())
        )


def _sign(
    name: str, issuer: Pair | None, names: Sequence[x509.GeneralName], *, days: int, key: PrivateKey
) -> Pair:
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer.certificate.subject if issuer else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=30))
        .not_valid_after(now + timedelta(days=days))
        .add_extension(x509.BasicConstraints(ca=issuer is None, path_length=None), critical=True)
    )
    if names:
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
    signing = issuer.key if issuer else key
    assert isinstance(signing, ec.EllipticCurvePrivateKey)
    return Pair(builder.sign(signing, hashes.SHA256()), key)
