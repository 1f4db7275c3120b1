"""The reading client: a process of its own that reads at random places of a log, one call after the other.

One caller, a closed loop: what is measured is the cost of one read, over a real socket, from the request made to the
answer parsed. Every answer is verified against the log's key or against what was written; that and what it needs from
the log happen outside the measured time. The calls of a kind follow each other, and the kinds take turns by the seed.

    python -m harness.readers '{"address": ..., "vkey": ..., "seed": 1, "calls": 1000, "pages": 200,
                                "fill": {"seed": 1, "batches": 100, "made_us": ...}}'
"""

import gc
import json
import random
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final

from google.protobuf.message import Message
from harness.callers import percentiles_ms
from harness.clock import stopwatch_s
from harness.prefill import SUBMITTER
from harness.rows import make_events

from counterfoil.errors import VerificationError
from counterfoil.note import Checkpoint, Policy
from counterfoil.receipt import VerifiedReceipt, verify_receipt
from counterfoil.tlog import verify_consistency, verify_inclusion
from counterfoil.v1.log_service_pb2 import (
    GetConsistencyProofRequest,
    GetConsistencyProofResponse,
    GetEntryRequest,
    GetEntryResponse,
    GetInclusionProofRequest,
    GetInclusionProofResponse,
    GetReceiptRequest,
    GetReceiptResponse,
    ListEntriesRequest,
    ListEntriesResponse,
)
from counterfoil.v1.record_pb2 import UsageEvent
from counterfoil.v1.training_service_pb2 import ListTrainingsRequest, ListTrainingsResponse
from counterfoil.v1.usage_service_pb2 import GetUsageEventRequest, GetUsageEventResponse
from counterfoil_client import LedgerClient
from counterfoil_client.entries import check_entries
from counterfoil_client.reading import prover
from counterfoil_client.transport import Transport

_LOG: Final = "/counterfoil.v1.LogService/"
_TRAINING: Final = "/counterfoil.v1.TrainingService/"
_USAGE: Final = "/counterfoil.v1.UsageService/"
_TIMEOUT_S: Final = 60.0
PAGE_ENTRIES: Final = 100
PAGE_TRAININGS: Final = 10
# Tokens are gathered from pages as long as they may be.
_WALK_PAGE: Final = 1_000


@dataclass(frozen=True)
class Question:
    """One call, and what raises VerificationError when its answer is not good."""

    path: str
    request: Message
    answer: type[Message]
    check: Callable[[Any], None]


class Reader:
    """Asks at random places of one log, which nobody writes to meanwhile."""

    def __init__(self, task: dict[str, Any]) -> None:
        """Connect, and learn the tree that everything is verified against."""
        self.random = random.Random(task["seed"])
        self.fill = task["fill"]
        self.policy = Policy.trust(task["vkey"])
        self.transport = Transport(task["address"], timeout_s=_TIMEOUT_S)
        with LedgerClient(task["address"], trust=task["vkey"]) as client:
            self.checkpoint: Checkpoint = client.checkpoint()
        self._tokens: list[tuple[str, str]] = []

    def ask(self, question: Question) -> Any:
        """The answer, unverified."""
        return self.transport.unary(question.path, question.request, question.answer)

    def any_index(self, span: int = 1) -> int:
        """An index that ``span`` entries follow from."""
        return self.random.randrange(max(1, self.checkpoint.size - span + 1))

    def model_pages(self) -> list[tuple[str, str]]:
        """Models, each with the tokens of places in its list of trainings; "" is the beginning."""
        if not self._tokens:
            self._tokens = list(_walk_models(self.transport))
        return self._tokens


def _walk_models(transport: Transport) -> Iterator[tuple[str, str]]:
    path = _TRAINING + "ListTrainings"
    first = transport.unary(path, ListTrainingsRequest(page_size=_WALK_PAGE), ListTrainingsResponse)
    for model in sorted({item.training.model_id for item in first.trainings}):
        request = ListTrainingsRequest(model_id=model, page_size=_WALK_PAGE)
        more = True
        while more:
            yield model, request.page_token
            page = transport.unary(path, request, ListTrainingsResponse)
            request.page_token, more = page.next_page_token, page.has_more


def usage_event(reader: Reader) -> Question:
    """An event by its identity: it has to be the one that was written."""
    fill = reader.fill
    events = make_events(fill["seed"], reader.random.randrange(fill["batches"]), fill["made_us"])
    place = reader.random.randrange(len(events.ids))
    wanted = UsageEvent.FromString(events.bodies[place])

    def check(answer: GetUsageEventResponse) -> None:
        _require(answer.event == wanted, "the event is not the one that was written")

    request = GetUsageEventRequest(submitter=SUBMITTER, event_id=events.ids[place])
    return Question(_USAGE + "GetUsageEvent", request, GetUsageEventResponse, check)


def entry(reader: Reader) -> Question:
    """An entry by its index: it has to be in the signed tree."""
    index = reader.any_index()

    def check(answer: GetEntryResponse) -> None:
        _require(answer.entry.index == index, "the entry is another one")
        check_entries([answer.entry], reader.checkpoint, prover(reader.transport))

    return Question(_LOG + "GetEntry", GetEntryRequest(index=index), GetEntryResponse, check)


