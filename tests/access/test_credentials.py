"""Whom a key belongs to: good ones, and every way in which one is not good, in one process."""

from __future__ import annotations

import base64
import hmac
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from counterfoil.errors import IntegrityError, NotFound, StartupError, Unauthenticated
from counterfoil.store import Transaction
from counterfoil.v1.access_service_pb2 import (
    ROLE_HOST,
    ApiKey,
    AuditEvent,
    CreateApiKeyRequest,
    CreatePrincipalRequest,
    Principal,
    RevokeApiKeyRequest,
    RotateApiKeyRequest,
    UpdatePrincipalRequest,
)
from counterfoil_server.access import desk
from counterfoil_server.access.credentials import ApiKeys
from counterfoil_server.access.desk import OVERLAP_US, Desk
from counterfoil_server.access.keys import make_key
from counterfoil_server.access.ops import OpsStore, put_key, read_key

ORIGIN = "keys.example/ledger"
NOW_US = 1_800_000_000_000_000
HOUR_US = 3_600_000_000


class Office:
    """A store of keys with its desk, and a clock to turn."""

    def __init__(self, folder: Path, environment: str = "live") -> None:
        self.ops = OpsStore(folder / "ops", ORIGIN, create=True)
        self.desk = Desk(self.ops, environment)
        self.keys = ApiKeys(self.ops, environment)
        principal = Principal(principal_id="acme", role=ROLE_HOST, tenant="host_acme")
        self.desk.create_principal(CreatePrincipalRequest(principal=principal))

    def make(self, **fields: Any) -> tuple[str, str]:
        """A key of acme: its text and its id."""
        made = self.desk.create_api_key(CreateApiKeyRequest(principal_id="acme", **fields))
        return made.api_key, made.key.key_id

    def refused(self, text: str, now_us: int = NOW_US, peer: str = "192.0.2.1") -> str:
        """How a credential is refused."""
        with pytest.raises(Unauthenticated) as caught:
            self.keys.identify(text).check_usable(now_us, peer)
        return str(caught.value)

    def accepted(self, text: str, now_us: int = NOW_US, peer: str = "192.0.2.1") -> None:
        """A credential must be good."""
        self.keys.identify(text).check_usable(now_us, peer)


@pytest.fixture
def office(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Office]:
    """An office that is open at NOW_US."""
    monkeypatch.setattr(desk, "now_us", lambda: NOW_US)
    made = Office(tmp_path)
    with closing(made.ops):
        yield made


def test_a_key_is_its_principal(office: Office) -> None:
    """A good key says principal, role, tenant and its own id, the first time and from memory."""
    text, key_id = office.make()

    for _ in range(2):
        found = office.keys.identify(text)
        assert (found.principal_id, found.role, found.tenant, found.key_id) == (
            *("acme", ROLE_HOST, "host_acme"),
            key_id,
        )


def test_a_key_that_nobody_made_is_unknown(office: Office) -> None:
    """A well-formed key that is not in the store is refused, in the words for one with a wrong secret."""
    text, _ = office.make()
    stranger = make_key("live", b"12345678", b"s" * 32)
    draw = _draw_of(text)
    forged = make_key("live", draw, b"s" * 32)
    assert forged.key_id == text.split("_")[2]

    assert office.refused(stranger.text) == office.refused(forged.text)


def plant(office: Office, put: Callable[[Transaction], None]) -> None:
    """Put something into the store that the desk would not."""

    def run(transaction: Transaction) -> tuple[None, AuditEvent]:
        put(transaction)
        return None, AuditEvent(action="planted")

    office.ops.change(run)


def _draw_of(text: str) -> bytes:
    """Eight bytes that give a key the id of another one."""
    return base64.b32decode((text.split("_")[2] + "a").upper() + "===")


def test_a_revoked_key_is_refused_at_once_though_it_is_remembered(office: Office) -> None:
    """Revocation counts for the very next call of a key that was good a moment ago."""
    text, key_id = office.make()
    office.accepted(text)
    office.desk.revoke_api_key(RevokeApiKeyRequest(key_id=key_id))

    assert "revoked" in office.refused(text)


