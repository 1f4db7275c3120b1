"""A ledger that takes pseudonyms alone: events with a plain consumer are refused, and nothing repeats who it was."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from counterfoil.errors import StartupError
from counterfoil.record.consumer import make_pseudonym
from counterfoil_server.directory import create, load

from ..support.ledger_process import LedgerProcess
from .edge import Edge, connected, event, expect_invalid, verify_accepted
from .settings import set_setting
from .streams import frame_hello, open_stream

OURS = make_pseudonym(bytes(32), "ada", "alice@example.com")
HASHED = "sha256:" + "0f" * 32
PLAIN = (
    *("alice", "alice@example.com", "customer_1", "42", "0" * 31, "AB" * 32),
    *(OURS[:-1], OURS + "a", OURS.upper(), "alice:" + "0f" * 32, "sha256:alice"),
)


@pytest.fixture(scope="module")
def strict_ledger(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LedgerProcess]:
    """A ledger with `consumer_ids = "pseudonyms"`, serving."""
    ledger = LedgerProcess(tmp_path_factory.mktemp("strict") / "ledger")
    set_setting(ledger.directory, "consumer_ids", '"pseudonyms"')
    ledger.start()
    try:
        yield ledger
    finally:
        ledger.close()


@pytest.fixture(scope="module")
def strict(strict_ledger: LedgerProcess) -> Iterator[Edge]:
    """A connection to it."""
    with connected(strict_ledger) as edge:
        yield edge


def test_pseudonyms_hashes_and_nobody_are_taken(strict: Edge) -> None:
    """A batch without a plain consumer is logged as a whole, byte for byte as it was sent."""
    events = [event(consumer_id=each) for each in (OURS, HASHED, "0f" * 32, "")]

    answer = strict.append(events)

    assert (answer.accepted, answer.rejected) == (4, 0)
    verify_accepted(strict, answer, events)


@pytest.mark.parametrize("consumer_id", PLAIN)
def test_a_plain_consumer_costs_its_own_event(strict: Edge, consumer_id: str) -> None:
    """The event between two good ones is refused for its consumer, with what to do and without a quotation."""
    good = [event(consumer_id=OURS), event()]

    answer = strict.append([good[0], event(consumer_id=consumer_id), good[1]])

    assert (answer.accepted, answer.duplicates, answer.rejected) == (2, 0, 1)
    result = answer.results[0]
    assert (result.position, result.field) == (1, "consumer_id")
    assert (result.reason, result.outcome) == ("CONSUMER_PLAIN", 3)
    assert consumer_id not in str(answer.results)
    verify_accepted(strict, answer, good)


def test_a_batch_of_all_or_nothing_is_refused(strict: Edge) -> None:
    """With `atomic` one plain consumer refuses all events; the error does not say who it was."""
    events = [event(consumer_id=OURS), event(consumer_id="alice@example.com")]
    before = strict.size()

    fault = expect_invalid(
        lambda: strict.append(events, atomic=True), "events[1].consumer_id", "CONSUMER_PLAIN"
    )

    assert "alice" not in fault.message + str(fault.metadata)
    assert strict.size() == before


def test_streams_and_backfill_know_no_exception(strict: Edge) -> None:
    """A batch of a stream is held to the same rule, marked as backfill or not."""
    with open_stream(strict) as stream:
        stream.send(frame_hello("s"))
        stream.receive()
        answers = []
        for sequence in (1, 2):
            events = [event(consumer_id="alice"), event(consumer_id=OURS)]
            stream.send_batch(sequence, events, backfill=sequence == 2)
            answers.append(stream.ack().result)

    for answer in answers:
        assert (answer.accepted, answer.rejected) == (1, 1)
        assert answer.results[0].reason == "CONSUMER_PLAIN"


def test_the_consumer_is_nowhere_in_what_the_server_wrote(tmp_path: Path) -> None:
    """Neither store nor log has the consumer of an event that was refused; the control, where it was taken, has it."""
    found = {}
    for word in ("pseudonyms", "any"):
        ledger = LedgerProcess(tmp_path / word)
        set_setting(ledger.directory, "consumer_ids", f'"{word}"')
        ledger.start()
        try:
            with connected(ledger) as edge:
                edge.append([event(consumer_id="alice@example.com"), event()])
        finally:
            ledger.close()
        files = [each for each in ledger.directory.rglob("*") if each.is_file()]
        written = b"".join(each.read_bytes() for each in files) + ledger.log.encode()
        found[word] = b"alice@example.com" in written

    assert found == {"pseudonyms": False, "any": True}


@pytest.mark.parametrize("consumer_id", PLAIN)
def test_by_default_any_id_is_taken(edge: Edge, consumer_id: str) -> None:
    """The negative control: a ledger that was not told otherwise takes what it cannot know to be a name."""
    answer = edge.append([event(consumer_id=consumer_id)])

    assert (answer.accepted, answer.rejected) == (1, 0)


@pytest.mark.parametrize("value", ['"pseudonym"', '"hashed"', '""', "1", "true", '"ANY"'])
def test_a_ledger_does_not_start_with_another_word(tmp_path: Path, value: Any) -> None:
    """A misspelt setting is no setting: nobody is left to believe that plain consumers are refused."""
    directory = tmp_path / "ledger"
    create(directory, "example.com/ledger")
    set_setting(directory, "consumer_ids", value)

    with pytest.raises(StartupError, match="consumer_ids must be"):
        load(directory)


def test_a_ledger_of_before_has_the_default(tmp_path: Path) -> None:
    """Settings that do not speak of consumers mean `any`."""
    directory = tmp_path / "ledger"
    create(directory, "example.com/ledger")
    path = directory / "counterfoil.toml"
    path.write_text(path.read_text().replace('consumer_ids = "any"\n', ""))

    assert load(directory).consumer_ids == "any"
