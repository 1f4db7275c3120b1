"""What a record changes in the registry, as data: the log applies it, and never asks which kind it is."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Reference:
    """Another object that must be there and in force.

    Attributes:
        field: where the body names it. kind, object_id: which one it is.
        owner: the creator whose it must be, unless it is everybody's; None for any.
    """

    field: str
    kind: int
    object_id: str
    owner: str | None = None


@dataclass(frozen=True, slots=True)
class Change:
    """One version of an object, or its end.

    Attributes:
        kind, object_id: which object. id_field: what the body calls its id.
        replaces: the entry id of the version that this one replaces; empty for the first.
        owner: the creator whose it is; empty for what the platform offers to all.
        ends: whether it ends the object. effective_time_us: when the end may take effect at the earliest.
        notice_us: how long it stays in force after its end is logged; None when it cannot be ended.
        references: what must be there before it.
        fixed: fields that no later version may change, with their values as text.
        listed: under which texts the object is found, for ever; each is made from fixed fields.
        contents: fingerprints (algorithm, digest) that tell when two creators register the same content.
    """

    kind: int
    object_id: str
    id_field: str
    replaces: str
    owner: str = ""
    ends: bool = False
    effective_time_us: int = 0
    notice_us: int | None = 0
    references: tuple[Reference, ...] = ()
    fixed: Mapping[str, str] = field(default_factory=dict)
    listed: tuple[tuple[str, ...], ...] = ()
    contents: frozenset[tuple[str, bytes]] = frozenset()


def listed_under(fixed: Mapping[str, str]) -> tuple[tuple[str, ...], ...]:
    """The lists of an object: that of its kind, and one for each fixed field that says something."""
    return ((), *((name, value) for name, value in fixed.items() if value))
