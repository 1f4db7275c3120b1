"""Client certificates over real sockets: whose they are, and which are good."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from functools import partial

import httpx
import pytest
from cryptography import x509

from counterfoil_client import LedgerError

from ...server.edge import event
from ..world import add_person, fresh, local_desk
from .tls_world import (
    STRANGER,
    Doors,
    add_name,
    certificate_of,
    local_add,
    open_doors,
    who,
)


@pytest.fixture(scope="module")
def mutual(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Doors]:
    """A ledger with TLS that asks callers for a certificate."""
    made = open_doors(tmp_path_factory.mktemp("mutual"), mutual=True)
    yield made
    made.ledger.close()


def test_a_certificate_stands_for_a_principal(mutual: Doors) -> None:
    """Names of all three kinds, once added, make the caller the principal that they stand for, until they are removed."""
    names = {
        "uri:spiffe://example.com/host": x509.UniformResourceIdentifier(
            "spiffe://example.com/host"
        ),
        "dns:host.example.com": x509.DNSName("HOST.example.com"),
        "email:host@example.com": x509.RFC822Name("host@example.com"),
    }
    for at, (name, shown) in enumerate(names.items()):
        client = certificate_of(mutual, shown)
        assert who(mutual.client("", client)) == "UNAUTHENTICATED"
        (add_name if at == 0 else local_add)(mutual, name, "host_a")
        assert who(mutual.client("", client)) == "host_a"
        with mutual.client(mutual.key, client) as operator:
            assert name in [each.name for each in operator.access.certificate_names("host_a")]
            operator.access.remove_certificate_name(name)
        assert who(mutual.client("", client)) == "UNAUTHENTICATED"


def test_what_a_certificate_may_do_is_what_its_principal_may(mutual: Doors) -> None:
    """A host with a certificate alone writes its own records, and nothing else; it gets no token, which is for keys."""
    client = certificate_of(mutual, x509.DNSName("writer.example.com"))
    local_add(mutual, "dns:writer.example.com", "host_a")

    with mutual.client("", client) as host:
        assert host.append_usage([event(fresh("by-certificate"))]).receipts
        for refused in (host.access.issue_token, lambda: list(host.access.principals())):
            with pytest.raises(LedgerError) as caught:
                refused()
            assert caught.value.code == "PERMISSION_DENIED"


def test_a_key_goes_before_a_certificate(mutual: Doors) -> None:
    """Who shows both is whom the key belongs to; a bad key is not made good by a certificate."""
    client = certificate_of(mutual, x509.DNSName("both.example.com"))
    local_add(mutual, "dns:both.example.com", "host_a")

    assert who(mutual.client(mutual.key, client)) == "operator"
    assert who(mutual.client("cf_live_nonsense", client)) == "UNAUTHENTICATED"


def test_names_of_two_principals_are_nobody(mutual: Doors) -> None:
    """A certificate whose names stand for several principals is refused; one name for two cannot be had."""
    both = (x509.DNSName("one.example.com"), x509.DNSName("two.example.com"))
    client = certificate_of(mutual, *both)
    local_add(mutual, "dns:one.example.com", "host_a")
    assert who(mutual.client("", client)) == "host_a"

    local_add(mutual, "dns:two.example.com", "operator")

    assert who(mutual.client("", client)) == "UNAUTHENTICATED"
    with mutual.client(mutual.key, client) as operator, pytest.raises(LedgerError) as caught:
        operator.access.add_certificate_name("dns:two.example.com", "host_a")
    assert caught.value.reason == "ID_TAKEN"


def test_a_principal_that_is_locked_out_has_no_certificate(mutual: Doors) -> None:
    """Locking a principal out counts for its certificates at once, on a connection that is open, and on a stream."""
    with local_desk(mutual.ledger.directory) as desk:
        add_person(desk, "auditor", "auditor")
    client = certificate_of(mutual, x509.DNSName("auditor.example.com"))
    local_add(mutual, "dns:auditor.example.com", "auditor")
    with mutual.client("", client) as auditor, mutual.client(mutual.key, client) as operator:
        stream = iter(auditor.tail(0))
        next(stream)

        operator.access.update_principal("auditor", disabled=True)
        operator.append_usage([event(fresh("after"))])

        with pytest.raises(LedgerError) as caught:
            list(stream)
        assert caught.value.code == "UNAUTHENTICATED"
        with pytest.raises(LedgerError) as caught:
            auditor.access.who_am_i()
        assert caught.value.code == "UNAUTHENTICATED"


@pytest.mark.parametrize("fault", ["none", "another authority", "expired"])
def test_a_certificate_that_is_not_good_ends_the_handshake(mutual: Doors, fault: str) -> None:
    """Without a certificate, with a stranger's, and with an expired one nobody gets as far as a call, even with a key."""
    name = x509.DNSName("known.example.com")
    local_add(mutual, "dns:known.example.com", "host_a")
    client = {
        "none": "",
        "another authority": certificate_of(mutual, name, issuer=STRANGER),
        "expired": certificate_of(mutual, name, days=-1),
    }[fault]

    assert who(mutual.client(mutual.key, client)) == "UNAVAILABLE"
    context = ssl.create_default_context(cafile=str(mutual.folder / "ca.crt"))
    if client:
        context.load_cert_chain(mutual.folder / f"{client}.crt", mutual.folder / f"{client}.key")
    with pytest.raises(httpx.TransportError):
        httpx.get(f"{mutual.http_url}/.well-known/jwks.json", verify=context, timeout=60)


@pytest.mark.parametrize(
    "name",
    [
        "",
        "host.example.com",
        "dns:",
        "dns:HOST.example.com",
        "ip:127.0.0.1",
        "uri:a b",
        "dns:" + "x" * 500,
        "dns:h\u00f6st",
    ],
)
def test_what_no_certificate_can_be_called_is_refused(mutual: Doors, name: str) -> None:
    """A name without its kind, of another kind, in capitals, too long or not in ASCII is refused, as is removing it."""
    client = certificate_of(mutual, x509.DNSName("any.example.com"))
    with mutual.client(mutual.key, client) as operator:
        for call in (
            partial(operator.access.add_certificate_name, name, "host_a"),
            partial(operator.access.remove_certificate_name, name),
        ):
            with pytest.raises(LedgerError) as caught:
                call()
            assert (caught.value.code, caught.value.reason) == (
                "INVALID_ARGUMENT",
                "FIELD_MALFORMED",
            )


def test_names_of_nobody_are_told_as_not_found(mutual: Doors) -> None:
    """A name cannot stand for a principal that is not there, and cannot be removed where it is not."""
    client = certificate_of(mutual, x509.DNSName("some.example.com"))
    with mutual.client(mutual.key, client) as operator:
        for call in (
            partial(operator.access.add_certificate_name, "dns:some.example.com", "nobody"),
            partial(operator.access.remove_certificate_name, "dns:some.example.com"),
        ):
            with pytest.raises(LedgerError) as caught:
                call()
            assert caught.value.code == "NOT_FOUND"
