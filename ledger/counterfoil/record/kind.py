"""What a kind of record is: data, so that log, store and server never switch on it."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from google.protobuf.message import Message

from counterfoil.record.change import Change
from counterfoil.record.problem import Problem


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of record.

    Attributes:
        number: byte 1 of the leaf. name: for people.
        id_prefix: what the ids of such entries begin with.
        message: the protobuf class of the body.
        check: problems of a body, given the parsed message and its exact bytes.
        terms: what the catalog lists such records under, as (term, value).
        identity: the id that makes the record one of a kind for its submitter, given the request_id and the body.
        change: what the record changes in the registry; None for kinds that change nothing there.
    """

    number: int
    name: str
    id_prefix: str
    message: type[Message]
    check: Callable[[Any, bytes], Iterator[Problem]]
    terms: Callable[[Any], Mapping[str, str]]
    identity: Callable[[str, Any], str]
    change: Callable[[Any], Change] | None = None


def by_request_id(request_id: str, _body: Any) -> str:
    """The identity of a record whose kind has no id of its own."""
    return request_id
