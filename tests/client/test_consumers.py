"""Plain consumers become pseudonyms before anything else, or there is a clear error; the registry says whose an asset is."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import grpc
import pytest

from counterfoil.errors import InvalidInput, StartupError, VerificationError
from counterfoil.record.consumer import make_pseudonym
from counterfoil.v1.record_pb2 import UsageEvent
from counterfoil.v1.registry_pb2 import VISIBILITY_LISTED, Asset, Creator
from counterfoil.v1.registry_service_pb2 import GetAssetResponse
from counterfoil_client import ConsumerKey, Consumers, LedgerClient, LedgerError

from ..support.ledger_process import LedgerProcess
from .making import make_event
from .proxy import Proxy, Refused
from .reporting import NOBODY, PATIENCE_S, open_reporter

SECRET = bytes(range(1, 33))
ALICE = "alice@example.com"
HASHED = "sha256:" + "0f" * 32


@pytest.fixture(scope="module")
def shared_ledger(registry_ledger: LedgerProcess) -> LedgerProcess:
    """What is registered here puts verdicts behind what others send: they share another ledger."""
    return registry_ledger


@pytest.fixture
def key_file(tmp_path: Path) -> str:
    """Where a consumer key lies."""
    path = tmp_path / "consumer.key"
    path.touch(0o600)
    path.write_text(SECRET.hex())
    return f"file:{path}"


@pytest.fixture
def works(client: LedgerClient, submitter: str) -> list[str]:
    """Three assets, two of them of one creator: each is named ``<creator>/<number>``."""
    made = []
    for creator, count in ((f"{submitter}-ada", 2), (f"{submitter}-bob", 1)):
        client.registry.creators.create(Creator(creator_id=creator, display_name="A"))
        for number in range(count):
            body = Asset(
                asset_id=f"{creator}/{number}",
                creator_id=creator,
                title="T",
                visibility=VISIBILITY_LISTED,
            )
            client.registry.assets.create(body)
            made.append(body.asset_id)
    return made


def wanted(asset_or_creator: str, consumer: str = ALICE) -> str:
    """The pseudonym towards the creator of one of the works."""
    return make_pseudonym(SECRET, asset_or_creator.partition("/")[0], consumer)


def count_questions(proxy: Proxy) -> list[str]:
    """A list that grows by a line for each question about an asset."""
    asked: list[str] = []

    def on_request(method: str, data: bytes) -> bytes:
        if method == "GetAsset":
            asked.append(method)
        return data

    proxy.on_request = on_request
    return asked


def test_the_registry_is_asked_once_for_each_asset(
    works: list[str], proxied: LedgerClient, proxy: Proxy
) -> None:
    """Two works of one creator show the same consumer, another creator's another; repeats ask nobody."""
    asked = count_questions(proxy)
    consumers = Consumers(ConsumerKey(SECRET), proxied.registry)

    for _ in range(3):
        made = [consumers.pseudonym(ALICE, asset_id=work) for work in works]
        assert made == [wanted(work) for work in works]

    assert made[0] == made[1] != made[2]
    assert len(asked) == 3


def test_the_memory_of_assets_is_bounded(
    works: list[str], proxied: LedgerClient, proxy: Proxy
) -> None:
    """With room for one asset the second question about the first one asks again, and the answer is the same."""
    asked = count_questions(proxy)
    consumers = Consumers(ConsumerKey(SECRET), proxied.registry, assets_max=1)

    made = [consumers.pseudonym(ALICE, asset_id=works[at]) for at in (0, 2, 0)]

    assert made == [wanted(works[at]) for at in (0, 2, 0)]
    assert len(asked) == 3


