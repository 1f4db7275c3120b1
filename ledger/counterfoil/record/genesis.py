"""Kind 1: the first entry of every log, with its origin, keys and parameters."""

from collections.abc import Iterator
from typing import Any

from counterfoil.entry import KIND_GENESIS
from counterfoil.record import problem
from counterfoil.record.kind import Kind, by_request_id
from counterfoil.record.problem import Problem
from counterfoil.v1 import record_pb2


def _check(body: Any, _raw: bytes) -> Iterator[Problem]:
    if not body.origin or not body.vkeys:
        yield Problem(0, "origin", problem.MISSING, "a genesis record names its origin and keys")


GENESIS = Kind(
    number=KIND_GENESIS,
    name="genesis",
    id_prefix="gen",
    message=record_pb2.Genesis,
    check=_check,
    terms=lambda _body: {},
    identity=by_request_id,
)