def inclusion_proof(reader: Reader) -> Question:
    """That an entry is in the newest tree."""
    index, tree = reader.any_index(), reader.checkpoint

    def check(answer: GetInclusionProofResponse) -> None:
        verify_inclusion(index, tree.size, answer.leaf_hash, list(answer.proof), tree.root_hash)

    request = GetInclusionProofRequest(index=index, tree_size=tree.size)
    return Question(_LOG + "GetInclusionProof", request, GetInclusionProofResponse, check)


def consistency_proof(reader: Reader) -> Question:
    """That the tree of an old receipt is the beginning of the newest one; the receipt is fetched beforehand."""
    index, new = reader.any_index(), reader.checkpoint
    asked = _receipt_of(index)
    answer = reader.transport.unary(_LOG + "GetReceipt", asked, GetReceiptResponse)
    old = _check_receipt(reader, answer, index).checkpoint

    def check(answer: GetConsistencyProofResponse) -> None:
        proof = list(answer.proof)
        verify_consistency(old.size, new.size, old.root_hash, new.root_hash, proof)

    request = GetConsistencyProofRequest(old_size=old.size, new_size=new.size)
    return Question(_LOG + "GetConsistencyProof", request, GetConsistencyProofResponse, check)


def receipt(reader: Reader) -> Question:
    """The receipt of an entry, verified as an auditor would."""
    index = reader.any_index()

    def check(answer: GetReceiptResponse) -> None:
        _check_receipt(reader, answer, index)

    return Question(_LOG + "GetReceipt", _receipt_of(index), GetReceiptResponse, check)


def list_entries(reader: Reader) -> Question:
    """A page of entries in the order of the log, all in the signed tree and without a gap."""
    start = reader.any_index(PAGE_ENTRIES)

    def check(answer: ListEntriesResponse) -> None:
        count = min(PAGE_ENTRIES, reader.checkpoint.size)
        places = list(range(start, start + count))
        _require([item.index for item in answer.entries] == places, "the page has a gap")
        check_entries(list(answer.entries), reader.checkpoint, prover(reader.transport))

    request = ListEntriesRequest(start_index=start, page_size=PAGE_ENTRIES)
    return Question(_LOG + "ListEntries", request, ListEntriesResponse, check)


def list_trainings(reader: Reader) -> Question:
    """A page of the trainings of one model, at some place of its list; as the ledger tells it."""
    model, token = reader.random.choice(reader.model_pages())

    def check(answer: ListTrainingsResponse) -> None:
        indexes = [item.index for item in answer.trainings]
        _require(bool(indexes) and indexes == sorted(set(indexes)), "the page is out of order")
        models = {item.training.model_id for item in answer.trainings}
        _require(models == {model}, "the page has trainings of other models")

    request = ListTrainingsRequest(model_id=model, page_size=PAGE_TRAININGS, page_token=token)
    return Question(_TRAINING + "ListTrainings", request, ListTrainingsResponse, check)


POINTS: Final = (usage_event, entry, inclusion_proof, consistency_proof, receipt)
LISTS: Final = (list_entries, list_trainings)
READS: Final = tuple(way.__name__ for way in (*POINTS, *LISTS))


def run(task: dict[str, Any]) -> dict[str, Any]:
    """All kinds of reads, one kind after the other; for each its latencies and the rate that they amount to."""
    reader = Reader(task)
    ways = [(way, task["calls"]) for way in POINTS] + [(way, task["pages"]) for way in LISTS]
    reader.random.shuffle(ways)
    return {way.__name__: _measure(reader, way, count) for way, count in ways}


def _measure(
    reader: Reader, way: Callable[[Reader], Question], count: int
) -> dict[str, float | int]:
    questions = [way(reader) for _ in range(count)]
    gc.collect()
    # What waits here is the benchmark's: the client's collector shall not walk it.
    gc.freeze()
    answers, latencies_s = [], []
    for question in questions:
        begun_s = stopwatch_s()
        answers.append(reader.ask(question))
        latencies_s.append(stopwatch_s() - begun_s)
    gc.unfreeze()
    for question, answer in zip(questions, answers, strict=True):
        question.check(answer)
    rate = count / sum(latencies_s)
    return {"calls": count, "calls_per_s": rate, **percentiles_ms(latencies_s)}


def _receipt_of(index: int) -> GetReceiptRequest:
    return GetReceiptRequest(id=str(index))


def _check_receipt(reader: Reader, answer: GetReceiptResponse, index: int) -> VerifiedReceipt:
    verified = verify_receipt(answer.receipt, reader.policy)
    _require(verified.index == index, "the receipt is that of another entry")
    return verified


def _require(sound: bool, told: str) -> None:
    if not sound:
        raise VerificationError(told)


if __name__ == "__main__":
    print(json.dumps(run(json.loads(sys.argv[1]))), flush=True)