def test_nobody_is_asked_where_a_creator_is_named_or_nothing_is_to_do(
    proxied: LedgerClient, proxy: Proxy
) -> None:
    """A named creator, an id that is a pseudonym or a hash, and an event without a consumer need no registry."""
    asked = count_questions(proxy)
    consumers = Consumers(ConsumerKey(SECRET), proxied.registry)
    ours = wanted("ada")
    event = UsageEvent(asset_id="song")

    assert consumers.pseudonym(ALICE, creator_id="ada", asset_id="song") == ours
    assert consumers.pseudonym(ours, asset_id="song") == ours
    assert consumers.pseudonym(HASHED) == HASHED
    consumers.protect(event)
    assert event == UsageEvent(asset_id="song")
    assert asked == []


@pytest.mark.parametrize(
    ("asset_id", "word"),
    [("", "no asset_id"), ("nobody-has-this", "shows no asset"), ("no id", "shows no asset")],
)
def test_without_a_way_to_know_the_creator_there_is_an_error(
    client: LedgerClient, asset_id: str, word: str
) -> None:
    """The error says why and what to do, does not say who the consumer is, and leaves the event alone."""
    consumers = Consumers(ConsumerKey(SECRET), client.registry)
    event = UsageEvent(consumer_id=ALICE, asset_id=asset_id)

    for _ in range(2):
        with pytest.raises(InvalidInput, match=word) as caught:
            consumers.protect(event)
        assert (caught.value.field, caught.value.reason) == ("consumer_id", "CREATOR_UNKNOWN")
        assert "creator_id" in str(caught.value)
        assert "alice" not in str(caught.value)
    assert event.consumer_id == ALICE


def test_without_a_registry_creators_have_to_be_named() -> None:
    """Nobody to ask is an error of its own, and not an asset that is not there."""
    consumers = Consumers(ConsumerKey(SECRET))

    assert consumers.pseudonym(ALICE, creator_id="ada") == wanted("ada")
    with pytest.raises(InvalidInput, match="no registry is asked"):
        consumers.pseudonym(ALICE, asset_id="song")


def test_a_ledger_that_cannot_be_asked_is_asked_again(
    works: list[str], proxied: LedgerClient, proxy: Proxy
) -> None:
    """A failed look-up is the ledger's error and no answer: the next one succeeds."""

    def refuse(method: str, data: bytes) -> bytes:
        if method == "GetAsset":
            raise Refused(grpc.StatusCode.INTERNAL)
        return data

    consumers = Consumers(ConsumerKey(SECRET), proxied.registry)
    proxy.on_answer = refuse
    with pytest.raises(LedgerError, match="INTERNAL"):
        consumers.pseudonym(ALICE, asset_id=works[0])
    proxy.on_answer = lambda _method, data: data

    assert consumers.pseudonym(ALICE, asset_id=works[0]) == wanted(works[0])


def test_an_answer_about_another_asset_is_not_believed(
    works: list[str], proxied: LedgerClient, proxy: Proxy
) -> None:
    """The creator of something else is no answer, and is not remembered as one."""

    def swap(method: str, data: bytes) -> bytes:
        if method != "GetAsset":
            return data
        answer = GetAssetResponse.FromString(data)
        answer.asset.asset.asset_id = works[2]
        return bytes(answer.SerializeToString())

    consumers = Consumers(ConsumerKey(SECRET), proxied.registry)
    proxy.on_answer = swap
    for _ in range(2):
        with pytest.raises(VerificationError, match="another asset"):
            consumers.pseudonym(ALICE, asset_id=works[0])


def test_a_reporter_replaces_plain_consumers(
    shared_ledger: LedgerProcess, works: list[str], tmp_path: Path, submitter: str, key_file: str
) -> None:
    """By asset or by named creator, from a message or from fields; what is a pseudonym already goes as it is."""
    given = make_event("message", consumer_id=ALICE, asset_id=works[2])
    with open_reporter(
        shared_ledger.address, tmp_path / "spool", submitter, shared_ledger, consumer_key=key_file
    ) as reporter:
        fields: dict[str, Any] = {"model_id": "m", "tokens": 1}
        reporter.report(event_id="asset", consumer_id=ALICE, asset_id=works[0], **fields)
        reporter.report(event_id="named", consumer_id=ALICE, creator_id="carl", **fields)
        reporter.report(event_id="hashed", consumer_id=HASHED, **fields)
        reporter.report(event_id="nobody", **fields)
        reporter.report(given)
        reporter.flush(PATIENCE_S).result()

    with LedgerClient(shared_ledger.address, submitter=submitter) as client:
        names = ("asset", "named", "hashed", "nobody", "message")
        logged = [client.usage_event(name).event.consumer_id for name in names]
    assert logged == [wanted(works[0]), wanted("carl"), HASHED, "", wanted(works[2])]
    assert given.consumer_id == ALICE


