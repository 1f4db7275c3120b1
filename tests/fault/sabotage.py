"""Servers that are broken on purpose: negative controls. Only the tests' own launcher (spawner.py) can ask for one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from typing import Any

from counterfoil.errors import CounterfoilError
from counterfoil.log import Appended, Batch, Log
from counterfoil.log import append as append_module
from counterfoil.log import runs as runs_module
from counterfoil.log.append import append_group
from counterfoil.receipt import BatchReceipt, Receipt, format_batch_receipt, format_receipt
from counterfoil.store import LmdbStore, Transaction
from counterfoil_server import compaction as compaction_module
from counterfoil_server import serve as serve_module
from counterfoil_server import usage as usage_module
from counterfoil_server.rpc import records as records_module


class _TakenBack(Exception):
    """Ends a transaction without a change."""


def answer_before_commit() -> None:
    """Answer with good receipts, and commit with the next group: what a crash catches between is lost."""
    waiting: list[tuple[Sequence[Batch], int]] = []
    commit = Log.append

    def append(self: Any, batches: Sequence[Batch]) -> list[Appended | CounterfoilError]:
        clock = self._clock
        while waiting:
            earlier, then_us = waiting.pop()
            self._clock = partial(int, then_us)
            commit(self, earlier)
        self._clock = clock
        now_us = clock()
        results: list[Appended | CounterfoilError] = []

        def try_out(transaction: Transaction) -> None:
            results.extend(append_group(transaction, batches, now_us, self.signers))
            raise _TakenBack

        with suppress(_TakenBack):
            self.store.transact(try_out)
        waiting.append((batches, now_us))
        return results

    _replace(Log, "append", append)


def forget_duplicates() -> None:
    """Log whatever comes, known or not."""
    _replace(append_module, "find_suspects", lambda _transaction, batches: [[] for _ in batches])


def ignore_failed_commits() -> None:
    """Take a commit that failed for one that was done, and go on."""
    commit = LmdbStore._commit

    def _commit(self: LmdbStore, transaction: Any) -> bool:
        with suppress(Exception):
            commit(self, transaction)
        self._unknown = False
        return True

    _replace(LmdbStore, "_commit", _commit)


def answer_with_bad_receipts() -> None:
    """Answer with receipts in which one bit is wrong."""

    def format_badly(receipt: BatchReceipt) -> bytes:
        data = format_batch_receipt(receipt)
        return data[:-1] + bytes((data[-1] ^ 1,))

    def format_one_badly(receipt: Receipt) -> bytes:
        data = format_receipt(receipt)
        return data[:-1] + bytes((data[-1] ^ 1,))

    _replace(usage_module, "format_batch_receipt", format_badly)
    _replace(records_module, "format_receipt", format_one_badly)


def merge_early() -> None:
    """Not a fault: merges of the catalog that are left to the background begin with a handful of entries."""
    _replace(runs_module, "INLINE_COUNT_MAX", 15)


def merge_never() -> None:
    """Not a fault either: such merges fall due, and nobody makes them."""
    merge_early()
    _replace(compaction_module, "compact", lambda _store: False)


def take_any_size() -> None:
    """Take messages of any size; a compressed one may unfold to anything."""
    _set_option("grpc.max_receive_message_length", -1)


def find_out_silent_peers_soon() -> None:
    """Not a fault: a peer that is silent for a second is asked, and has a second to answer."""
    _set_option("grpc.keepalive_time_ms", 1000)
    _set_option("grpc.keepalive_timeout_ms", 1000)


def believe_silent_peers() -> None:
    """Keep connections whose other end may be gone."""
    _set_option("grpc.keepalive_time_ms", 7_200_000)


def _set_option(name: str, value: int) -> None:
    options = dict(serve_module._OPTIONS) | {name: value}
    _replace(serve_module, "_OPTIONS", tuple(options.items()))


def _replace(owner: Any, name: str, function: Any) -> None:
    setattr(owner, name, function)


SABOTAGES: dict[str, Callable[[], None]] = {
    each.__name__: each
    for each in (
        answer_before_commit,
        forget_duplicates,
        ignore_failed_commits,
        answer_with_bad_receipts,
        merge_early,
        merge_never,
        take_any_size,
        find_out_silent_peers_soon,
        believe_silent_peers,
    )
}
