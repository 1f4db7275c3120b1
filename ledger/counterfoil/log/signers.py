"""Who signs: the private keys at hand, each for the sizes that the log's history gives it."""

from collections.abc import Iterable, Sequence

from counterfoil.errors import StartupError
from counterfoil.keys import SigningKey
from counterfoil.note import KeyHistory, sign_checkpoint


class Signers:
    """Signs the checkpoints of one log, with every key that has to.

    Attributes:
        keys: the log's keys. present: the private key that is not retired.
    """

    def __init__(self, keys: KeyHistory, at_hand: Iterable[SigningKey], size: int) -> None:
        """Sign with the keys at hand, of which some may not be needed.

        Args:
            size: that of the log now.

        Raises:
            StartupError: one is missing that has to sign the next checkpoint.
        """
        self.keys = keys
        self._at_hand = {signer.verifier: signer for signer in at_hand}
        for verifier in keys.at(size + 1):
            if verifier not in self._at_hand:
                told = (
                    f"the private key of {verifier.vkey} is not in this directory, and has to sign what comes next; see "
                    "`counterfoil signing-key list`"
                )
                raise StartupError(told)
        self.present = self._at_hand[keys.present]

    @classmethod
    def alone(cls, signer: SigningKey) -> "Signers":
        """One key that signs everything: a new log."""
        return cls(KeyHistory.begin(signer.verifier), [signer], 0)

    def at(self, size: int) -> Sequence[SigningKey]:
        """The keys that sign a checkpoint of this size."""
        return [self._at_hand[verifier] for verifier in self.keys.at(size)]

    def oldest(self, size: int) -> tuple[SigningKey, int]:
        """Of the keys that sign the next checkpoint behind a size the one that most people know, and its first size."""
        verifier = self.keys.at(size + 1)[0]
        first = next(each.first for each in self.keys.keys if each.verifier == verifier)
        return self._at_hand[verifier], first

    def sign(self, size: int, root_hash: bytes) -> bytes:
        """The signed note of a tree, verified: a fault while signing must not become durable.

        Raises:
            SigningFailed: a device that holds a key does not sign.
            VerificationError: a signature does not verify.
        """
        note = sign_checkpoint(self.keys.origin, size, root_hash, *self.at(size))
        self.keys.check(note)
        return note
