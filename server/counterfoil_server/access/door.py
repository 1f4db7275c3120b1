"""What stands in front of one worker's services, opened and closed as a whole."""

import asyncio
from contextlib import suppress
from ipaddress import ip_address
from pathlib import Path
from typing import Final

from counterfoil.errors import StartupError
from counterfoil_server.access.allowances import Allowances
from counterfoil_server.access.certificates import Certificates
from counterfoil_server.access.credentials import ApiKeys
from counterfoil_server.access.guard import Guard
from counterfoil_server.access.ops import OpsStore
from counterfoil_server.access.sign_in import AccessTokens, TokenDesk
from counterfoil_server.access.token import Realm
from counterfoil_server.access.trail import Trail
from counterfoil_server.clock import now_us
from counterfoil_server.directory import Settings
from counterfoil_server.token_keys import TokenKeys

OPS_NAME: Final = "ops"


def open_ops(settings: Settings, *, read_only: bool = False) -> OpsStore:
    """The operational store of a directory; it is made where there is none, but for reading.

    Raises:
        StartupError, IntegrityError: see `OpsStore`.
    """
    path = ops_path(settings)
    missing = not (path / "data.mdb").exists()
    return OpsStore(path, settings.origin, create=missing and not read_only, read_only=read_only)


def ops_path(settings: Settings) -> Path:
    """Where the operational store of a directory lies."""
    return settings.directory / OPS_NAME


def refuse_stranger_addresses(settings: Settings, address: str) -> None:
    """A ledger without keys listens on its own machine only.

    Raises:
        StartupError: it has none, and the address can be reached from elsewhere.
    """
    ops = open_ops(settings)
    try:
        if ops.is_open and not is_loopback(address):
            told = (
                f"this ledger has no keys, so that whoever reaches {address} could do everything; make a key with "
                f"`counterfoil key create NAME --role operator --dir {settings.directory}`, or listen on 127.0.0.1"
            )
            raise StartupError(told)
    finally:
        ops.close()


def is_loopback(address: str) -> bool:
    """Whether an address ``host:port`` can be reached from its own machine only."""
    host = address.rpartition(":")[0].strip("[]")
    with suppress(ValueError):
        return ip_address(host).is_loopback
    return host == "localhost"


class Door:
    """The guard of one worker with what works behind it; made in the event loop."""

    def __init__(
        self, ops: OpsStore, settings: Settings, keys: TokenKeys, *, workers: int, mutual: bool
    ) -> None:
        """Guard a ledger in one of so many workers.

        Args:
            keys: those of access tokens. mutual: TLS asks callers for a certificate.
        """
        self.ops = ops
        self._trail = Trail(ops, now_us)
        self._allowances = Allowances(ops, workers)
        realm = Realm(settings.origin, settings.environment)
        schemes = (ApiKeys(ops, settings.environment), AccessTokens(ops, keys, realm))
        certificates = Certificates(ops) if mutual else None
        self.guard = Guard(ops, schemes, self._allowances, self._trail, certificates)
        self.tokens = TokenDesk(keys, realm, settings.token_lifetime_s, self._trail)
        self._tasks = [
            asyncio.create_task(each.run(), name=type(each).__name__)
            for each in (self._trail, self._allowances)
        ]

    async def close(self) -> None:
        """Write down what has gathered, and close the store."""
        for task in self._tasks:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
        await self._trail.flush()
        await self._allowances.flush()
        self.ops.close()
