"""What is appended is in the tree, in its order, and every proof about it verifies."""

from __future__ import annotations

import random
from itertools import pairwise

import pytest

from counterfoil.errors import (
    Busy,
    CounterfoilError,
    InvalidInput,
    OutcomeUnknown,
    OutOfRange,
    StoreFull,
    VerificationError,
)
from counterfoil.log import Appended
from counterfoil.log.layout import unseal
from counterfoil.log.read import (
    read_batch_receipts,
    read_checkpoint,
    read_consistency_proof,
    read_inclusion_proof,
)
from counterfoil.log.receipts import make_receipt
from counterfoil.note import parse_checkpoint
from counterfoil.receipt import (
    format_batch_receipt,
    format_json,
    format_receipt,
    format_tlog_proof,
    verify_batch,
    verify_receipt,
)
from counterfoil.record import USAGE
from counterfoil.store import Value
from counterfoil.store.memory import MemoryTransaction
from counterfoil.tlog import verify_consistency, verify_inclusion
from counterfoil.v1 import record_pb2

from .bench import (
    START_US,
    VKEY,
    Bench,
    batch_receipt,
    check_all,
    check_answer,
    tree_root,
    usage_body,
)

SEED = 20260810


def fill(subject: Bench, groups: int, seed: int = SEED) -> None:
    """Append groups of random batches of all kinds."""
    chance = random.Random(seed)
    for group in range(groups):
        batches = []
        for number in range(chance.randrange(1, 5)):
            name = f"{group}.{number}"
            match chance.randrange(4):
                case 0:
                    batches.append(subject.training(chance.randrange(1000)))
                case 1:
                    batches.append(subject.payout(chance.randrange(1000)))
                case _:
                    ids = [f"e{name}.{n}" for n in range(chance.randrange(1, 40))]
                    batches.append(subject.usage(*ids, submitter=f"host{number}"))
        for batch, outcome in zip(batches, subject.append(*batches), strict=True):
            assert isinstance(outcome, Appended), (seed, outcome)
            check_answer(batch, outcome)


def test_the_first_entry_is_the_genesis_record(subject: Bench) -> None:
    """A new log has one entry, of kind genesis, which names origin and key, with a good receipt."""
    (entry,) = subject.entries()

    assert (entry.index, entry.kind.name, entry.leaf.previous) == (0, "genesis", bytes(32))
    genesis = record_pb2.Genesis.FromString(entry.body)
    assert (genesis.origin, list(genesis.vkeys)) == (subject.signer.name, [VKEY])
    assert genesis.leaf_version == 1
    check_all(subject)


def test_everything_appended_verifies(subject: Bench) -> None:
    """Answers, entries and receipts of single batches and groups of them verify through the pure core."""
    fill(subject, 12)

    check_all(subject)
    assert subject.fsck().sound


def test_the_tree_is_that_of_the_leaves(subject: Bench) -> None:
    """Every stored checkpoint is signed and has the root that RFC 6962 defines over the leaf hashes."""
    fill(subject, 15)
    hashes = [entry.leaf_hash for entry in subject.entries()]

    sizes = []
    with subject.store.snapshot() as snapshot:
        for key, sealed in snapshot.scan("checkpoint"):
            note = unseal(sealed, "note")
            checkpoint = parse_checkpoint(bytes(note), [VKEY])
            assert int.from_bytes(key, "big") == checkpoint.size
            assert checkpoint.root_hash == tree_root(hashes[: checkpoint.size])
            sizes.append(checkpoint.size)
    assert sizes[0] == 1
    assert sizes[-1] == len(hashes)
    assert len(sizes) == 16


def test_the_chain_runs_through_all_entries(subject: Bench) -> None:
    """Each leaf holds the leaf hash of the entry before it, over batches, groups and restarts."""
    fill(subject, 4)
    subject.restart()
    fill(subject, 4, SEED + 1)

    entries = subject.entries()
    for before, after in pairwise(entries):
        assert after.leaf.previous == before.leaf_hash
        assert after.leaf.time_us >= before.leaf.time_us


def test_all_inclusion_and_consistency_proofs_verify(subject: Bench) -> None:
    """Each leaf is proved in each tree that holds it, and each tree to be the beginning of each later one."""
    for number in range(1, 7):
        subject.append(subject.usage(*[f"{number}.{n}" for n in range(number)]))
    hashes = [entry.leaf_hash for entry in subject.entries()]
    size = len(hashes)

    with subject.store.snapshot() as snapshot:
        for new in range(size + 1):
            root = tree_root(hashes[:new])
            for old in range(new + 1):
                proof = read_consistency_proof(snapshot, old, new)
                verify_consistency(old, new, tree_root(hashes[:old]), root, proof)
            for index in range(new):
                leaf, proof = read_inclusion_proof(snapshot, index, new)
                assert leaf == hashes[index]
                verify_inclusion(index, new, leaf, proof, root)


