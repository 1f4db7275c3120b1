"""A ledger whose key is in a device: SoftHSM, which speaks PKCS#11 as an HSM does. Skipped where it is not installed."""

from __future__ import annotations

import os
import shutil
import subprocess
import threading
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from nacl.bindings import crypto_sign_open

from counterfoil.errors import OutcomeUnknown, SigningFailed, StartupError
from counterfoil.receipt import verify_receipt
from counterfoil_client import LedgerClient, LedgerError
from counterfoil_server.signing_keys import open_key
from counterfoil_server.signing_keys.patience import Patience

from ..log.bench import ORIGIN, bench
from ..support.ledger_process import LedgerProcess, run_cli, run_json
from .events import send

PIN = "pin-8362947"
_MODULES = (
    "/usr/lib/softhsm/libsofthsm2.so",
    "/usr/lib64/softhsm/libsofthsm2.so",
    "/usr/local/lib/softhsm/libsofthsm2.so",
)


def find_module() -> str:
    """The library of SoftHSM, or a visible skip."""
    pytest.importorskip(
        "pkcs11", reason="python-pkcs11 is missing: keys in a device were not tried"
    )
    found = next((path for path in _MODULES if Path(path).exists()), None)
    if found is None or shutil.which("softhsm2-util") is None:
        pytest.skip("SoftHSM is missing (Debian: softhsm2): keys in a device were not tried")
    return found


class Device:
    """A token of SoftHSM, with three keys."""

    def __init__(self, folder: Path, module: str) -> None:
        self.tokens = folder / "tokens"
        self.tokens.mkdir()
        self.module = module
        config = folder / "softhsm2.conf"
        config.write_text(f"directories.tokendir = {self.tokens}\nlog.level = ERROR\n")
        self.environment = {"SOFTHSM2_CONF": str(config), "A_PIN": PIN}
        pins = ("--pin", PIN, "--so-pin", "so-77")
        command = ["softhsm2-util", "--init-token", "--free", "--label", "my token", *pins]
        subprocess.run(
            command, env={**os.environ, **self.environment}, check=True, capture_output=True
        )

    def uri(self, name: str = "first", source: str = "env:A_PIN", token: str = "my%20token") -> str:
        """The reference of a key."""
        return f"pkcs11:token={token};object={name}?module-path={self.module}&pin-source={source}"


@pytest.fixture(scope="module")
def device(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Device]:
    """The device, plugged into this process and those that it starts."""
    module = find_module()
    made = Device(tmp_path_factory.mktemp("device"), module)
    with pytest.MonkeyPatch.context() as patch:
        for name, value in made.environment.items():
            patch.setenv(name, value)
        make_keys(module, "first", "second", "other")
        yield made


def make_keys(module: str, *names: str) -> None:
    """Ed25519 keys in the token, and one of another kind."""
    import pkcs11
    from pkcs11.util.ec import encode_named_curve_parameters

    token = pkcs11.lib(module).get_token(token_label="my token")
    curve = encode_named_curve_parameters("1.3.101.112")
    with token.open(user_pin=PIN, rw=True) as session:
        for number, name in enumerate(names):
            parameters = session.create_domain_parameters(
                pkcs11.KeyType.EC_EDWARDS, {pkcs11.Attribute.EC_PARAMS: curve}, local=True
            )
            parameters.generate_keypair(
                mechanism=pkcs11.Mechanism.EC_EDWARDS_KEY_PAIR_GEN,
                store=True,
                label=name,
                id=bytes([number]),
            )
        session.generate_keypair(pkcs11.KeyType.RSA, 2048, store=True, label="rsa")


def test_a_signature_of_the_device_is_ed25519(device: Device, tmp_path: Path) -> None:
    """libsodium verifies what the device signed, and the same message gives the same signature."""
    opened = open_key(device.uri(), tmp_path, ORIGIN)
    signature = opened.sign(b"message")

    assert crypto_sign_open(signature + b"message", opened.verifier.public_key) == b"message"
    assert opened.sign(b"message") == signature
    assert (opened.name, len(signature)) == (ORIGIN, 64)
    assert PIN not in repr(opened)


def test_a_key_is_named_by_its_id_too(device: Device, tmp_path: Path) -> None:
    """Label, id and both name the same key; two keys of one token are open at a time."""
    by_label = open_key(device.uri("second"), tmp_path, ORIGIN)
    by_id = open_key(device.uri().replace("object=first", "id=%01"), tmp_path, ORIGIN)
    by_both = open_key(device.uri("second;id=%01"), tmp_path, ORIGIN)

    assert by_label.verifier == by_id.verifier == by_both.verifier
    assert open_key(device.uri(), tmp_path, ORIGIN).verifier != by_label.verifier


def test_a_pin_in_a_file_is_read(device: Device, tmp_path: Path) -> None:
    """The file may end in a newline, and must not be open to others."""
    pin = tmp_path / "pin"
    pin.write_text(PIN + "\n")
    pin.chmod(0o600)
    assert open_key(device.uri(source="file:pin"), tmp_path, ORIGIN).name == ORIGIN

    pin.chmod(0o644)
    with pytest.raises(StartupError, match="read by others"):
        open_key(device.uri(source="file:pin"), tmp_path, ORIGIN)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (("object=first", "object=none"), "NoSuchKey"),
        (("object=first", "object=rsa"), "NoSuchKey"),
        (("object=first", "object=first;id=%01"), "NoSuchKey"),
        (("token=my%20token", "token=none"), "NoSuchToken"),
        (("softhsm", "nowhere"), "failed"),
        (("env:A_PIN", "env:NO_SUCH_PIN"), "NO_SUCH_PIN is not set"),
        (("env:A_PIN", "file:nowhere"), "cannot be read"),
    ],
)
def test_a_device_that_does_not_have_it_is_refused(
    device: Device, tmp_path: Path, change: tuple[str, str], told: str
) -> None:
    """No such key, token, library or PIN: each is one line, without the PIN."""
    with pytest.raises(StartupError) as caught:
        open_key(device.uri().replace(*change), tmp_path, ORIGIN)

    shown = "".join(traceback.format_exception(caught.value))
    assert told in str(caught.value)
    assert "\n" not in str(caught.value)
    assert PIN not in shown


