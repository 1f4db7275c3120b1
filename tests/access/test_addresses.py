"""What is this machine's own address, and what a peer's address is."""

from __future__ import annotations

import pytest

from counterfoil.errors import Unauthenticated
from counterfoil_server.access.door import is_loopback
from counterfoil_server.access.guard import Shown
from counterfoil_server.rpc.shown import read_peer, read_shown


@pytest.mark.parametrize(
    "address", ["127.0.0.1:7070", "127.9.9.9:0", "[::1]:7070", "localhost:7070"]
)
def test_loopback_addresses_are_known(address: str) -> None:
    """A ledger without keys may listen there."""
    assert is_loopback(address)


@pytest.mark.parametrize(
    "address",
    [
        *("0.0.0.0:7070", "[::]:7070", "192.0.2.1:7070", "[2001:db8::1]:1", "10.0.0.1:1"),
        *(
            "localhost.example:1",
            "LOCALHOST.:1",
            "*:7070",
            ":7070",
            "127.0.0.1.example:1",
            "127.1:1",
        ),
        *("[::ffff:192.0.2.1]:1", "0:7070", "2130706433:1"),
    ],
)
def test_other_addresses_are_not(address: str) -> None:
    """Whatever might be reached from elsewhere, or is not plainly this machine, is not loopback."""
    assert not is_loopback(address)


@pytest.mark.parametrize(
    ("told", "peer"),
    [
        ("ipv4:192.0.2.1:443", "192.0.2.1"),
        ("ipv6:%5B2001:db8::1%5D:443", "2001:db8::1"),
        ("ipv6:[::1]:1", "::1"),
        ("unix:/run/ledger", "unix"),
        ("", ""),
    ],
)
def test_peers_lose_their_ports(told: str, peer: str) -> None:
    """An address in gRPC's words is that address alone."""
    assert read_peer(told) == peer


class Context:
    """What gRPC tells of a call."""

    def __init__(self, *metadata: tuple[str, str]) -> None:
        self._metadata = metadata

    def invocation_metadata(self) -> tuple[tuple[str, str], ...]:
        """Its headers."""
        return self._metadata

    def peer(self) -> str:
        """Where it comes from."""
        return "ipv4:192.0.2.1:443"


def test_a_call_may_show_nothing() -> None:
    """Without a credential nobody is told from anybody; other headers are none."""
    assert read_shown(Context(("user-agent", "cf_live_x"))) == Shown("", "192.0.2.1")


@pytest.mark.parametrize("word", ["Bearer", "bearer", "BEARER"])
def test_bearer_is_read_in_any_case(word: str) -> None:
    """The scheme's name has no case (RFC 9110)."""
    assert read_shown(Context(("authorization", f"{word} cf_x"))).credential == "cf_x"


@pytest.mark.parametrize(
    "metadata",
    [
        [("authorization", "Basic cf_x")],
        [("authorization", "cf_x")],
        [("authorization", "")],
        [("authorization", "Bearer cf_x"), ("authorization", "Bearer cf_y")],
        [("authorization", "Bearer cf_x"), ("x-api-key", "cf_x")],
        [("x-api-key", "cf_x"), ("x-api-key", "cf_x")],
    ],
)
def test_other_forms_are_refused(metadata: list[tuple[str, str]]) -> None:
    """Another scheme, or several credentials, are refused without being quoted."""
    with pytest.raises(Unauthenticated) as caught:
        read_shown(Context(*metadata))

    assert "cf_" not in str(caught.value)