def test_proofs_beyond_the_log_are_refused(subject: Bench) -> None:
    """Indexes and sizes that the log does not have are out of range, and the size is told."""
    subject.append(subject.usage("a", "b"))

    with subject.store.snapshot() as snapshot:
        for index, size in ((3, 3), (0, 4), (-1, 3), (0, 0), (5, 2)):
            with pytest.raises(OutOfRange):
                read_inclusion_proof(snapshot, index, size)
        for old, new in ((0, 4), (3, 2), (-1, 2), (4, 4)):
            with pytest.raises(OutOfRange):
                read_consistency_proof(snapshot, old, new)
        with pytest.raises(OutOfRange) as caught:
            read_checkpoint(snapshot, 4)
    assert caught.value.size == 3


def test_receipts_of_any_run_verify(memory: Bench) -> None:
    """Receipts for any selection of entries cover exactly these, one for each run within a batch."""
    fill(memory, 6)
    entries = memory.entries()
    chance = random.Random(SEED)

    for round_ in range(60):
        wanted = sorted(chance.sample(range(len(entries)), chance.randrange(1, len(entries))))
        covered: list[int] = []
        with memory.store.snapshot() as snapshot:
            receipts = list(read_batch_receipts(snapshot, wanted))
        for receipt in receipts:
            run = range(receipt.first_index, receipt.first_index + receipt.count)
            records = [entries[at].record for at in run]
            verified = verify_batch(format_batch_receipt(receipt), VKEY, records)
            assert list(verified.leaf_hashes) == [entries[at].leaf_hash for at in run]
            covered += run
        assert covered == wanted, (SEED, round_)


def test_a_single_record_is_answered_with_the_receipt_that_is_read_later(subject: Bench) -> None:
    """The receipt made at the append has the bytes of the one read from the store, then and much later."""
    batch = subject.training(7)
    appended = subject.add(batch)
    assert appended.head is not None
    answered = make_receipt(appended, appended.head, batch.bodies[0], batch.commitments[0])

    assert format_receipt(answered) == subject.receipts()[1]
    fill(subject, 3)
    subject.restart()
    assert format_receipt(answered) == subject.receipts()[1]
    for form in (format_receipt, format_json, format_tlog_proof):
        assert verify_receipt(form(answered), VKEY).index == 1


def test_a_batch_larger_than_one_stored_value_is_one_batch(subject: Bench) -> None:
    """A batch of several MiB is stored in parts, with one receipt, and each record readable."""
    subject.add(subject.usage("small"))
    metadata = {f"k{n}": "v" * 512 for n in range(32)}
    bodies = [usage_body(f"e{n}", metadata=metadata) for n in range(150)]
    appended = subject.add(subject.batch(USAGE, bodies))

    parts = [key for (space, key) in subject.dump() if space == "batch"]
    assert len(parts) == 2 + 3
    check_all(subject)
    with subject.store.snapshot() as snapshot:
        (again,) = read_batch_receipts(snapshot, range(2, 152))
        (middle,) = read_batch_receipts(snapshot, range(60, 75))
    assert format_batch_receipt(again) == batch_receipt(appended)
    records = [entry.record for entry in subject.entries()]
    assert verify_batch(format_batch_receipt(middle), VKEY, records[60:75]).count == 15
    assert subject.fsck().sound


def test_a_group_is_stored_whole_or_not_at_all(memory: Bench) -> None:
    """When the store is full nothing of a group is there, reads go on, and later groups are taken."""
    memory.append(memory.usage("a"))
    before, size = memory.dump(), memory.state().size
    calls = 0

    def full(point: str) -> None:
        nonlocal calls
        calls += point == "put"
        if calls == 3:
            raise StoreFull("no room for the third value")

    memory.fault = full
    with pytest.raises(StoreFull):
        memory.append(memory.usage("b"), memory.training(1))
    memory.fault = None

    assert memory.dump() == before
    check_all(memory)
    memory.add(memory.usage("b"))
    assert memory.state().size == size + 1


