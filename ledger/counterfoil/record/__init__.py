"""Kinds of records: what each must hold, what it is known by, and what it is listed under.

A new kind is one new file with one ``Kind`` and one line in ``KINDS``.
"""

from counterfoil.record.genesis import GENESIS
from counterfoil.record.ids import EntryId, format_id, parse_id
from counterfoil.record.key_change import KEY_CHANGE
from counterfoil.record.kind import Kind
from counterfoil.record.parsing import (
    ReceivedBatch,
    parse_append_usage,
    parse_message,
    parse_stream_batch,
)
from counterfoil.record.payout import PAYOUT
from counterfoil.record.problem import Problem
from counterfoil.record.training import TRAINING
from counterfoil.record.usage import USAGE

KINDS: tuple[Kind, ...] = (GENESIS, TRAINING, USAGE, PAYOUT, KEY_CHANGE)
KIND_BY_NUMBER = {kind.number: kind for kind in KINDS}

__all__ = [
    "GENESIS",
    "KEY_CHANGE",
    "KINDS",
    "KIND_BY_NUMBER",
    "PAYOUT",
    "TRAINING",
    "USAGE",
    "EntryId",
    "Kind",
    "Problem",
    "ReceivedBatch",
    "format_id",
    "parse_append_usage",
    "parse_message",
    "parse_stream_batch",
    "parse_id",
]
