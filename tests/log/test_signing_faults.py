"""Nothing is signed over damage, and no signature leaves unverified."""

from __future__ import annotations

import pytest

from counterfoil.errors import OutcomeUnknown, VerificationError
from counterfoil.keys import Signer, Verifier
from counterfoil.log import Appended
from counterfoil.log.layout import META, STATE_KEY, index_key, seal, unseal
from counterfoil.note import KeyHistory, parse_checkpoint

from .bench import VKEY, Bench, batch_receipt, check_all, flipped


class FlippingSigner(Signer):
    """A signer that returns signatures with one bit changed, once it is told to."""

    __slots__ = ("bit",)

    def __init__(self, verifier: Verifier, secret_key: bytes) -> None:
        super().__init__(verifier, secret_key)
        self.bit: int | None = None

    def sign(self, message: bytes) -> bytes:
        signature = super().sign(message)
        return signature if self.bit is None else flipped(signature, self.bit)


@pytest.fixture
def flipping(subject: Bench) -> FlippingSigner:
    """The log's own signer, on hardware that is about to fail."""
    signer = FlippingSigner.from_seed(subject.signer.name, b"s" * 32)
    assert isinstance(signer, FlippingSigner)
    subject.signer = signer
    subject.start()
    return signer


@pytest.mark.parametrize("bit", [0, 7, 255, 256, 300, 511])
def test_a_flipped_signature_never_gets_out(
    subject: Bench, flipping: FlippingSigner, bit: int
) -> None:
    """A commit whose signature does not verify is answered with an error, and nothing follows it."""
    subject.add(subject.usage("a"))
    anchored = subject.anchor_path.read_bytes()
    flipping.bit = bit

    with pytest.raises(OutcomeUnknown) as caught:
        subject.append(subject.usage("b"))
    assert isinstance(caught.value.__cause__, VerificationError)
    assert subject.anchor_path.read_bytes() == anchored
    flipping.bit = None
    with pytest.raises(OutcomeUnknown):
        subject.append(subject.usage("c"))


def test_a_flipped_signature_does_not_end_the_log(subject: Bench, flipping: FlippingSigner) -> None:
    """After a fault while signing the log starts again, without the group that nobody was answered for."""
    subject.add(subject.usage("a"))
    flipping.bit = 100
    with pytest.raises(OutcomeUnknown):
        subject.append(subject.usage("b"))
    flipping.bit = None

    subject.restart()

    assert subject.add(subject.usage("b")).head is not None
    check_all(subject)
    assert subject.fsck().sound


def test_without_the_check_it_would(
    subject: Bench, flipping: FlippingSigner, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The negative control: with verification taken out the flipped signature is answered and anchored."""

    class Believed:
        size = 2

    def believe(_keys: KeyHistory, _note: bytes) -> Believed:
        return Believed()

    monkeypatch.setattr(KeyHistory, "check", believe)
    flipping.bit = 100
    outcome = subject.add(subject.usage("a"))

    assert batch_receipt(outcome)
    with pytest.raises(VerificationError):
        parse_checkpoint(outcome.checkpoint, [VKEY])


def test_every_flipped_bit_of_the_state_stops_the_next_append(memory: Bench) -> None:
    """While the log runs, no changed bit of the stored state is built upon."""
    for count in (3, 1):  # sizes 4 and 5: with and without the last leaf hash on the right edge
        memory.add(memory.usage(*(f"e{count}.{n}" for n in range(count))))
        good = memory.get(META, STATE_KEY)
        notes = {key for space, key in memory.dump() if space == "checkpoint"}
        signed_over = []
        for bit in range(8 * len(good)):
            memory.put(META, STATE_KEY, flipped(good, bit))
            memory.forgive()
            try:
                memory.append(memory.usage("next"))
            except OutcomeUnknown:
                continue
            signed_over.append(bit)
            for space, key in memory.dump():
                if space == "checkpoint" and key not in notes:
                    memory.delete(space, key)
        memory.put(META, STATE_KEY, good)
        memory.forgive()
        # Bits of size, time, last leaf hash and frontier, in this order behind the version.
        assert signed_over == []


def test_a_changed_root_of_the_newest_checkpoint_stops_the_next_append(subject: Bench) -> None:
    """The tree is compared with what was signed last: when these differ nothing more is signed."""
    subject.add(subject.usage("a", "b"))
    sealed = subject.get("checkpoint", index_key(3))
    good = unseal(sealed, "note")
    begin = good.index(b"\n3\n") + 3

    for bit in range(8 * begin, 8 * (begin + 43), 11):
        subject.put("checkpoint", index_key(3), seal(flipped(good, bit)))
        with pytest.raises(OutcomeUnknown, match="signed"):
            subject.append(subject.usage("c"))
        subject.forgive()
    subject.delete("checkpoint", index_key(3))
    with pytest.raises(OutcomeUnknown):
        subject.append(subject.usage("c"))
    subject.put("checkpoint", index_key(3), sealed)
    subject.restart()
    subject.add(subject.usage("c"))
    check_all(subject)


def test_a_damaged_tile_that_would_be_extended_stops_the_append(memory: Bench) -> None:
    """A partial tile of the wrong size is not written on."""
    memory.add(memory.usage(*(f"e{n}" for n in range(300))))
    key = index_key(1, 0)
    good = memory.get("tile", key)
    for bad in (b"", good[:-1], good + good):
        memory.put("tile", key, bad)
        with pytest.raises(OutcomeUnknown, match="tile"):
            memory.append(memory.usage(*(f"f{n}" for n in range(300))))
        memory.forgive()


def test_a_damaged_list_of_runs_stops_the_append(memory: Bench) -> None:
    """Without a sound catalog duplicates would go unnoticed: nothing is appended."""
    memory.add(memory.usage("a"))
    good = memory.get(META, b"runs")
    for bad in (b"\x07", good[:-1], good + b"\x00"):
        memory.put(META, b"runs", bad)
        with pytest.raises(OutcomeUnknown):
            memory.append(memory.usage("a"))
        memory.forgive()
    memory.put(META, b"runs", good)
    assert [item.index for item in memory.add(memory.usage("a")).existing] == [1]


def test_rot_in_a_record_is_neither_a_conflict_nor_a_new_record(memory: Bench) -> None:
    """A duplicate whose original is damaged in the store is told as damage: not as a conflict, nor logged again."""
    memory.add(memory.usage("a", "b", "c"))
    key = index_key(1)
    good = memory.get("batch", key)
    body = memory.entries()[2].body
    at = good.index(body)
    wrong = []
    for bit in range(8 * at, 8 * (at + len(body))):
        memory.put("batch", key, flipped(good, bit))
        before = memory.dump()
        try:
            (outcome,) = memory.append(memory.usage("b"))
        except OutcomeUnknown:
            memory.forgive()
            continue
        assert isinstance(outcome, Appended)
        wrong.append((bit - 8 * at, [item.field for item in outcome.existing]))
        if outcome.head is not None:
            for space, name in set(memory.dump()) - set(before):
                memory.delete(space, name)
            for (space, name), value in before.items():
                memory.put(space, name, value)
    assert wrong == []
