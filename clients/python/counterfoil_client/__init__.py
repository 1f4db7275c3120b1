"""The Python client of a Counterfoil ledger.

    LedgerClient    writes, reads and proves; every answer is verified before it is returned
    Registry        creators, assets, licences and prices; what ``LedgerClient.registry`` is
    Access          principals, keys, tokens and the audit trail: ``client.access``
    Tls             certificates to believe and to show
    UsageStream     many batches of usage over one call
    Consumers       pseudonyms for the consumers in usage events, made before anything is stored
    UsageReporter   what a model host embeds: events go to a disk spool at once and to the ledger in the background

::

    with LedgerClient("127.0.0.1:7070", trust=vkey, submitter="host-1") as client:
        result = client.append_usage([UsageEvent(event_id="e1", model_id="m", tokens=7, event_time_us=now)])
        result.receipts[0].first_index
"""

from counterfoil_client.access import Access
from counterfoil_client.archive import RejectedEvent
from counterfoil_client.client import RECEIPT_FORMATS, LedgerClient
from counterfoil_client.consumer_key import ConsumerKey, make_consumer_key, open_consumer_key
from counterfoil_client.consumers import Consumers
from counterfoil_client.errors import (
    ForkDetected,
    LedgerError,
    ReporterClosed,
    SpoolDamaged,
    SpoolFull,
    Violation,
)
from counterfoil_client.evidence import UsageResult
from counterfoil_client.registry import Registered, Registry
from counterfoil_client.reporter import ReporterStatus, UsageReporter
from counterfoil_client.stream import UsageStream
from counterfoil_client.tls import Tls

__all__ = [
    "LedgerClient",
    "Access",
    "ConsumerKey",
    "Consumers",
    "make_consumer_key",
    "open_consumer_key",
    "Tls",
    "UsageStream",
    "UsageReporter",
    "ReporterStatus",
    "Registered",
    "Registry",
    "RejectedEvent",
    "UsageResult",
    "RECEIPT_FORMATS",
    "LedgerError",
    "ForkDetected",
    "SpoolFull",
    "SpoolDamaged",
    "ReporterClosed",
    "Violation",
]
