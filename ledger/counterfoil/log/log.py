"""The log: what opens, checks and extends the store of one ledger."""

from collections.abc import Callable, Sequence

from counterfoil.errors import (
    Busy,
    CounterfoilError,
    IntegrityError,
    OutcomeUnknown,
    StartupError,
    StoreFull,
    VerificationError,
)
from counterfoil.keys import SigningKey, Verifier
from counterfoil.log.anchor import Anchor
from counterfoil.log.append import Appended, append_group
from counterfoil.log.batch import Batch, prepare_batch
from counterfoil.log.keys import read_keys
from counterfoil.log.layout import (
    CHECKPOINT,
    FORMAT_KEY,
    FORMAT_VERSION,
    META,
    index_key,
    unseal,
)
from counterfoil.log.nodes import Nodes
from counterfoil.log.read import read_checkpoint, read_entry
from counterfoil.log.secret import derive_secret, put_secret, read_secret
from counterfoil.log.signers import Signers
from counterfoil.log.state import read_state
from counterfoil.note import Checkpoint, KeyHistory, Trust, as_trust
from counterfoil.packed import HASH_SIZE
from counterfoil.record import GENESIS
from counterfoil.store import Snapshot, Store, Transaction
from counterfoil.tlog import Frontier, tree_root
from counterfoil.v1 import record_pb2

Clock = Callable[[], int]


class Log:
    """One log in its store. Many may read it; appending is serial, across all processes that share the store.

    Attributes:
        store: as given. origin: the log's name. environment: 1 live, 2 sandbox.
        signers: the private keys that sign.
        secret: 32 bytes that the catalog's fingerprints are keyed with (:mod:`counterfoil.log.secret`).
    """

    def __init__(
        self,
        store: Store,
        signer: SigningKey,
        anchor: Anchor,
        clock: Clock,
        environment: int,
        others: Sequence[SigningKey] = (),
    ) -> None:
        """Open a log that :func:`create_log` made. The same checks run at every start, after a crash or not.

        Args:
            signer: a private key of the log. others: more of them, when it changed its key; their order does not matter.
            clock: the present time in microseconds since 1970.

        Raises:
            StartupError: another log's store, an old copy of the store, or another key.
            IntegrityError: the right edge of the tree is not what was signed.
        """
        self.store = store
        self.origin = signer.name
        self.environment = environment
        self._anchor = anchor
        self._clock = clock
        self._failed: BaseException | None = None
        with store.snapshot() as snapshot:
            check_format(snapshot, self.origin)
            check_begun(snapshot)
            self.secret = read_secret(snapshot) or derive_secret(signer)
            self.signers = find_signers(snapshot, self.secret, [signer, *others])
            newest = check_right_edge(snapshot, self.keys)
            _check_environment(snapshot, environment)
            check_anchor(snapshot, anchor, newest)
        # A crash between commit and anchor leaves the anchor behind: it catches up here.
        anchor.advance(newest.note, newest.size)

    @property
    def keys(self) -> KeyHistory:
        """The log's keys, with the sizes that each is good for."""
        return self.signers.keys

    @property
    def signer(self) -> SigningKey:
        """The private key that is not retired."""
        return self.signers.present

    def append_signed(
        self, batches: Sequence[Batch], signers: Signers
    ) -> list[Appended | CounterfoilError]:
        """Append batches as :meth:`append` does, and let others sign from here on: what makes a change of keys."""
        before, self.signers = self.signers, signers
        try:
            return self.append(batches)
        except (Busy, StoreFull):
            self.signers = before
            raise

    def append(self, batches: Sequence[Batch]) -> list[Appended | CounterfoilError]:
        """Append batches in one durable transaction; on return it has been committed and anchored.

        Returns:
            For each batch what became of it, or the error that refused it alone.

        Raises:
            StoreFull: no room; nothing of the group was written, reads go on.
            Busy: the store could not begin; nothing was written.
            OutcomeUnknown: the group may or may not be in the log. This object will not append again: stop, start
                anew, and let the submitters send again.
        """
        if not batches:
            return []
        if self._failed is not None:
            raise OutcomeUnknown("an earlier commit failed; restart to find out what was stored")
        try:
            if self.store.room() <= 0:
                told = "the store has no room left; reads go on, writes resume when there is room"
                raise StoreFull(told)
            now_us = self._clock()
            # A crash before the commit inside leaves nothing; one after it leaves the whole group, signed.
            results = self.store.transact(
                lambda transaction: self._append_group(transaction, batches, now_us)
            )
            note = next((r.checkpoint for r in results if isinstance(r, Appended) and r.head), None)
            if note is not None:
                # Verified after it is durable and before anyone sees it: a fault while signing stays here.
                signed = self.keys.check(note)
                # A crash before this leaves the anchor one commit behind, and nobody was answered.
                self._check_overtaken(self._anchor.advance(note, signed.size))
        except (Busy, StoreFull):
            raise
        except BaseException as error:
            self._failed = error
            raise OutcomeUnknown(f"the commit failed: {error}") from error
        return results

    def close(self) -> None:
        """Close store and anchor; nobody may be reading or appending."""
        self.store.close()
        self._anchor.close()

    def _append_group(
        self, transaction: Transaction, batches: Sequence[Batch], now_us: int
    ) -> list[Appended | CounterfoilError]:
        """Append, unless the anchor knows a tree that this store does not have.

        A worker beside us advances the anchor after its commit, which this transaction sees. So an anchor that is ahead
        in here was advanced from another copy of the store: nothing is signed against it.
        """
        anchored = self._anchor.newest_size()
        if anchored > read_state(transaction).size:
            told = f"another copy of this log runs and signed {anchored} entries; stop this one"
            raise IntegrityError(told)
        return append_group(transaction, batches, now_us, self.signers)

    def _check_overtaken(self, newest: bytes | None) -> None:
        """What overtook us in the anchor must be of this store; else two copies signed at the same moment."""
        if newest is None:
            return
        size = self.keys.check(newest).size
        with self.store.snapshot() as snapshot:
            stored = snapshot.get(CHECKPOINT, index_key(size))
            ours = None if stored is None else unseal(stored, f"checkpoint of size {size}")
        if ours != newest:
            raise IntegrityError("another copy of this log signed another tree; stop both")


