"""The log: append, read, check. It knows kinds of records only as data, and the store only by its interface."""

from counterfoil.log.anchor import Anchor
from counterfoil.log.append import Appended, read_stream
from counterfoil.log.batch import Batch, prepare_batch
from counterfoil.log.existing import Existing
from counterfoil.log.layout import SPACES
from counterfoil.log.log import Log, create_log
from counterfoil.log.read import Entry

__all__ = [
    "SPACES",
    "Anchor",
    "Appended",
    "Batch",
    "Entry",
    "Existing",
    "Log",
    "create_log",
    "prepare_batch",
    "read_stream",
]
