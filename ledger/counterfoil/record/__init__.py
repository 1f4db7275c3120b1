"""Kinds of records: what each must hold, what it is known by, and what it is listed under.

A new kind is one new file with one ``Kind`` and one line in ``KINDS``.
"""

from counterfoil.record.assessment import ASSESSMENT, Verdicts
from counterfoil.record.asset import ASSET
from counterfoil.record.change import Change, Reference
from counterfoil.record.creator import CREATOR
from counterfoil.record.genesis import GENESIS
from counterfoil.record.history import History, Version
from counterfoil.record.ids import EntryId, format_id, parse_id
from counterfoil.record.key_change import KEY_CHANGE
from counterfoil.record.kind import Kind
from counterfoil.record.license import LICENSE
from counterfoil.record.parsing import (
    ReceivedBatch,
    parse_append_usage,
    parse_message,
    parse_stream_batch,
)
from counterfoil.record.payout import PAYOUT
from counterfoil.record.price import PRICE
from counterfoil.record.problem import Problem
from counterfoil.record.revocation import REVOCATION
from counterfoil.record.training import TRAINING
from counterfoil.record.usage import USAGE

KINDS: tuple[Kind, ...] = (
    *(GENESIS, TRAINING, USAGE, PAYOUT),
    *(CREATOR, ASSET, LICENSE, REVOCATION, PRICE),
    *(ASSESSMENT, KEY_CHANGE),
)
KIND_BY_NUMBER = {kind.number: kind for kind in KINDS}

__all__ = [
    "ASSESSMENT",
    "ASSET",
    "CREATOR",
    "GENESIS",
    "KEY_CHANGE",
    "KINDS",
    "KIND_BY_NUMBER",
    "LICENSE",
    "PAYOUT",
    "PRICE",
    "REVOCATION",
    "TRAINING",
    "USAGE",
    "Change",
    "EntryId",
    "History",
    "Kind",
    "Problem",
    "ReceivedBatch",
    "Verdicts",
    "Version",
    "Reference",
    "format_id",
    "parse_append_usage",
    "parse_message",
    "parse_stream_batch",
    "parse_id",
]
