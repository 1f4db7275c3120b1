"""What the services of single records share: recording one with its receipt, and listing by page.

The body that is logged is cut out of the request as it was received; it is never serialized again.
"""

from collections.abc import Callable
from typing import Any, NamedTuple, TypeVar

from blake3 import blake3
from google.protobuf.message import Message

from counterfoil.errors import (
    AlreadyExists,
    Conflict,
    FailedPrecondition,
    InvalidInput,
    NotFound,
    PermissionDenied,
    VerificationError,
)
from counterfoil.limits import BODY_SIZE_BYTES_MAX, PAGE_SIZE_MAX
from counterfoil.log import Entry, prepare_batch
from counterfoil.log.assessments import Said, read_said
from counterfoil.log.read import list_entries, read_entry, read_receipt, resolve_id
from counterfoil.log.receipts import make_receipt
from counterfoil.log.state import read_state
from counterfoil.receipt import Receipt, format_receipt
from counterfoil.record import Kind, Verdicts, format_id, parse_message, problem
from counterfoil.record.text import check_id
from counterfoil.store import Snapshot
from counterfoil.tlog import leaf_hash
from counterfoil.v1.assessment_pb2 import Verdict
from counterfoil.wire import parse_fields
from counterfoil_server.access.allowances import charge
from counterfoil_server.access.caller import NOT_YOURS, Caller
from counterfoil_server.entropy import fresh_seed
from counterfoil_server.ledger import Ledger, require_id
from counterfoil_server.pages import fitting, page_size

M = TypeVar("M", bound=Message)
Assess = Callable[[Any, str], Verdicts | None]


class Recorded(NamedTuple):
    """One record in the log, new or known."""

    id: str
    receipt: Receipt
    time_us: int
    duplicate: bool
    said: Said | None = None

    def fill(self, response: M, id_field: str) -> M:
        """Put it into a response, which calls the id by the name of its kind."""
        answer: Any = response
        setattr(answer, id_field, self.id)
        answer.index = self.receipt.index
        answer.time_us = self.time_us
        answer.receipt = format_receipt(self.receipt)
        answer.duplicate = self.duplicate
        return response


async def record_one(
    ledger: Ledger,
    caller: Caller,
    kind: Kind,
    request_class: type[Message],
    data: bytes,
    body_field: str,
    *,
    exclusive: bool = False,
    assess: Assess = lambda _body, _submitter: None,
) -> Recorded:
    """Check and log the one record in a request with ``submitter``, ``request_id`` and a body.

    Args:
        exclusive: refuse content that another creator has registered.
        assess: what the ledger has to say about the body, which is logged behind it.

    Raises:
        PermissionDenied: it is in somebody else's name.
        QuotaExceeded: the caller has logged enough for now.
        InvalidInput: the record is not acceptable.
        Conflict: the request_id was used for another record.
        NotFound, AlreadyExists, VersionMismatch, FailedPrecondition: the registry does not allow it.
    """
    request: Any = parse_message(request_class, data, "request")
    caller.require_submitter(request.submitter)
    body = _cut_body(data, request_class, body_field)
    require_id(request.submitter, "submitter")
    for item in check_id(request.request_id, "request_id", required=False):
        raise InvalidInput(item.message, field=item.field, reason=item.reason)
    if len(body) > BODY_SIZE_BYTES_MAX:
        told = f"{body_field} has {len(body)} bytes; at most {BODY_SIZE_BYTES_MAX} are allowed"
        raise InvalidInput(told, field=body_field, reason=problem.TOO_LARGE)
    for item in kind.check(getattr(request, body_field), body):
        where = f"{body_field}.{item.field}"
        raise InvalidInput(item.message, field=where, reason=item.reason)
    charge(caller, 1)
    # Without a request_id the content stands for itself: the same record sent twice is one record.
    request_id = request.request_id or "blake3-" + blake3(body).hexdigest()
    salt_seed = fresh_seed()
    verdicts = assess(getattr(request, body_field), request.submitter)
    batch = prepare_batch(
        kind,
        request.submitter,
        [body],
        [request_id],
        secret=ledger.log.secret,
        environment=ledger.log.environment,
        salt_seed=salt_seed,
        request_id=request_id,
        exclusive=exclusive,
        assessment=ledger.prepare_assessment(verdicts, salt_seed),
    )
    try:
        appended = await ledger.sequencer.offer(batch)
    except (AlreadyExists, FailedPrecondition, InvalidInput) as error:
        # The log knows the body, and not what the request calls it.
        error.field = f"{body_field}.{error.field}"
        raise
    if appended.head is not None:
        receipt = make_receipt(appended, appended.head, body, batch.commitments[0])
        name = format_id(kind.id_prefix, receipt.index, leaf_hash(receipt.leaf))
        said = None
        if verdicts is not None:
            said = Said(receipt.index + 1, Verdict.FromString(verdicts.distinct[0]))
        return Recorded(name, receipt, appended.head.time_us, duplicate=False, said=said)
    index, different = appended.existing[0].index, appended.existing[0].field
    if different is not None:
        told = f"request_id {request_id} is entry {index} with another {different}"
        raise Conflict(told, field=f"{body_field}.{different}", original_index=index)
    with ledger.log.store.snapshot() as snapshot:
        entry = read_entry(snapshot, index)
        receipt, said = read_receipt(snapshot, entry), read_said(snapshot, index)
    return Recorded(entry.id, receipt, entry.leaf.time_us, duplicate=True, said=said)


