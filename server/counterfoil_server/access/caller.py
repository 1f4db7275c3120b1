"""Who calls, and what of the log is theirs."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from typing import Any, Final, NamedTuple, TypeAlias

from counterfoil.entry import parse_record
from counterfoil.errors import NotFound, OutOfRange, PermissionDenied, Unauthenticated
from counterfoil.log import Entry
from counterfoil.log.read import resolve_id
from counterfoil.log.registry.read import find_owner
from counterfoil.record import ASSET, KEY_CHANGE, LICENSE, USAGE
from counterfoil.store import Snapshot
from counterfoil.v1.access_service_pb2 import ROLE_CREATOR, ROLE_OPERATOR, Quotas, Role
from counterfoil_server.access.quota import Allowance
from counterfoil_server.access.table import Scope

Network: TypeAlias = IPv4Network | IPv6Network
NOT_YOURS: Final = "there is no such record, or it is not yours to see"
"""One answer for what is not there and what is somebody else's."""


@dataclass(frozen=True, slots=True)
class Identity:
    """Somebody whom a credential belongs to.

    Attributes:
        principal_id: empty on a ledger without keys.
        tenant: of a host the submitter of its records, of a creator its creator_id.
        key_id: the API key behind the credential; empty when there is none.
        expires_time_us: when the credential ends, microseconds since 1970; zero for never.
        networks: where it may be used from; none for anywhere.
        quotas: how much the principal may ask for; None for no bounds.
        by_token: the credential is an access token, and not the key itself.
    """

    principal_id: str
    role: Role
    tenant: str = ""
    key_id: str = ""
    expires_time_us: int = 0
    networks: tuple[Network, ...] = ()
    quotas: Quotas | None = None
    by_token: bool = False

    def check_usable(self, now_us: int, peer: str) -> None:
        """Check what may have changed since the credential was looked up: the time, and where the call comes from.

        Args:
            peer: an address without a port.

        Raises:
            Unauthenticated: the credential has expired, or may not be used from there.
        """
        if 0 < self.expires_time_us <= now_us:
            raise Unauthenticated("the key has expired", key_id=self.key_id)
        if self.networks and not _is_inside(peer, self.networks):
            raise Unauthenticated("the key may not be used from this address", key_id=self.key_id)


OPEN: Final = Identity("", ROLE_OPERATOR)
"""Whoever calls a ledger that has no keys."""


class Caller(NamedTuple):
    """A call that was let in.

    Attributes:
        identity: who makes it. scope: how much of what the method is about that role sees.
        allowance: what is left of the principal's quotas. peer: the address that it comes from, without a port.
    """

    identity: Identity
    scope: Scope
    allowance: Allowance
    peer: str

    @property
    def tenant(self) -> str | None:
        """Whose records the call is bound to; None when it sees all."""
        return None if self.scope is Scope.ALL else self.identity.tenant

    @property
    def creator(self) -> str | None:
        """The creator whom the call is bound to, if it is."""
        return self.identity.tenant if self._is_creator else None

    @property
    def submitter(self) -> str | None:
        """The submitter whom the call is bound to, if it is."""
        bound = self.scope is Scope.OWN and not self._is_creator
        return self.identity.tenant if bound else None

    @property
    def _is_creator(self) -> bool:
        return self.scope is Scope.OWN and self.identity.role == ROLE_CREATOR

    def require_submitter(self, submitter: str) -> None:
        """Refuse a record in somebody else's name, before anything is looked up.

        Raises:
            PermissionDenied: it is.
        """
        if self.tenant is not None and submitter != self.tenant:
            raise PermissionDenied("you may act under your own submitter name only")

    def find(self, snapshot: Snapshot, look: Callable[[], Entry]) -> Entry:
        """What ``look`` finds, if the caller may see it.

        Raises:
            PermissionDenied: the caller is bound to its own records, and this is none of them or not there.
            NotFound, OutOfRange: it is not there, and the caller sees all.
        """
        if self.scope is Scope.ALL:
            return look()
        try:
            entry = look()
        except (NotFound, OutOfRange):
            raise PermissionDenied(NOT_YOURS) from None
        if not self.owns(snapshot, entry):
            raise PermissionDenied(NOT_YOURS)
        return entry

    def owns(self, snapshot: Snapshot, entry: Entry) -> bool:
        """Whether a record is within what the call is bound to, or for everybody."""
        if self.scope is Scope.ALL:
            return True
        if entry.kind is KEY_CHANGE:
            # It proves to everybody, from the key that they know, which one signs now.
            return True
        if self._is_creator:
            return self.identity.tenant in find_creators(snapshot, entry)
        submitted = parse_record(entry.record).submitter == self.identity.tenant
        return submitted or _is_licence_for(self.identity.tenant, entry)


def _is_licence_for(tenant: str, entry: Entry) -> bool:
    """Whether an entry is a version of a licence that a buyer may rely on, so that it gets the evidence too."""
    if entry.kind is not LICENSE:
        return False
    body: Any = LICENSE.message.FromString(entry.body)
    return body.buyer in (tenant, "")


def find_creators(snapshot: Snapshot, entry: Entry) -> set[str]:
    """The creators whom a record touches.

    These are whom it names, the owner of the object of the registry that it changes, the owners of the assets that it
    names, and whom the training touches that it refers to. Assets count as they were registered when the record was logged:
    whoever registers an id later learns nothing of its use before.
    """
    body: Any = entry.kind.message.FromString(entry.body)
    named = {entry.kind.terms(body).get("creator_id", "")}
    if entry.kind.change is not None:
        change = entry.kind.change(body)
        named.add(change.owner or find_owner(snapshot, change.kind, change.object_id, entry.index))
    used = {getattr(body, "asset_id", "")}
    used.update(each.asset_id for each in getattr(body, "attributions", ()))
    if entry.kind is USAGE:
        named |= {find_owner(snapshot, ASSET.number, each, entry.index) for each in used - {""}}
    reference = getattr(body, "receipt_ref", "")
    if reference:
        # A reference is checked before it is logged; one that leads nowhere names nobody.
        with suppress(NotFound):
            named |= find_creators(snapshot, resolve_id(snapshot, reference))
    return named - {""}


def parse_network(text: str) -> Network:
    """An IP range such as ``192.0.2.0/24``, or one address.

    Raises:
        ValueError: it is neither, or has bits set behind its prefix.
    """
    return ip_network(text)


def _is_inside(peer: str, networks: tuple[Network, ...]) -> bool:
    try:
        address: Any = ip_address(peer.partition("%")[0])
    except ValueError:
        return False
    # A client of IPv4 on a port of IPv6 shows as ::ffff:192.0.2.1.
    address = getattr(address, "ipv4_mapped", None) or address
    return any(address in network for network in networks)