def create_log(
    store: Store, signer: SigningKey, anchor: Anchor, now_us: int, environment: int, seed: bytes
) -> None:
    """Write entry 0: origin, key and parameters. A crash before its commit leaves an empty store.

    Args:
        seed: 32 random bytes for the salt.

    Raises:
        StartupError: the store has a log already.
    """
    with store.snapshot() as snapshot:
        if read_state(snapshot).size:
            raise StartupError("the store has a log already")
    genesis = record_pb2.Genesis(
        origin=signer.name,
        vkeys=[signer.verifier.vkey],
        environment=record_pb2.Environment.Name(environment),
        leaf_version=1,
        created_time_us=now_us,
    )
    secret = derive_secret(signer)
    batch = prepare_batch(
        GENESIS,
        signer.name,
        [genesis.SerializeToString(deterministic=True)],
        ["genesis"],
        secret=secret,
        environment=environment,
        salt_seed=seed,
        request_id="genesis",
    )
    value = bytes((FORMAT_VERSION,)) + signer.name.encode()
    signers = Signers.alone(signer)

    def begin(transaction: Transaction) -> None:
        transaction.put(META, FORMAT_KEY, value)
        put_secret(transaction, secret)

    store.transact(begin)
    store.transact(lambda transaction: append_group(transaction, [batch], now_us, signers))
    with store.snapshot() as snapshot:
        size, note = read_checkpoint(snapshot)
    anchor.advance(note, size)


def check_format(snapshot: Snapshot, origin: str) -> None:
    """Refuse a store of another layout or another log.

    Raises:
        StartupError: it is one, or it has no log at all.
    """
    value = snapshot.get(META, FORMAT_KEY)
    if value is None:
        raise StartupError("the store has no log; make one with `counterfoil init`")
    version, stored = int.from_bytes(value[:1]), bytes(value[1:]).decode(errors="replace")
    if version != FORMAT_VERSION:
        raise StartupError(
            f"the store has layout version {version}; this program knows {FORMAT_VERSION}"
        )
    if stored != origin:
        raise StartupError(f"the store belongs to {stored}, but the key is that of {origin}")