def test_a_revocation_by_another_process_counts_at_once(office: Office, tmp_path: Path) -> None:
    """What another environment on the same file commits is seen by the next call."""
    text, key_id = office.make()
    office.accepted(text)
    code = (
        "import sys; from pathlib import Path; "
        "from counterfoil_server.access.ops import OpsStore; "
        "from counterfoil_server.access.desk import Desk; "
        "from counterfoil.v1.access_service_pb2 import RevokeApiKeyRequest; "
        "Desk(OpsStore(Path(sys.argv[1]), sys.argv[2]), 'live')"
        ".revoke_api_key(RevokeApiKeyRequest(key_id=sys.argv[3]))"
    )
    subprocess.run([sys.executable, "-c", code, tmp_path / "ops", ORIGIN, key_id], check=True)

    assert "revoked" in office.refused(text)


def test_a_key_ends_at_its_time(office: Office) -> None:
    """A key is good until the microsecond before it expires, from memory too."""
    text, _ = office.make(expires_time_us=NOW_US + HOUR_US)
    office.accepted(text, NOW_US + HOUR_US - 1)

    assert "expired" in office.refused(text, NOW_US + HOUR_US)
    assert "expired" in office.refused(text, NOW_US + 10 * HOUR_US)


@pytest.mark.parametrize(
    ("peer", "good"),
    [
        ("192.0.2.1", True),
        ("192.0.2.255", True),
        ("::ffff:192.0.2.7", True),
        ("2001:db8::1", True),
        ("2001:db8::1%eth0", True),
        ("192.0.3.0", False),
        ("2001:db9::1", False),
        ("::1", False),
        ("unix", False),
        ("", False),
        ("192.0.2.1.example", False),
    ],
)
def test_a_key_is_good_in_its_networks_only(office: Office, peer: str, good: bool) -> None:
    """Addresses outside the ranges, and what is no address, are refused; mapped ones count as what they are."""
    text, _ = office.make(ip_ranges=["192.0.2.0/24", "2001:db8::/32"])

    if good:
        office.accepted(text, peer=peer)
    else:
        assert "address" in office.refused(text, peer=peer)


def test_a_locked_out_principal_has_no_good_key(office: Office) -> None:
    """Disabling refuses all keys of a principal at once, enabling lets them in again."""
    text, _ = office.make()
    office.accepted(text)
    office.desk.update_principal(UpdatePrincipalRequest(principal_id="acme", disabled=True))
    assert "locked out" in office.refused(text)

    office.desk.update_principal(UpdatePrincipalRequest(principal_id="acme", disabled=False))
    office.accepted(text)


def test_a_sandbox_key_is_refused_by_a_live_ledger(office: Office, tmp_path: Path) -> None:
    """Even one whose hash is in the store, as after a mistake in a restore, is of the other environment."""
    (tmp_path / "sandbox").mkdir()
    with closing(Office(tmp_path / "sandbox", "sandbox").ops) as ops:
        made = Desk(ops, "sandbox").create_api_key(CreateApiKeyRequest(principal_id="acme"))
        kept = ops.read(lambda snapshot: read_key(snapshot, made.key.key_id))
    assert kept is not None

    plant(office, lambda transaction: put_key(transaction, *kept))
    assert "sandbox key" in office.refused(made.api_key)


def test_a_key_of_another_ledger_is_unknown(office: Office, tmp_path: Path) -> None:
    """A key that is good elsewhere is a stranger here."""
    (tmp_path / "other").mkdir()
    other = Office(tmp_path / "other")
    with closing(other.ops):
        text, _ = other.make()
        other.accepted(text)

    assert office.refused(text) == "the key is not known here"


def test_a_store_of_another_ledger_is_refused(office: Office, tmp_path: Path) -> None:
    """The operational store of one ledger does not open for another: its keys would be let in."""
    office.ops.close()
    with pytest.raises(StartupError, match="not the operational store"):
        OpsStore(tmp_path / "ops", "another.example/ledger")


def test_rotation_overlaps_and_keeps_the_bounds(office: Office) -> None:
    """Both keys are good until the old one ends; the new one has its networks, its length of life and its note."""
    old, old_id = office.make(
        expires_time_us=NOW_US + 100 * HOUR_US, ip_ranges=["192.0.2.0/24"], note="for tests"
    )
    made = office.desk.rotate_api_key(RotateApiKeyRequest(key_id=old_id))

    office.accepted(old, NOW_US + OVERLAP_US - 1)
    assert "expired" in office.refused(old, NOW_US + OVERLAP_US)
    office.accepted(made.api_key, NOW_US + OVERLAP_US)
    assert "address" in office.refused(made.api_key, peer="198.51.100.1")
    assert made.key.expires_time_us == NOW_US + 100 * HOUR_US
    assert made.key.note == "for tests"


