"""Whom to believe: trust policies, as in C2SP tlog-policy.

::

    log example.com/ledger+2f6a1b09+AQ...
    witness w1 witness.example.com/w1+8d66cf3f+BA...    https://witness.example.com/
    witness w2 ...
    witness w3 ...
    group two-of-three 2 w1 w2 w3
    quorum two-of-three

A log that changed its key has a line for each, with the sizes whose checkpoints the key is good for; this is no part of
C2SP, and a reader that does not know it refuses the policy::

    log example.com/ledger+2f6a1b09+AQ... sizes 0-20003
    log example.com/ledger+77e1c0de+AQ... sizes 20003-

A checkpoint is good if one of the logs signed it and the quorum cosigned it. A quorum is a witness,
a group (k, any or all of its members, which are witnesses or groups) or ``none``. Names are defined
before they are used, and each is a member of one group at most.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from counterfoil.errors import VerificationError
from counterfoil.keys import KEY_TYPE_COSIGNATURE, KEY_TYPE_ED25519, Verifier
from counterfoil.note.checkpoint import Checkpoint, note_bytes, read_checkpoint
from counterfoil.note.key_sizes import KeySizes
from counterfoil.note.lines import parse_decimal
from counterfoil.note.signed import parse_note

POLICY_SIZE_BYTES_MAX = 64 * 1024
"""The largest policy text: several hundred keys, where C2SP asks for 32 logs and 32 witnesses."""

NO_QUORUM = "none"
"""The quorum that asks for no cosignature."""

_FORBIDDEN = re.compile(rb"[\x00-\x08\x0b-\x1f\x7f]")


@dataclass(frozen=True)
class Witness:
    """A witness under the name that it has in the policy.

    Attributes:
        name: What groups and the quorum call it.
        verifier: Its key, of type KEY_TYPE_COSIGNATURE.
    """

    name: str
    verifier: Verifier


@dataclass(frozen=True)
class Group:
    """Witnesses and other groups, so many of whom have to agree.

    Attributes:
        name: What other groups and the quorum call it.
        threshold: How many members have to have cosigned.
        members: The names of its members.
    """

    name: str
    threshold: int
    members: tuple[str, ...]


@dataclass(frozen=True)
class Policy:
    """Which logs are believed, and which witnesses have to agree. Made by parse or by trust.

    Attributes:
        logs: The keys of the logs.
        witnesses: The witnesses, in the order of the text.
        groups: The groups, each after all of its members.
        quorum: The name of a witness or a group, or "none".
        sizes: For which sizes the keys of logs are good; those that are not named here, for all.
    """

    logs: tuple[Verifier, ...]
    witnesses: tuple[Witness, ...] = ()
    groups: tuple[Group, ...] = ()
    quorum: str = NO_QUORUM
    sizes: tuple[KeySizes, ...] = ()

    @classmethod
    def parse(cls, text: str | bytes) -> Policy:
        """Read a policy. A final newline may be missing, since people write these by hand.

        Raises:
            VerificationError: If it breaks a rule of C2SP tlog-policy; the message has the line.
            UnverifiableError: If a key is of a type that is not known here.
        """
        data = note_bytes(text)
        if len(data) > POLICY_SIZE_BYTES_MAX:
            raise VerificationError(f"policy is larger than {POLICY_SIZE_BYTES_MAX} bytes")
        if _FORBIDDEN.search(data) is not None:
            raise VerificationError("policy has a control character")
        # Names are octets to C2SP, whatever they encode; this keeps any octets apart.
        lines = data.decode(errors="surrogateescape").split("\n")
        parser = _Parser()
        for number, line in enumerate(lines, start=1):
            words = re.findall("[^ \t]+", line)
            if words and not words[0].startswith("#"):
                try:
                    parser.read_line(words)
                except VerificationError as error:
                    raise type(error)(f"policy, line {number}: {error}") from error
        return parser.finish()

    @classmethod
    def trust(cls, *vkeys: str) -> Policy:
        """Return the policy that believes these logs alone, without witnesses.

        Raises:
            VerificationError: If one is not the vkey of a log, or is given twice.
        """
        parser = _Parser()
        for vkey in vkeys:
            parser.read_line(["log", vkey])
        parser.read_line(["quorum", NO_QUORUM])
        return parser.finish()

    def check(self, note: bytes | str, *, allow_extensions: bool = False) -> Checkpoint:
        """Return the checkpoint in a signed note if this policy accepts it.

        Its attribute witnessed is True when the policy has a quorum.

        Raises:
            VerificationError: If it is malformed, a line of a known key does not verify, a key
                signed it that is not good for its size, or the quorum has not cosigned it.
            UnverifiableError: If none of the logs signed it.
        """
        data = note_bytes(note)
        keys = [*self.logs, *(witness.verifier for witness in self.witnesses)]
        signed = parse_note(data, keys)
        checkpoint = read_checkpoint(data, signed, allow_extensions=allow_extensions)
        for key in self.sizes:
            if key.verifier in checkpoint.keys:
                key.check(checkpoint.size)
        if self.quorum == NO_QUORUM:
            return checkpoint
        if not self._quorum_met({signature.verifier for signature in signed.signatures}):
            raise VerificationError(f"checkpoint is not cosigned by the quorum {self.quorum!r}")
        return replace(checkpoint, witnessed=True)

    @property
    def text(self) -> str:
        """The policy as parse reads it; comments and the addresses of its parties are not kept."""
        limits = {each.verifier: f" sizes {each.text}" for each in self.sizes}
        lines = [f"log {log.vkey}{limits.get(log, '')}" for log in self.logs]
        lines += [f"witness {each.name} {each.verifier.vkey}" for each in self.witnesses]
        lines += [
            f"group {each.name} {each.threshold} {' '.join(each.members)}" for each in self.groups
        ]
        return "\n".join([*lines, f"quorum {self.quorum}", ""])

    def _quorum_met(self, signed_by: set[Verifier]) -> bool:
        agreed = {witness.name for witness in self.witnesses if witness.verifier in signed_by}
        # Members come before their groups, so one pass settles groups of groups, however deep.
        for group in self.groups:
            if len(agreed.intersection(group.members)) >= group.threshold:
                agreed.add(group.name)
        return self.quorum in agreed


class _Parser:
    """What has been read of a policy so far."""

    def __init__(self) -> None:
        self.logs: list[Verifier] = []
        self.sizes: list[KeySizes] = []
        self.witnesses: list[Witness] = []
        self.groups: list[Group] = []
        self.names: set[str] = set()
        self.members: set[str] = set()
        self.quorum: str | None = None

    def read_line(self, words: list[str]) -> None:
        match words:
            case ["log", vkey] | ["log", vkey, _]:
                self._read_log(vkey)
            case ["log", vkey, "sizes", sizes] | ["log", vkey, _, "sizes", sizes]:
                self._read_log(vkey)
                self.sizes.append(KeySizes.parse(self.logs[-1], sizes))
            case ["witness", name, vkey] | ["witness", name, vkey, _]:
                self._read_witness(name, vkey)
            case ["group", name, threshold, *members]:
                self._read_group(name, threshold, members)
            case ["quorum", name]:
                self._read_quorum(name)
            case _:
                raise VerificationError("not a log, witness, group or quorum with its words")

    def finish(self) -> Policy:
        if self.quorum is None:
            raise VerificationError("policy has no quorum line")
        return Policy(
            tuple(self.logs),
            tuple(self.witnesses),
            tuple(self.groups),
            self.quorum,
            tuple(self.sizes),
        )

    def _read_log(self, vkey: str) -> None:
        verifier = Verifier.parse(vkey)
        if verifier.key_type != KEY_TYPE_ED25519:
            raise VerificationError("this is a cosigner's key, not that of a log")
        if any(verifier.public_key == log.public_key for log in self.logs):
            raise VerificationError("the key of this log is listed already")
        self.logs.append(verifier)

    def _read_witness(self, name: str, vkey: str) -> None:
        verifier = Verifier.parse(vkey)
        if verifier.key_type != KEY_TYPE_COSIGNATURE:
            raise VerificationError("this is not a cosigner's key")
        if any(verifier.public_key == other.verifier.public_key for other in self.witnesses):
            raise VerificationError("the key of this witness is listed already")
        self._define(name)
        self.witnesses.append(Witness(name, verifier))

    def _read_group(self, name: str, threshold: str, members: list[str]) -> None:
        if not members:
            raise VerificationError("group has no members")
        for member in members:
            if member not in self.names:
                raise VerificationError("group has a member that is not defined before it")
            if member in self.members:
                raise VerificationError("group has a member that is in a group already")
            self.members.add(member)
        counts = {"any": 1, "all": len(members)}
        count = counts[threshold] if threshold in counts else parse_decimal(threshold)
        if not 1 <= count <= len(members):
            raise VerificationError(f"group asks for {count} of {len(members)} members")
        self._define(name)
        self.groups.append(Group(name, count, tuple(members)))

    def _read_quorum(self, name: str) -> None:
        if self.quorum is not None:
            raise VerificationError("there is a quorum line already")
        if name != NO_QUORUM and name not in self.names:
            raise VerificationError("quorum is not defined before this line")
        self.quorum = name

    def _define(self, name: str) -> None:
        if name == NO_QUORUM or name in self.names:
            raise VerificationError("this name is taken")
        self.names.add(name)
