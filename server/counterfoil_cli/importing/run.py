"""One import from the file to the last answer."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from counterfoil.limits import BATCH_SIZE_BYTES_MAX
from counterfoil_cli.importing.consumers import ConsumerIds
from counterfoil_cli.importing.mapping import EventBuilder, FieldMap
from counterfoil_cli.importing.rows import FileError
from counterfoil_cli.importing.sender import Sender
from counterfoil_cli.importing.source import Form, open_source
from counterfoil_cli.importing.verdicts import Batch, Verdicts
from counterfoil_client import ConsumerKey, Consumers

if TYPE_CHECKING:
    from counterfoil_client import LedgerClient
    from counterfoil_client.evidence import UsageResult


@dataclass(frozen=True, slots=True)
class Plan:
    """What to import and how.

    Attributes:
        file: the usage file.
        form: what it is.
        field_map: which column becomes which field.
        backfill: let in events older than the ledger's window, marked as such.
        batch_events: how many rows go in one batch.
        consumer_key: what pseudonyms of plain consumers are made with; None leaves them plain.
        creator_id: whose works are used in every row, for the pseudonyms; empty to look up each asset.
    """

    file: Path
    form: Form
    field_map: FieldMap
    backfill: bool
    batch_events: int
    consumer_key: ConsumerKey | None = None
    creator_id: str = ""


@dataclass(frozen=True, slots=True)
class Summary:
    """What became of the file; every row is in one of the counts.

    Attributes:
        plain_consumers: how many events went out with a consumer id that is no pseudonym.
    """

    rows: int
    accepted: int
    duplicates: int
    rejected: int
    ignored_columns: list[str]
    plain_consumers: int = 0


def run_import(
    client: "LedgerClient", plan: Plan, verdicts: Verdicts, advance: Callable[[int, int], None]
) -> Summary:
    """Import a file through a client.

    Args:
        client: writes as the submitter whose events these are.
        plan: what to import.
        verdicts: hears what became of each row.
        advance: told after each batch how many bytes more were read, and how many there are.

    Raises:
        FileError: the file cannot be imported.
        LedgerError: the ledger cannot be reached, or refuses the stream.
        VerificationError: an answer did not verify.
    """
    mapped = frozenset(plan.field_map.columns.values())
    key = plan.consumer_key
    consumers = None if key is None else Consumers(key, client.registry)
    consumer_ids = ConsumerIds(consumers, plan.creator_id)
    with open_source(plan.file, plan.form, mapped) as source:
        builder = EventBuilder(plan.field_map, source.header, source.id_prefix, consumer_ids)
        reached = 0

        def answered(batch: Batch, result: "UsageResult | None") -> None:
            nonlocal reached
            verdicts.take(batch, result)
            position = source.position()
            advance(position - reached, source.size_bytes)
            reached = position

        sender = Sender(
            client,
            builder,
            answered,
            batch_events=plan.batch_events,
            batch_size_bytes=BATCH_SIZE_BYTES_MAX,
            backfill=plan.backfill,
        )
        rows = 0
        try:
            for row in source.rows:
                sender.add(row)
                rows += 1
            sender.finish()
        except BaseException:
            sender.cancel()
            raise
    if verdicts.answered != rows:
        told = f"{rows} rows were read and {verdicts.answered} answered; import {plan.file} again"
        raise FileError(told)
    return Summary(
        rows,
        verdicts.accepted,
        verdicts.duplicates,
        verdicts.rejected,
        sorted(builder.ignored),
        consumer_ids.plain,
    )