def test_rotation_never_lengthens_a_life(office: Office) -> None:
    """An old key that ends before the overlap does still ends when it would have."""
    old, old_id = office.make(expires_time_us=NOW_US + HOUR_US)
    office.desk.rotate_api_key(RotateApiKeyRequest(key_id=old_id))

    assert "expired" in office.refused(old, NOW_US + HOUR_US)


@pytest.mark.parametrize("how", ["revoked", "expired"])
def test_a_key_that_has_ended_cannot_be_rotated(
    office: Office, how: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither a revoked nor an expired key comes back to life as a new one."""
    _, key_id = office.make(expires_time_us=NOW_US + HOUR_US)
    if how == "revoked":
        office.desk.revoke_api_key(RevokeApiKeyRequest(key_id=key_id))
    else:
        monkeypatch.setattr(desk, "now_us", lambda: NOW_US + HOUR_US)

    with pytest.raises(Exception, match="has ended"):
        office.desk.rotate_api_key(RotateApiKeyRequest(key_id=key_id))


def test_a_revoked_key_stays_revoked_at_its_first_time(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Revoking twice changes nothing."""
    _, key_id = office.make()
    first = office.desk.revoke_api_key(RevokeApiKeyRequest(key_id=key_id)).key
    monkeypatch.setattr(desk, "now_us", lambda: NOW_US + HOUR_US)
    second = office.desk.revoke_api_key(RevokeApiKeyRequest(key_id=key_id)).key

    assert first.revoked_time_us == second.revoked_time_us == NOW_US


@pytest.mark.parametrize("kind", ["good", "wrong secret", "unknown"])
def test_secrets_are_compared_in_constant_time(
    office: Office, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    """Good, wrong and unknown keys all come down to one comparison that does not tell where it failed."""
    text, _ = office.make()
    shown = {
        "good": text,
        "wrong secret": make_key("live", _draw_of(text), b"s" * 32).text,
        "unknown": make_key("live", b"12345678", b"s" * 32).text,
    }[kind]
    compared: list[tuple[int, int]] = []
    compare = hmac.compare_digest

    def watch(one: bytes, two: bytes) -> bool:
        compared.append((len(one), len(two)))
        return compare(one, two)

    monkeypatch.setattr(hmac, "compare_digest", watch)
    if kind == "good":
        office.accepted(shown)
    else:
        office.refused(shown)

    assert compared == [(32, 32)]


def test_unknown_principals_and_keys_are_not_found(office: Office) -> None:
    """The desk says so when it is asked for what is not there."""
    with pytest.raises(NotFound):
        office.desk.create_api_key(CreateApiKeyRequest(principal_id="nobody"))
    with pytest.raises(NotFound):
        office.desk.revoke_api_key(RevokeApiKeyRequest(key_id="a" * 12))
    with pytest.raises(NotFound):
        office.desk.update_principal(UpdatePrincipalRequest(principal_id="nobody"))


def test_a_rotted_row_lets_nobody_in(office: Office) -> None:
    """A bit that turned in a stored key or principal is told before anybody is let in by it."""
    text, key_id = office.make()
    key = office.ops.store
    with key.snapshot() as snapshot:
        stored = snapshot.get("key", key_id.encode())
        assert stored is not None
        value = bytearray(stored)
    value[40] ^= 1
    plant(office, lambda transaction: transaction.put("key", key_id.encode(), bytes(value)))
    with pytest.raises(IntegrityError):
        office.keys.identify(text)


def test_the_store_holds_no_key(office: Office) -> None:
    """What is kept of a key is its hash and what is no secret."""
    text, key_id = office.make(note="n")
    found = office.ops.read(lambda snapshot: read_key(snapshot, key_id))

    assert found is not None
    hashed, kept = found
    assert isinstance(kept, ApiKey)
    assert text.encode() not in hashed + kept.SerializeToString()
    assert text.split("_")[3].encode() not in hashed + kept.SerializeToString()
