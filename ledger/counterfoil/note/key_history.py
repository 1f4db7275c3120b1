"""The keys of one log from its first on, and how one follows the other.

A change of keys is an entry of the log (kind 11). At index i, with an overlap of n entries:

- the new key signs every checkpoint from size i + 1 on, which is the first one that holds the entry;
- the retired key signs with it up to size i + 1 + n, its cut-off, and nothing beyond.

So the first checkpoint behind a change always has both signatures: whoever trusts either key learns of the other.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Final, Protocol

from counterfoil.errors import VerificationError
from counterfoil.keys import KEY_TYPE_ED25519, Verifier
from counterfoil.limits import TREE_SIZE_MAX
from counterfoil.note.checkpoint import Checkpoint
from counterfoil.note.key_sizes import KeySizes
from counterfoil.note.policy import Policy
from counterfoil.wire import parse_fields

PURPOSE_CHECKPOINT: Final = 1
"""Of KeyChange.purpose: the key signs checkpoints, and receipts in the form of a JWT."""

_TYPES: Final = {1: int, 2: bytes, 3: bytes, 4: int, 5: int, 6: bytes}


class Trust(Protocol):
    """Whoever can tell whether a checkpoint is good."""

    def check(self, note: bytes) -> Checkpoint:
        """Return the checkpoint in a signed note, if it is good.

        Raises:
            VerificationError: If it is not.
        """


def as_trust(trust: Verifier | Trust) -> Trust:
    """Return the trust as it is, or that in one key for checkpoints of every size."""
    return Policy((trust,)) if isinstance(trust, Verifier) else trust


@dataclass(frozen=True)
class KeyChange:
    """What the body of a key change says, as far as verifiers need it.

    Attributes:
        purpose: PURPOSE_CHECKPOINT, or another number.
        retired: The key that signed until then.
        new: The key that signs from then on.
        overlap_entries: How many entries behind it both sign.
    """

    purpose: int
    retired: Verifier
    new: Verifier
    overlap_entries: int

    @classmethod
    def parse(cls, body: bytes) -> KeyChange:
        """Read the body of an entry of kind 11 (KeyChange of key_change.proto).

        Raises:
            VerificationError: If it is malformed, or the keys are not two of one name and type.
        """
        fields: dict[int, list[int | bytes]] = defaultdict(list)
        for number, value, _ in parse_fields(body):
            if type(value) is not _TYPES.get(number):
                raise VerificationError(f"key change has an unknown field {number}")
            fields[number].append(value)
        if any(len(values) > 1 for values in fields.values()):
            raise VerificationError("key change repeats a field")
        if not fields[1]:
            raise VerificationError("key change does not say what the keys are for")
        retired, new = (_verifier(fields[number]) for number in (2, 3))
        _text(fields[6], "reason")
        overlap = int(*fields[4])
        if overlap > TREE_SIZE_MAX:
            raise VerificationError("key change has a negative overlap")
        if retired.name != new.name or retired.public_key == new.public_key:
            raise VerificationError("key change does not name two keys of one name")
        return cls(int(*fields[1]), retired, new, overlap)

    def sizes(self, index: int) -> tuple[KeySizes, KeySizes]:
        """Return what the retired and the new key are good for, given the entry's index."""
        begin = index + 1
        last = min(begin + self.overlap_entries, TREE_SIZE_MAX)
        return KeySizes(self.retired, 0, last), KeySizes(self.new, begin)


def _text(values: list[int | bytes], what: str) -> str:
    try:
        return bytes(*values).decode()
    except UnicodeDecodeError as error:
        raise VerificationError(f"key change has a {what} that is no text") from error


def _verifier(values: list[int | bytes]) -> Verifier:
    verifier = Verifier.parse(_text(values, "key"))
    if verifier.key_type != KEY_TYPE_ED25519:
        raise VerificationError("key change names a cosigner's key")
    return verifier


@dataclass(frozen=True)
class KeyHistory:
    """All keys that ever signed the checkpoints of a log.

    Attributes:
        keys: The keys with their sizes, oldest first; the last one is not retired.
    """

    keys: tuple[KeySizes, ...]

    @classmethod
    def begin(cls, verifier: Verifier) -> KeyHistory:
        """Return the history of a log that has had one key."""
        return cls((KeySizes(verifier),))

    def after(self, change: KeyChange, index: int) -> KeyHistory:
        """Return the history with one more change, which is the entry at an index.

        Raises:
            VerificationError: If the retired key is not the present one, the new one was a key of this log before, or the
                change comes before the one before it.
        """
        if change.retired != self.present:
            raise VerificationError("the change retires a key that is not the present one")
        if any(change.new.public_key == each.verifier.public_key for each in self.keys):
            raise VerificationError("a key that was retired does not come back")
        if index < self.keys[-1].first or index + 1 > TREE_SIZE_MAX:
            raise VerificationError("the change comes before the one before it")
        retired, new = change.sizes(index)
        return KeyHistory((*self.keys[:-1], replace(self.keys[-1], last=retired.last), new))

    @property
    def present(self) -> Verifier:
        """The key that is not retired."""
        return self.keys[-1].verifier

    @property
    def origin(self) -> str:
        """The name of the log."""
        return self.present.name

    def at(self, size: int) -> Sequence[Verifier]:
        """Return the keys that sign a checkpoint of this size, oldest first."""
        return [each.verifier for each in self.keys if each.hold(size)]

    @cached_property
    def policy(self) -> Policy:
        """The policy of a stranger who believes this log: each key for its sizes, no witnesses."""
        limited = tuple(each for each in self.keys if each != KeySizes(each.verifier))
        return Policy(tuple(each.verifier for each in self.keys), sizes=limited)

    def check(self, note: bytes) -> Checkpoint:
        """Return a checkpoint if every key that has to sign it did: what the log holds itself to.

        Raises:
            VerificationError: If one did not, or one signed that has no business with this size.
        """
        checkpoint = self.policy.check(note)
        for verifier in self.at(checkpoint.size):
            if verifier not in checkpoint.keys:
                raise VerificationError(
                    f"checkpoint of size {checkpoint.size} is not signed by {verifier.vkey}"
                )
        return checkpoint


def follow(policy: Policy, change: KeyChange, index: int) -> Policy:
    """Return a policy that knows both keys of a change, each for no more sizes than the change says.

    Whoever calls has verified that the change is the entry at this index, under the policy or a stricter one. Following the
    same change again changes nothing.
    """
    known = {each.verifier: each for each in policy.sizes}
    for told in change.sizes(index):
        held = known.get(told.verifier, KeySizes(told.verifier))
        known[told.verifier] = replace(
            held, first=max(held.first, told.first), last=min(held.last, told.last)
        )
    added = tuple(key for key in (change.retired, change.new) if key not in policy.logs)
    return replace(policy, logs=(*policy.logs, *added), sizes=tuple(known.values()))