def test_a_reporter_without_a_key_leaves_consumers_alone(
    shared_ledger: LedgerProcess, tmp_path: Path, submitter: str
) -> None:
    """The negative control: nothing is replaced where nobody asked for it."""
    with open_reporter(shared_ledger.address, tmp_path, submitter, shared_ledger) as reporter:
        reporter.report(event_id="plain", model_id="m", consumer_id=ALICE)
        reporter.flush(PATIENCE_S).result()

    with LedgerClient(shared_ledger.address, submitter=submitter) as client:
        assert client.usage_event("plain").event.consumer_id == ALICE


Report = Callable[..., str]


@pytest.mark.parametrize(
    ("fields", "error"),
    [
        ({"consumer_id": ALICE}, InvalidInput),
        ({"consumer_id": ALICE, "asset_id": "song"}, LedgerError),
        ({"consumer_id": ALICE, "creator_id": "no id"}, InvalidInput),
        ({"consumer_id": ALICE, "creator_id": "c" * 129}, InvalidInput),
    ],
)
def test_an_event_whose_consumer_stays_plain_is_not_taken(
    tmp_path: Path, submitter: str, key_file: str, fields: dict[str, Any], error: type[Exception]
) -> None:
    """No asset, a ledger that is not there, no creator: an error, an empty spool, and no word of who it was."""
    with open_reporter(
        NOBODY, tmp_path / "spool", submitter, consumer_key=key_file, timeout_s=0.5
    ) as reporter:
        with pytest.raises(error) as caught:
            reporter.report(model_id="m", **fields)
        assert "alice" not in str(caught.value)
        assert reporter.status().spool_size_bytes == 0
        reporter.close(0.0)


def test_a_named_creator_needs_no_ledger(tmp_path: Path, submitter: str, key_file: str) -> None:
    """Where the creator is named, an event is taken while the ledger is away, and waits in the spool."""
    with open_reporter(NOBODY, tmp_path / "spool", submitter, consumer_key=key_file) as reporter:
        reporter.report(model_id="m", consumer_id=ALICE, creator_id="ada")
        assert reporter.status().spool_size_bytes > 0
        reporter.close(0.0)

    spooled = b"".join(each.read_bytes() for each in (tmp_path / "spool").rglob("*.seg"))
    assert wanted("ada").encode() in spooled
    assert ALICE.encode() not in spooled


def test_a_creator_that_would_be_ignored_is_refused(tmp_path: Path, submitter: str) -> None:
    """Who names a creator relies on pseudonyms: without a key that is an error, and nothing is taken."""
    with open_reporter(NOBODY, tmp_path, submitter) as reporter:
        with pytest.raises(InvalidInput, match="without a consumer_key"):
            reporter.report(model_id="m", consumer_id=ALICE, creator_id="ada")
        assert reporter.status().spool_size_bytes == 0
        reporter.close(0.0)


@pytest.mark.parametrize("reference", ["", "consumer.key", "file:none.key", "env:COUNTERFOIL_NONE"])
def test_a_reporter_without_its_key_does_not_begin(
    tmp_path: Path, submitter: str, reference: str
) -> None:
    """A key that cannot be read is no reporter, rather than one that lets names pass; the folder stays free."""
    with pytest.raises(StartupError):
        open_reporter(NOBODY, tmp_path, submitter, consumer_key=reference)

    with open_reporter(NOBODY, tmp_path, submitter) as reporter:
        reporter.close(0.0)
