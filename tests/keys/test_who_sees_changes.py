"""A change of keys under access control: whoever is bound to its own records has to be able to follow it."""

from __future__ import annotations

from pathlib import Path

import pytest

from counterfoil.errors import PermissionDenied
from counterfoil.log.read import read_entry
from counterfoil.v1.access_service_pb2 import ROLE_CREATOR, ROLE_HOST, Role
from counterfoil_server.access.caller import Caller, Identity
from counterfoil_server.access.quota import UNBOUNDED
from counterfoil_server.access.table import Scope

from .keyed import SECOND, keyed


@pytest.mark.parametrize("role", [ROLE_HOST, ROLE_CREATOR])
def test_a_change_of_keys_is_for_everybody_and_other_entries_are_not(
    tmp_path: Path, role: Role
) -> None:
    """Who is bound to its own finds the entry of a change, and not the entry before it."""
    caller = Caller(Identity("p", role, tenant="somebody"), Scope.OWN, UNBOUNDED, "127.0.0.1")
    with keyed(tmp_path) as log:
        log.rotate(SECOND)
        with log.store.snapshot() as snapshot:
            change = caller.find(snapshot, lambda: read_entry(snapshot, 1))
            assert (change.index, change.id[:3]) == (1, "kc_")
            with pytest.raises(PermissionDenied):
                caller.find(snapshot, lambda: read_entry(snapshot, 0))
