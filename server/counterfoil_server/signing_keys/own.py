"""The keys of a ledger's directory, and what they say of its log."""

from collections.abc import Sequence
from pathlib import Path

from counterfoil.errors import StartupError
from counterfoil.keys import SigningKey, Verifier
from counterfoil.log.keys import read_keys
from counterfoil.log.log import check_begun, check_format, check_present
from counterfoil.log.secret import derive_secret, read_secret
from counterfoil.log.state import read_state
from counterfoil.note import KeyHistory
from counterfoil.store import Snapshot
from counterfoil_server.signing_keys.open import open_key
from counterfoil_server.signing_keys.table import ListedKey, read_table


class OwnKeys:
    """Which keys a directory has: those of its table, or the one of its settings.

    Private halves are opened when something has to be signed. The key of the settings is opened at once, since nothing else
    tells its public half.

    Attributes:
        listed: the keys, the log's first one first. known: their public halves. All are candidates: the log tells which
            of them signs what.
    """

    def __init__(self, directory: Path, origin: str, reference: str) -> None:
        """Look; ``reference`` is that of the settings, and counts while there is no table.

        Raises:
            StartupError: the table or the key cannot be read, or a key is of another origin.
        """
        self._directory = directory
        self._origin = origin
        self._opened: dict[Verifier, SigningKey] = {}
        self.listed = read_table(directory)
        if not self.listed:
            signer = open_key(reference, directory, origin)
            self._opened[signer.verifier] = signer
            self.listed = [ListedKey("checkpoint", signer.verifier, reference)]
        self.known = tuple(each.verifier for each in self.listed)
        for verifier in self.known:
            if verifier.name != origin:
                told = f"a key of {verifier.name} is listed, but the settings name {origin}"
                raise StartupError(told)

    def open(self, listed: ListedKey) -> SigningKey:
        """The private half of a listed key.

        Raises:
            StartupError: it cannot be opened, or is another one.
        """
        signer = self._opened.get(listed.verifier)
        if signer is None:
            signer = open_key(listed.uri, self._directory, self._origin)
            if signer.verifier != listed.verifier:
                told = f"{listed.uri} is the key {signer.verifier.vkey}, and not {listed.verifier.vkey}"
                raise StartupError(told)
            self._opened[listed.verifier] = signer
        return signer

    def secret(self, snapshot: Snapshot) -> bytes:
        """The secret of the catalog.

        Raises:
            StartupError: the store does not have it, and the first key that gives it cannot be opened.
            IntegrityError: it is damaged.
        """
        return read_secret(snapshot) or derive_secret(self.open(self.listed[0]))

    def spare_secret(self) -> bytes:
        """What the first key gives, for a store that lost the secret; empty if that key is no longer there."""
        try:
            return derive_secret(self.open(self.listed[0]))
        except StartupError:
            return b""

    def history(self, snapshot: Snapshot) -> KeyHistory:
        """The log's keys, with the sizes that each is good for. Its present key is one of this directory.

        Raises:
            StartupError: it is another log's store, or its present key is none of ours.
            IntegrityError: the log's record of its keys is damaged.
        """
        check_format(snapshot, self._origin)
        check_begun(snapshot)
        history = read_keys(snapshot, self.secret(snapshot))
        check_present(history, self.known)
        return history

    def signing(self, snapshot: Snapshot) -> Sequence[SigningKey]:
        """The private keys that sign what comes next, oldest first.

        Raises:
            StartupError: one of them cannot be opened, or is not in this directory.
            IntegrityError: see :meth:`history`.
        """
        needed = self.history(snapshot).at(read_state(snapshot).size + 1)
        return [self.open(each) for each in self.listed if each.verifier in needed]
