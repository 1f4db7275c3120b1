"""The same content under several creators: who holds which fingerprint, and which assets are contested.

A fingerprint is shared when assets of two creators hold it. Its rows are ordered by creator, so that those of one are
jumped over: however many hold it, that costs three looks. An asset with a shared fingerprint is contested; how many it has is
counted, so that the contested ones are listed without looking at the others.
"""

from collections.abc import Collection, Iterator

from counterfoil.errors import IntegrityError
from counterfoil.log.registry.rows import (
    CONTENT,
    CONTESTED,
    delete_row,
    put_row,
    read_count,
    scan_below,
)
from counterfoil.store import Snapshot, Transaction, encode_key

Print = tuple[str, bytes]
"""A fingerprint: algorithm and digest."""
Holder = tuple[str, int, str]
"""An asset with a fingerprint: its creator, its number, its id."""


def find_holders(
    snapshot: Snapshot, fingerprint: Print, but: str | None = None
) -> Iterator[Holder]:
    """The assets with a fingerprint, by creator and number; without those of one creator, when one is named."""
    for rest, value in scan_below(snapshot, (CONTENT, *fingerprint), but=but):
        match rest:
            case (str(owner), int(number)):
                yield owner, number, value.decode()
            case _:
                raise IntegrityError("a key of the registry is damaged; run fsck")


def is_held_by_others(snapshot: Snapshot, fingerprint: Print, owner: str) -> bool:
    """Whether an asset of another creator has a fingerprint."""
    return any(True for _ in find_holders(snapshot, fingerprint, but=owner))


def is_contested(snapshot: Snapshot, number: int) -> bool:
    """Whether an asset has content in common with one of another creator."""
    return read_count(snapshot, encode_key(CONTESTED, "", number)) > 0


def replace_contents(
    transaction: Transaction,
    holder: Holder,
    before: Collection[Print],
    after: Collection[Print],
) -> None:
    """Make an asset hold other fingerprints than before."""
    for fingerprint in sorted(set(before) - set(after)):
        _release(transaction, holder, fingerprint)
    for fingerprint in sorted(set(after) - set(before)):
        _hold(transaction, holder, fingerprint)


def _hold(transaction: Transaction, holder: Holder, fingerprint: Print) -> None:
    owner, number, asset_id = holder
    shared = _is_shared(transaction, fingerprint)
    put_row(transaction, encode_key(CONTENT, *fingerprint, owner, number), asset_id.encode())
    if shared:
        _count(transaction, holder, 1)
    elif _is_shared(transaction, fingerprint):
        # Until now all of them were one creator's, who learns of it with the newcomer.
        for each in list(find_holders(transaction, fingerprint)):
            _count(transaction, each, 1)


def _release(transaction: Transaction, holder: Holder, fingerprint: Print) -> None:
    owner, number, _ = holder
    shared = _is_shared(transaction, fingerprint)
    delete_row(transaction, encode_key(CONTENT, *fingerprint, owner, number))
    if shared:
        _count(transaction, holder, -1)
        if not _is_shared(transaction, fingerprint):
            for each in list(find_holders(transaction, fingerprint)):
                _count(transaction, each, -1)


def _is_shared(snapshot: Snapshot, fingerprint: Print) -> bool:
    first = next(find_holders(snapshot, fingerprint), None)
    return first is not None and is_held_by_others(snapshot, fingerprint, first[0])


def _count(transaction: Transaction, holder: Holder, more: int) -> None:
    owner, number, _ = holder
    for listed in ("", owner):
        key = encode_key(CONTESTED, listed, number)
        count = read_count(transaction, key) + more
        if count > 0:
            put_row(transaction, key, count.to_bytes(8, "big"))
        else:
            delete_row(transaction, key)
