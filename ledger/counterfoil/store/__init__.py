"""Where the ledger keeps its bytes: the interface, its stores, and keys that order as tuples do."""

from counterfoil.store.interface import (
    TRANSACTION_SIZE_BYTES_MAX,
    Snapshot,
    Store,
    StoreLimits,
    Transaction,
    Value,
)
from counterfoil.store.keys import Part, decode_key, encode_key, prefix_end
from counterfoil.store.lmdb import LmdbStore
from counterfoil.store.memory import MemoryStore
from counterfoil.store.open import STORES, Opener, open_store

__all__ = [
    "STORES",
    "TRANSACTION_SIZE_BYTES_MAX",
    "LmdbStore",
    "MemoryStore",
    "Opener",
    "Part",
    "Snapshot",
    "Store",
    "StoreLimits",
    "Transaction",
    "Value",
    "decode_key",
    "encode_key",
    "open_store",
    "prefix_end",
]
