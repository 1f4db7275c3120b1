"""Receipts: evidence that stays checkable by anyone, offline, for ever.

:func:`verify_receipt` takes any form and tells which it was by its first bytes. It does no I/O and reads no clock.

    >>> verified = verify_receipt(data, "example.com/ledger+93727de6+AQOhB7/zzhC+HXDdGOdLwJln5NYwm6UNXx3chmQSVTG4")
    >>> verified.origin, verified.index, verified.states
    ('example.com/ledger', 41, ('included',))
"""

from collections.abc import Iterable, Sequence

from counterfoil.errors import UnverifiableError, VerificationError
from counterfoil.note import Policy
from counterfoil.receipt import batch, jwt, single
from counterfoil.receipt.batch import (
    BatchReceipt,
    check_batch_receipt,
    format_batch_receipt,
    keep_batch_receipt,
    parse_batch_receipt,
)
from counterfoil.receipt.jwt import format_jwt
from counterfoil.receipt.key_change import follow_all, follow_key_change
from counterfoil.receipt.single import (
    Receipt,
    check_receipt,
    format_json,
    format_receipt,
    format_tlog_proof,
    parse_json,
    parse_receipt,
    parse_tlog_proof,
)
from counterfoil.receipt.verified import INCLUDED, WITNESSED, VerifiedReceipt, as_policy

__all__ = [
    "INCLUDED",
    "WITNESSED",
    "BatchReceipt",
    "Receipt",
    "VerifiedReceipt",
    "follow_key_change",
    "format_batch_receipt",
    "format_json",
    "format_jwt",
    "format_receipt",
    "format_tlog_proof",
    "keep_batch_receipt",
    "learn_keys",
    "parse_batch_receipt",
    "parse_json",
    "parse_receipt",
    "parse_tlog_proof",
    "verify_batch",
    "verify_receipt",
]


def verify_receipt(
    data: bytes | str, policy: Policy | str, records: Sequence[bytes] | None = None
) -> VerifiedReceipt:
    """Verify a receipt in any of its forms.

    Args:
        data: the receipt: binary, JSON, tlog-proof, JWT, or a batch receipt.
        policy: whom to trust; a verifier key stands for "this log, no witnesses".
        records: the exact bytes of the Records in order. A batch receipt needs them, unless it holds them itself; the
            receipt of one record has its own, which must then be the one given.

    Returns:
        What was verified. Nothing in it is taken on trust but the policy.

    Raises:
        VerificationError: the receipt is malformed or does not verify.
        UnverifiableError: it cannot be told: unknown form or key, or the records are missing.
    """
    # A surrogate is passed on as the bytes that it is not allowed to be, which every form refuses.
    raw = data.encode(errors="surrogatepass") if isinstance(data, str) else bytes(data)
    trusted = as_policy(policy)
    if raw.startswith(batch.BINARY_START):
        return check_batch_receipt(parse_batch_receipt(raw), trusted, records)
    verified = _verify_single(raw, trusted)
    if records is not None and tuple(records) != verified.records:
        raise VerificationError("the receipt is for another record than the one given")
    return verified


def _verify_single(raw: bytes, trusted: Policy) -> VerifiedReceipt:
    if raw.startswith(single.BINARY_START):
        return check_receipt(parse_receipt(raw), trusted, "receipt")
    if raw.startswith(single.TLOG_PROOF_LINE.encode() + b"\n"):
        return check_receipt(parse_tlog_proof(raw), trusted, "tlog-proof")
    if raw.lstrip().startswith(b"eyJ"):
        return jwt.check_jwt(raw, trusted)
    if raw.lstrip().startswith(b"{"):
        return check_receipt(parse_json(raw), trusted, "json")
    raise UnverifiableError("this is no form of receipt that this version knows")


def verify_batch(receipt: bytes, policy: Policy | str, records: Sequence[bytes]) -> VerifiedReceipt:
    """Verify a batch receipt against the records that were sent.

    Raises:
        VerificationError: the receipt is malformed, or these are not the records that were logged.
    """
    return check_batch_receipt(parse_batch_receipt(receipt), as_policy(policy), records)


def learn_keys(policy: Policy | str, changes: Iterable[bytes]) -> tuple[Policy, list[bytes]]:
    """Follow changes of a log's keys from the keys that are trusted, in whatever order they are given.

    Args:
        changes: receipts of changes of keys, in any form.

    Returns:
        The policy with all keys that could be reached, each with the sizes that it is good for; and the receipts that could
        not be: no key that signed them is known.

    Raises:
        VerificationError: a receipt is malformed, does not verify, or is none of a change of keys.
    """
    return follow_all(as_policy(policy), changes, verify_receipt)