def _check_environment(snapshot: Snapshot, environment: int) -> None:
    """Live and sandbox are told apart for ever by the genesis record, not by a setting that somebody edits."""
    genesis = record_pb2.Genesis.FromString(read_entry(snapshot, 0).body)
    if genesis.environment != environment:
        has, asked = (
            record_pb2.Environment.Name(number).removeprefix("ENVIRONMENT_").lower()
            for number in (genesis.environment, environment)
        )
        told = f"this log is {has}, but the settings say {asked}; set it back: live and sandbox are two logs"
        raise StartupError(told)


def check_begun(snapshot: Snapshot) -> None:
    """Refuse a log without its first entry.

    Raises:
        StartupError: it has none.
    """
    if read_state(snapshot).size == 0:
        raise StartupError(
            "the log is empty; `counterfoil init` was interrupted: remove the directory and repeat it"
        )


def find_signers(snapshot: Snapshot, secret: bytes, at_hand: Sequence[SigningKey]) -> Signers:
    """Who signs what comes next, of the private keys at hand.

    Raises:
        StartupError: the log's present key is none of them, or another one is missing that has to sign.
        IntegrityError: the log's record of its keys is damaged.
    """
    keys = read_keys(snapshot, secret)
    check_present(keys, [signer.verifier for signer in at_hand])
    return Signers(keys, at_hand, read_state(snapshot).size)


def check_present(keys: KeyHistory, known: Sequence[Verifier]) -> None:
    """Refuse a log whose present key is none of those of a directory: they say which log is meant.

    Raises:
        StartupError: it is none of them.
    """
    if keys.present not in known:
        raise StartupError(
            "the newest checkpoint was not signed by the key of this directory: the log says that its key is "
            f"{keys.present.vkey}"
        )


def check_right_edge(snapshot: Snapshot, trust: Verifier | Trust) -> Checkpoint:
    """The newest checkpoint, after its tree's right edge was made again from what is stored below it.

    Args:
        trust: the log's keys, or its only one.

    Raises:
        StartupError: the checkpoint was signed with another key.
        IntegrityError: the tree is not the one that was signed.
    """
    check_begun(snapshot)
    state = read_state(snapshot)
    size, note = read_checkpoint(snapshot)
    try:
        checkpoint = as_trust(trust).check(note)
    except VerificationError as error:
        raise StartupError(
            f"the newest checkpoint was not signed by the key of this directory: {error}"
        ) from error
    last = read_entry(snapshot, state.size - 1)
    again = Frontier.read(state.size, Nodes(snapshot).read)
    sound = (
        size == state.size == checkpoint.size
        and state.tree().root() == again.root() == checkpoint.root_hash
        and last.leaf_hash == state.last_leaf_hash
        and last.leaf.time_us == state.time_us
        and len(state.last_leaf_hash) == HASH_SIZE
    )
    if not sound:
        raise IntegrityError(
            "the right edge of the tree is not what was signed; run `counterfoil fsck`"
        )
    return checkpoint


def check_anchor(snapshot: Snapshot, anchor: Anchor, newest: Checkpoint) -> None:
    """Refuse a store that does not hold the tree that was signed last.

    Raises:
        StartupError: it is an old copy, or one of another history, or the anchor is empty.
    """
    anchored = anchor.read()
    if anchored is None:
        raise StartupError(
            f"the anchor {anchor.path} is empty; put it back, or, when it is lost for good, make a new one with "
            "`counterfoil fsck DIR --new-anchor SIZE`"
        )
    if anchored.size > newest.size:
        raise StartupError(
            f"the store has {newest.size} entries, but {anchored.size} have been signed: this is an old copy; put the "
            "newest copy of the store back. Starting here would sign a second history"
        )
    root = tree_root(anchored.size, Nodes(snapshot).read)
    if root != anchored.root_hash:
        raise StartupError(
            f"the store's first {anchored.size} entries are not those that were signed; put the right store back"
        )
