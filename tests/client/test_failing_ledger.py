"""A real ledger whose connections break on the way: what can be taken up again is, the rest is an error with a code."""

from __future__ import annotations

import threading

import grpc
import pytest

from counterfoil_client import LedgerClient, LedgerError

from ..support.ledger_process import LedgerProcess
from .making import make_bodies, make_event, new_name
from .proxy import Proxy, Refused


def test_the_tail_takes_up_a_lost_connection_where_it_broke(
    proxied: LedgerClient, proxy: Proxy
) -> None:
    """Cut after every message, the tail still gives every entry once and in order."""
    for _ in range(4):
        proxied.append_usage(make_bodies(new_name(), 300))
    size = proxied.checkpoint().size
    seen = set[bytes]()
    cuts = 0

    def on_answer(method: str, data: bytes) -> bytes:
        nonlocal cuts
        if method == "TailEntries" and seen and data not in seen and cuts < 3:
            cuts += 1
            raise Refused(grpc.StatusCode.UNAVAILABLE)
        if method == "TailEntries":
            seen.add(data)
        return data

    proxy.on_answer = on_answer
    indexes = []
    for entry in proxied.tail():
        indexes.append(entry.index)
        if entry.index + 1 == size + 3:
            break
        if entry.index + 1 == size:
            proxied.append_usage(make_bodies(new_name(), 3))

    assert indexes == list(range(size + 3))
    assert cuts > 0


def test_the_tail_passes_on_a_refusal(proxied: LedgerClient, proxy: Proxy) -> None:
    """A refusal that will not pass is raised instead of being tried for ever."""
    proxied.checkpoint()

    def on_answer(method: str, data: bytes) -> bytes:
        if method == "TailEntries":
            raise Refused(grpc.StatusCode.PERMISSION_DENIED)
        return data

    proxy.on_answer = on_answer
    with pytest.raises(LedgerError) as caught:
        next(proxied.tail())

    assert caught.value.code == "PERMISSION_DENIED"


def test_silence_is_an_error_in_the_end(proxy: Proxy, shared_ledger: LedgerProcess) -> None:
    """A ledger that takes a batch and never answers costs the timeout and no more."""
    with LedgerClient(
        proxy.address, trust=shared_ledger.vkey, submitter=new_name(), timeout_s=0.5
    ) as client:
        client.checkpoint()
        stream = client.open_stream("s")
        hold = Hold()
        proxy.on_answer = lambda _method, data: hold(data)
        stream.send([make_event("e").SerializeToString()])

        with pytest.raises(LedgerError) as caught:
            stream.drain()

        assert caught.value.code == "DEADLINE_EXCEEDED"
        hold.release()


class Hold:
    """A hook that holds answers back until it is released."""

    def __init__(self) -> None:
        self._event = threading.Event()

    def __call__(self, data: bytes) -> bytes:
        """Wait, then let the answer pass."""
        self._event.wait(60.0)
        return data

    def release(self) -> None:
        """Let everything pass."""
        self._event.set()


def test_a_push_back_says_when_to_come_again(proxied: LedgerClient, proxy: Proxy) -> None:
    """A call that fails for the moment is told apart by its code."""
    proxied.checkpoint()

    def on_answer(method: str, data: bytes) -> bytes:
        if method == "AppendUsage":
            raise Refused(grpc.StatusCode.RESOURCE_EXHAUSTED, "queue is full")
        return data

    proxy.on_answer = on_answer
    with pytest.raises(LedgerError, match="queue is full") as caught:
        proxied.append_usage(make_bodies("e", 1))

    assert caught.value.code == "RESOURCE_EXHAUSTED"
    assert caught.value.retry_after_s is None


def test_short_outages_are_sat_out_by_unary_calls(proxied: LedgerClient, proxy: Proxy) -> None:
    """UNAVAILABLE is tried again, and the write is logged once, whichever answer was lost."""
    proxied.checkpoint()
    failures = 2

    def on_answer(method: str, data: bytes) -> bytes:
        nonlocal failures
        if method == "AppendUsage" and failures:
            failures -= 1
            raise Refused(grpc.StatusCode.UNAVAILABLE)
        return data

    proxy.on_answer = on_answer
    result = proxied.append_usage(make_bodies("e", 5))

    assert failures == 0
    # The ledger logged the events at the first try; the third one is answered with the originals.
    assert (result.accepted, result.duplicates) == (0, 5)