def test_a_wrong_pin_is_refused_and_never_shown(device: Device, tmp_path: Path) -> None:
    """`counterfoil init` with a wrong PIN ends with one line, and neither PIN is in it."""
    wrong = "wrong-5551234"
    arguments = ("init", tmp_path / "ledger", "--origin", ORIGIN, "--signing-key", device.uri())
    done = run_cli(*arguments, env={**os.environ, "A_PIN": wrong})

    assert done.returncode == 2
    assert "PinIncorrect" in done.stderr
    assert wrong not in done.stderr + done.stdout
    assert not (tmp_path / "ledger").exists()


def test_a_ledger_signs_with_a_device(device: Device, tmp_path: Path) -> None:
    """Made on a device, served by two workers, rotated to a file and to the device again; the PIN is nowhere."""
    ledger = LedgerProcess(tmp_path / "ledger", options=("--signing-key", device.uri()))
    try:
        ledger.start("--workers", "2")
        with LedgerClient(ledger.address, trust=ledger.vkey) as client:
            send(client, "a")
            assert verify_receipt(client.receipt("1", "jwt"), ledger.vkey).index == 1
        assert ledger.stop() == 0
        run_json("signing-key", "rotate", ledger.directory, "--overlap", "1")
        run_json("signing-key", "rotate", ledger.directory, "--new-key", device.uri("second"))
        ledger.start()
        with LedgerClient(ledger.address, trust=ledger.vkey) as client:
            send(client, "b", "c")
        assert ledger.stop() == 0
        assert run_json("fsck", ledger.directory)["ok"]
        refused = run_cli("backup", ledger.directory, tmp_path / "backup", "--with-key")
        assert "not in a file" in refused.stderr
        assert run_json("drill", ledger.directory)["ok"]
    finally:
        ledger.close()
    written = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert ledger.directory / "signing_keys.toml" in written
    assert [path for path in written if PIN.encode() in path.read_bytes()] == []


def test_a_device_that_is_gone_stops_the_server(device: Device, tmp_path: Path) -> None:
    """When the token goes away under a running server, the write is not answered, and the server ends with 70."""
    tokens = tmp_path / "tokens"
    shutil.copytree(device.tokens, tokens)
    config = tmp_path / "softhsm2.conf"
    config.write_text(f"directories.tokendir = {tokens}\n")
    environment = {**device.environment, "SOFTHSM2_CONF": str(config)}
    ledger = LedgerProcess(tmp_path / "ledger", options=("--signing-key", device.uri()))
    try:
        ledger.start(env=environment)
        with LedgerClient(ledger.address, trust=ledger.vkey) as client:
            send(client, "a")
            for path in tokens.rglob("*.object"):
                path.unlink()
            with pytest.raises(LedgerError) as caught:
                send(client, "b")
        assert caught.value.code == "UNAVAILABLE"  # or gone already, when gRPC tried again
        assert ledger.wait() == 70
        assert PIN not in ledger.log
        ledger.start()
        with LedgerClient(ledger.address, trust=ledger.vkey) as client:
            send(client, "b")
    finally:
        ledger.close()


class Unplugged:
    """A signing key whose device does not answer."""

    def __init__(self, signer: Any, patience: Patience) -> None:
        self.verifier, self.name, self.key_type = signer.verifier, signer.name, signer.key_type
        self._signer, self._patience = signer, patience
        self.hung = threading.Event()
        self.unplugged = False

    def sign(self, message: bytes) -> bytes:
        if self.unplugged:
            self._patience.call(self.hung.wait)
        return bytes(self._signer.sign(message))


def test_a_device_that_hangs_ends_the_log(tmp_path: Path) -> None:
    """A signature that does not come is a failed commit: nothing more is signed, also when the device is back."""
    with bench("memory:", tmp_path) as log:
        key = Unplugged(log.signer, Patience("the device", 0.01))
        log.signer = key  # type: ignore[assignment]
        log.start()
        log.add(log.usage("a"))
        key.unplugged = True
        with pytest.raises(OutcomeUnknown) as caught:
            log.append(log.usage("b"))
        assert isinstance(caught.value.__cause__, SigningFailed)
        key.unplugged = False
        key.hung.set()
        with pytest.raises(OutcomeUnknown):
            log.append(log.usage("c"))
        log.start()
        assert log.state().size == 2
        assert log.add(log.usage("b")).head is not None


def test_patience_is_lost_once() -> None:
    """After the first failure the device is not asked again; its own words are never told."""
    patience, asked = Patience("the device", 60.0), []

    def fail() -> None:
        asked.append(1)
        raise ValueError(f"the PIN was {PIN}")

    for _ in range(2):
        with pytest.raises(SigningFailed) as caught:
            patience.call(fail)
        assert PIN not in "".join(traceback.format_exception(caught.value))
        assert "ValueError" in str(caught.value)
    assert asked == [1]
    assert Patience("another", 60.0).call(lambda: 7) == 7
