"""The registry: what the records of creators, assets, licences and prices add up to.

It is a function of the log and of nothing else: each record that changes it is applied in the transaction that logs the
record, and fsck makes all of it again.
"""

from counterfoil.log.registry.apply import Registry
from counterfoil.log.registry.read import (
    ObjectState,
    Version,
    find_contesting,
    list_contested,
    list_objects,
    read_history,
    read_newest,
    read_state_at,
)

__all__ = [
    "ObjectState",
    "Registry",
    "Version",
    "find_contesting",
    "list_contested",
    "list_objects",
    "read_history",
    "read_newest",
    "read_state_at",
]
