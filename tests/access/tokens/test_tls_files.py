"""Files of TLS: which are taken, which are not, and what happens when they change."""

from __future__ import annotations

import ssl
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ed25519
from structlog.testing import capture_logs

from counterfoil.errors import StartupError
from counterfoil_server.directory import Settings
from counterfoil_server.tls import Tls, TlsFiles, open_tls

from .authority import Authority, Pair

AUTHORITY = Authority()
FIRST, SECOND = AUTHORITY.issue("first"), AUTHORITY.issue("second")


def files_of(folder: Path, pair: Pair = FIRST) -> TlsFiles:
    """The files of a pair."""
    return TlsFiles(*pair.write(folder, "tls"), None)


def test_new_files_are_taken_for_the_next_connection(tmp_path: Path) -> None:
    """A whole new pair gives another context; as long as nothing changes it is the same one."""
    tls = Tls(files_of(tmp_path))
    first = tls.context()

    assert tls.context() is first
    SECOND.write(tmp_path, "tls")
    assert tls.context() is not first


def test_half_a_pair_keeps_the_old_one_and_says_so_once(tmp_path: Path) -> None:
    """Between a new certificate and its key the old pair serves; the log has one line at error, and then one that all is well."""
    files = files_of(tmp_path)
    tls = Tls(files)
    first = tls.context()

    with capture_logs() as lines:
        files.certificate.write_bytes(SECOND.pem)
        assert [tls.context() for _ in range(3)] == [first] * 3
        files.key.write_bytes(SECOND.key_pem)
        assert tls.context() is not first

    assert [line["log_level"] for line in lines] == ["error", "info"]
    assert not any(SECOND.key_pem.decode().split("\n")[1] in str(line) for line in lines)


GARBAGE = {
    "empty": b"",
    "letters": b"x",
    "binary": b"\xff" * 100,
    "hollow key": b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n",
    "the other kind": b"",
}


@pytest.mark.parametrize("what", GARBAGE)
@pytest.mark.parametrize("name", ["tls.crt", "tls.key", "ca.crt"])
def test_garbage_keeps_the_old_files(tmp_path: Path, name: str, what: str) -> None:
    """Whatever stands in one of the files, the ones before stay in use, and the good ones are taken again later."""
    other = FIRST.pem if name == "tls.key" else FIRST.key_pem
    content = GARBAGE[what] or (other if what == "the other kind" else b"")
    ca = tmp_path / "ca.crt"
    ca.write_bytes(AUTHORITY.pair.pem)
    pair = files_of(tmp_path)
    tls = Tls(TlsFiles(pair.certificate, pair.key, ca))
    first, before = tls.context(), (tmp_path / name).read_bytes()

    (tmp_path / name).write_bytes(content)
    assert tls.context() is first
    (tmp_path / name).write_bytes(before)
    assert tls.context().verify_mode is ssl.CERT_REQUIRED


def test_a_file_that_is_gone_keeps_the_old_ones(tmp_path: Path) -> None:
    """A file that was removed, as it is while it is replaced, ends nothing."""
    files = files_of(tmp_path)
    tls = Tls(files)
    first = tls.context()

    files.key.unlink()

    assert tls.context() is first


@pytest.mark.parametrize(
    "fault", ["no key", "no certificate", "no authority", "another key", "locked key", "Ed25519"]
)
def test_a_server_does_not_start_on_files_that_do_not_fit(tmp_path: Path, fault: str) -> None:
    """At start what cannot be used is refused in one line that quotes nothing of a key."""
    pair = (
        AUTHORITY.issue("x", key=ed25519.Ed25519PrivateKey.generate())
        if fault == "Ed25519"
        else FIRST
    )
    files = files_of(tmp_path, pair)
    ca = tmp_path / "ca.crt" if fault == "no authority" else None
    if fault == "no key":
        files.key.unlink()
    if fault == "no certificate":
        files.certificate.unlink()
    if fault == "another key":
        files.key.write_bytes(SECOND.key_pem)
    if fault == "locked key":
        files.key.write_bytes(FIRST.locked_key_pem())

    with pytest.raises(StartupError, match="TLS cannot be set up") as caught:
        Tls(TlsFiles(files.certificate, files.key, ca))

    assert "\n" not in str(caught.value)
    assert "BEGIN" not in str(caught.value)


@pytest.mark.parametrize(
    "names", [{"tls_cert": "a"}, {"tls_key": "a"}, {"tls_client_ca": "a"}], ids=str
)
def test_settings_that_say_half_are_refused(tmp_path: Path, names: dict[str, str]) -> None:
    """A certificate without a key, a key without a certificate, and client certificates without TLS are no settings."""
    with pytest.raises(StartupError, match="tls_cert"):
        open_tls(Settings(tmp_path, "example.com/ledger", **names))  # type: ignore[arg-type]


def test_without_settings_there_is_no_tls(tmp_path: Path) -> None:
    """Empty settings mean plain text."""
    assert open_tls(Settings(tmp_path, "example.com/ledger")) is None


def test_a_key_that_others_can_read_is_told(tmp_path: Path) -> None:
    """A private key with rights for others is used, as some ways to hand one over leave no choice, with a warning."""
    _, key = FIRST.write(tmp_path, "tls")
    settings = Settings(tmp_path, "example.com/ledger", tls_cert="tls.crt", tls_key="tls.key")

    with capture_logs() as lines:
        assert open_tls(settings) is not None
        assert lines == []
        key.chmod(0o644)
        assert open_tls(settings) is not None

    assert [line["log_level"] for line in lines] == ["warning"]


def test_old_versions_of_tls_are_not_spoken(tmp_path: Path) -> None:
    """The oldest version is 1.2."""
    assert Tls(files_of(tmp_path)).context().minimum_version is ssl.TLSVersion.TLSv1_2
