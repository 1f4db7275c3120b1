"""Where two bodies of one kind first differ: what a conflict names."""

from google.protobuf.message import Message

from counterfoil.record.kind import Kind


def first_difference(kind: Kind, logged: bytes, sent: bytes) -> str | None:
    """The name of the first field, by number, that differs; None when they say the same in other bytes."""
    before, after = kind.message.FromString(logged), kind.message.FromString(sent)
    if before == after:
        return None
    names = {field.number: str(field.name) for field in kind.message.DESCRIPTOR.fields}
    ordered = (names[number] for number in sorted(names))
    return next((name for name in ordered if _differs(before, after, name)), "body")


def _differs(before: Message, after: Message, name: str) -> bool:
    return bool(getattr(before, name) != getattr(after, name))