def _cut_body(data: bytes, request_class: type[Message], field: str) -> bytes:
    wanted = request_class.DESCRIPTOR.fields_by_name[field].number
    try:
        found = [value for number, value, _ in parse_fields(data) if number == wanted]
    except VerificationError as error:
        raise InvalidInput(
            f"request is malformed: {error}", field="request", reason=problem.MALFORMED
        ) from error
    if len(found) != 1 or not isinstance(found[0], bytes):
        told = f"the request must have {field} once"
        raise InvalidInput(told, field=field, reason=problem.MISSING)
    return found[0]


def get_one(ledger: Ledger, caller: Caller, kind: Kind, name: str) -> Entry:
    """The entry that an id of a kind names.

    Raises:
        NotFound: there is none of that kind. PermissionDenied: there is none, or none that the caller may see.
    """

    def look(snapshot: Snapshot) -> Entry:
        entry = resolve_id(snapshot, name)
        if entry.kind is not kind or entry.id != name:
            raise NotFound(f"there is no {kind.name} {name[:64]} in this log")
        return entry

    with ledger.log.store.snapshot() as snapshot:
        return caller.find(snapshot, lambda: look(snapshot))


def fill_page(
    ledger: Ledger,
    caller: Caller,
    kind: Kind,
    request: Any,
    response: M,
    items: Any,
    convert: Callable[[Entry], Message],
    *filters: str,
) -> M:
    """Fill a page of a list: items, tree_size, has_more, next_page_token. ``filters`` name the request's filter fields.

    Raises:
        PermissionDenied: a creator asks for another creator's.
    """
    terms = {name: str(getattr(request, name)) for name in filters}
    if caller.creator is not None:
        if terms["creator_id"] not in ("", caller.creator):
            raise PermissionDenied(NOT_YOURS)
        terms["creator_id"] = caller.creator
    bound = (type(request).__name__, sorted(terms.items()), caller.tenant)
    start = ledger.pages.open(request.page_token, bound) if request.page_token else 0
    size = page_size(request.page_size)
    with ledger.log.store.snapshot() as snapshot:
        found, following = _read_page(ledger, caller, snapshot, kind, terms, start, size)
        tree_size = read_state(snapshot).size
    items.extend(convert(entry) for entry in found)
    answer: Any = response
    answer.tree_size = tree_size
    answer.has_more = following is not None
    if following is not None:
        answer.next_page_token = ledger.pages.seal(following, bound)
    return response


def _read_page(
    ledger: Ledger,
    caller: Caller,
    snapshot: Snapshot,
    kind: Kind,
    terms: dict[str, str],
    start: int,
    size: int,
) -> tuple[list[Entry], int | None]:
    """The entries of a page, and the index at which the next one begins, if there may be one.

    The catalog has no list of a submitter's records: for a caller who sees only those, what is listed is looked through,
    so much at a time. Then a page may have fewer entries than asked for, even none, before the end.
    """
    looked = size + 1 if caller.submitter is None else PAGE_SIZE_MAX
    listed = list_entries(snapshot, ledger.log.secret, kind, terms, start, looked)
    entries = listed
    if caller.submitter is not None:
        entries = [entry for entry in listed if caller.owns(snapshot, entry)]
    shown = entries[: min(size, fitting(entries))]
    if len(shown) < len(entries):
        return shown, entries[len(shown)].index
    return shown, listed[-1].index + 1 if len(listed) == looked else None
