"""UsageStream against a real ledger: windows, order, resumption, endings."""

from __future__ import annotations

import pytest

from counterfoil.receipt import verify_receipt
from counterfoil_client import LedgerClient, LedgerError, UsageResult

from .making import make_bodies, make_event


def test_batches_are_answered_in_order(client: LedgerClient) -> None:
    """More batches than the window holds are all answered, in order, with receipts for these events."""
    with client.open_stream("s") as stream:
        sent = [stream.send(make_bodies(f"e{at}", 20)) for at in range(3 * stream.window_batches)]
        answers = list(stream.results())

    assert sent == list(range(1, len(sent) + 1))
    assert [sequence for sequence, _ in answers] == sent
    assert all(result.accepted == 20 for _, result in answers)
    for _, result in answers:
        for kept in result.kept_receipts():
            assert verify_receipt(kept, client.vkey).count == 20


def test_the_window_bounds_what_is_unanswered(client: LedgerClient) -> None:
    """Sending never leaves more batches unanswered than the ledger allows."""
    with client.open_stream("s") as stream:
        most = 0
        for at in range(30):
            stream.send(make_bodies(f"e{at}", 5))
            most = max(most, stream.unanswered)
        stream.drain()

        assert 1 <= most <= stream.window_batches
        assert stream.unanswered == 0


def test_a_callback_hears_every_answer(client: LedgerClient) -> None:
    """With on_ack nothing is kept for results(), and leaving the block waits for the last answer."""
    heard: list[tuple[int, int]] = []

    def on_ack(sequence: int, result: UsageResult) -> None:
        heard.append((sequence, result.accepted))

    with client.open_stream("s", on_ack) as stream:
        for at in range(20):
            stream.send(make_bodies(f"e{at}", 3))
        assert list(stream.results()) == []

    assert heard == [(sequence, 3) for sequence in range(1, 21)]


def test_a_new_stream_goes_on_where_the_last_one_ended(client: LedgerClient) -> None:
    """The ledger remembers the sequence of a stream by submitter and name."""
    with client.open_stream("s") as stream:
        stream.send(make_bodies("a", 2))
        stream.send(make_bodies("b", 2))

    with client.open_stream("s") as again, client.open_stream("other") as other:
        assert again.last_sequence == 2
        assert again.send(make_bodies("c", 2)) == 3
        assert other.last_sequence == 0


def test_a_batch_that_was_cut_off_can_be_sent_again(client: LedgerClient) -> None:
    """After a cancelled stream the same events get the originals' receipts, or are logged now: never both."""
    bodies = make_bodies("e", 50)
    stream = client.open_stream("s")
    stream.send(bodies)
    stream.cancel()

    with client.open_stream("s") as again:
        again.send(bodies)
        ((_, result),) = again.results()

    assert result.accepted + result.duplicates == 50
    assert sum(each.count for each in result.receipts) == 50
    indexes = {client.usage_event(f"e-{at}").index for at in range(50)}
    assert len(indexes) == 50


def test_one_bad_event_does_not_sink_its_neighbours(client: LedgerClient) -> None:
    """A refused event is reported by its place, and the receipt covers the others."""
    bodies = make_bodies("e", 3)
    bodies.insert(1, make_event("late", event_time_us=1).SerializeToString())

    with client.open_stream("s") as stream:
        stream.send(bodies)
        ((_, result),) = stream.results()

    assert (result.accepted, result.rejected) == (3, 1)
    assert result.results[0].position == 1


def test_a_batch_that_the_ledger_refuses_ends_the_stream(client: LedgerClient) -> None:
    """A refused batch is an error with a code, and so is everything that comes after it."""
    stream = client.open_stream("s")
    stream.send([])

    with pytest.raises(LedgerError) as caught:
        stream.drain()
    assert caught.value.code == "INVALID_ARGUMENT"
    with pytest.raises(LedgerError):
        stream.send(make_bodies("e", 1))
    stream.close()


def test_a_closed_stream_takes_nothing(client: LedgerClient) -> None:
    """After close and after cancel, sending is an error."""
    closed, cancelled = client.open_stream("s1"), client.open_stream("s2")
    closed.close()
    cancelled.cancel()

    for stream in (closed, cancelled):
        with pytest.raises(LedgerError) as caught:
            stream.send(make_bodies("e", 1))
        assert caught.value.code == "CANCELLED"
        stream.close()


def test_an_exception_in_the_block_ends_the_call(client: LedgerClient) -> None:
    """Leaving the block by an exception does not wait, and the exception goes on."""
    stream = client.open_stream("s")

    def fail() -> None:
        with stream:
            stream.send(make_bodies("e", 1))
            raise RuntimeError("mine")

    with pytest.raises(RuntimeError, match="mine"):
        fail()

    with pytest.raises(LedgerError):
        stream.send(make_bodies("f", 1))


@pytest.mark.parametrize("stream_id", ["", "x" * 200])
def test_a_stream_without_a_good_name_is_refused(client: LedgerClient, stream_id: str) -> None:
    """The ledger's refusal comes when the stream is opened."""
    with pytest.raises(LedgerError) as caught:
        client.open_stream(stream_id)

    assert caught.value.code == "INVALID_ARGUMENT"