def test_a_batch_that_cannot_be_written_takes_the_group_with_it(
    memory: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A refusal in the middle of writing a batch is no refusal of that batch alone: half of it would stay."""
    memory.append(memory.usage("a"))
    before = memory.dump()
    real, puts = MemoryTransaction.put, []

    def put(transaction: MemoryTransaction, space: str, key: bytes, value: Value) -> None:
        puts.append(space)
        if puts.count("batch") == 2:
            raise InvalidInput("too much", field="transaction", reason="TRANSACTION_SIZE")
        real(transaction, space, key, value)

    with monkeypatch.context() as patch:
        patch.setattr(MemoryTransaction, "put", put)
        with pytest.raises(OutcomeUnknown):
            memory.append(memory.usage("b"), memory.usage("c", stream_id="s", sequence=1))

    assert memory.dump() == before


def test_a_store_without_room_takes_no_more(memory: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """Before the store is quite full appends are refused, without poisoning the log."""
    memory.append(memory.usage("a"))
    before = memory.dump()
    monkeypatch.setattr(memory.store, "room", lambda: 0)

    with pytest.raises(StoreFull):
        memory.append(memory.usage("b"))
    assert memory.dump() == before
    monkeypatch.undo()
    memory.add(memory.usage("b"))


def test_a_busy_store_is_no_failure(memory: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """When the store could not begin, nothing happened: the caller is told so, and the log goes on."""
    before = memory.dump()

    def busy(_fn: object) -> None:
        raise Busy("the map is being grown", retry_after_s=0.1)

    with monkeypatch.context() as patch:
        patch.setattr(memory.store, "transact", busy)
        with pytest.raises(Busy):
            memory.append(memory.usage("a"))
    assert memory.dump() == before
    memory.add(memory.usage("a"))


def test_a_clock_that_goes_back_never_lowers_times(subject: Bench) -> None:
    """Leaf times never decrease, whatever the clock says, not even over a restart."""
    chance = random.Random(SEED)
    highest = START_US
    for number in range(20):
        subject.now_us = START_US + chance.randrange(-(10**12), 10**9)
        # Each group commit is later than the one before, by a microsecond at least: fsck tells groups apart by it.
        highest = max(highest + 1, subject.now_us + 500_000)
        appended = subject.add(subject.usage(f"e{number}"))
        assert appended.head is not None
        assert appended.head.time_us == highest, (SEED, number)
        if number % 7 == 0:
            subject.restart()

    times = [entry.leaf.time_us for entry in subject.entries()]
    assert times == sorted(times)
    assert subject.state().time_us == highest
    assert subject.fsck().sound


def test_a_group_without_new_records_changes_nothing(subject: Bench) -> None:
    """A group of empty batches and duplicates signs no new tree and writes no value."""
    subject.append(subject.usage("a", "b"))
    before = subject.dump()

    outcomes = subject.append(subject.batch(USAGE, []), subject.usage("b", "a"))

    assert subject.dump() == before
    for outcome in outcomes:
        assert isinstance(outcome, Appended)
        assert outcome.head is None
        assert parse_checkpoint(outcome.checkpoint, [VKEY]).size == 3


def test_all_batches_of_a_group_share_one_checkpoint(subject: Bench) -> None:
    """One signature covers a group: each of its batches verifies against the same tree."""
    outcomes = subject.append(*(subject.usage(f"e{n}", f"f{n}") for n in range(10)))

    notes = {outcome.checkpoint for outcome in outcomes if isinstance(outcome, Appended)}
    assert len(notes) == 1
    assert parse_checkpoint(notes.pop(), [VKEY]).size == 21


def test_an_answer_does_not_prove_other_records(memory: Bench) -> None:
    """The receipt of one batch verifies for no other batch of its group, nor for its records in another order."""
    batches = [memory.usage(f"a{n}", f"b{n}") for n in range(3)]
    outcomes = memory.append(*batches)
    entries = memory.entries()
    sent = [[entries[1 + 2 * n].record, entries[2 + 2 * n].record] for n in range(3)]

    for number, outcome in enumerate(outcomes):
        assert not isinstance(outcome, CounterfoilError)
        receipt = batch_receipt(outcome)
        assert verify_batch(receipt, VKEY, sent[number]).count == 2
        for other in (sent[(number + 1) % 3], sent[number][::-1], sent[number][:1]):
            with pytest.raises(VerificationError):
                verify_batch(receipt, VKEY, other)


def test_a_group_of_no_batches_asks_nothing_of_the_store(
    memory: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing to append is no transaction."""
    monkeypatch.setattr(type(memory.store), "transact", None)

    assert memory.append() == []
