"""Independent verifiers agree on mutated proofs, checkpoints and receipts, and none accepts a forgery."""

from __future__ import annotations

import base64
import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest
from nacl.bindings import crypto_sign_open

from counterfoil import keys
from counterfoil.note import lines, signed
from counterfoil.receipt import format_json, format_receipt, format_tlog_proof, single
from counterfoil.tlog import proof

from .rig import judge_own
from .rig.case import INCLUSION, NOTE, RECEIPT, Case
from .rig.compare import BLOCK, Tally, all_cases, compare
from .rig.judges import OWN, Judge, all_judges
from .rig.notes import GO, PAGE_JS, PAGE_PYTHON, PYMERKLE, checkpoints, flip_rule
from .rig.receipts import Evidence, some_evidence
from .rig.shapes import consistency_shape, inclusion_shape, range_shape

SEED = 20260202
CASES = 4_000
PLANTED_CASES = 3_000


@dataclass(frozen=True)
class Compared:
    """The comparison of this run."""

    tally: Tally
    judges: Sequence[Judge]
    missing: dict[str, str]


@pytest.fixture(scope="module")
def compared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Compared]:
    """Some thousand cases, judged by all verifiers that are installed."""
    with all_judges(tmp_path_factory.mktemp("judges")) as (judges, missing):
        yield Compared(compare(judges, all_cases(SEED), CASES), judges, missing)


def test_nobody_disagrees(compared: Compared) -> None:
    """Every verifier says of every case what is known of it, but for the differences that are written down."""
    assert not compared.tally.disagreements, "\n".join(compared.tally.disagreements[:10])


def test_no_forgery_is_accepted(compared: Compared) -> None:
    """No verifier takes as good what is not."""
    assert compared.tally.forgeries == 0
    assert compared.tally.cases - compared.tally.good > CASES // 2


@pytest.mark.parametrize("key", [*sorted(OWN), PAGE_PYTHON, PAGE_JS, GO, PYMERKLE])
def test_the_verifier_took_part(key: str, compared: Compared) -> None:
    """Each verifier judged a fifth of the cases at least; one that is not installed is skipped with the reason."""
    if key in compared.missing:
        pytest.skip(f"{key}: {compared.missing[key]}")

    assert compared.tally.verdicts[key] > CASES // 5


def test_our_own_verifier_has_no_known_difference(compared: Compared) -> None:
    """What is written down as a difference is another's, never ours."""
    assert not [told for told in compared.tally.known_differences if told.startswith("own")]


FORMS: dict[str, Callable[[Evidence], bytes]] = {
    "note": lambda evidence: evidence.receipt.checkpoint,
    "binary": lambda evidence: format_receipt(evidence.receipt),
    "tlog-proof": lambda evidence: format_tlog_proof(evidence.receipt),
    "JSON": lambda evidence: format_json(evidence.receipt),
}


@pytest.mark.parametrize("form", FORMS)
def test_only_unused_bits_of_a_signature_are_a_known_difference(form: str) -> None:
    """Of all changes of one bit those are Go's that base64 without strictness cannot see, and no others."""
    good = FORMS[form](some_evidence(random.Random(SEED)))
    line = good.rindex("—".encode())
    last = good.index(b"=", line) - 1
    differing = {
        (at, bit)
        for at in range(len(good))
        for bit in range(8)
        if GO in flip_rule(good[:at] + bytes([good[at] ^ 1 << bit]) + good[at + 1 :], good)[1]
    }

    assert differing
    assert {at for at, _ in differing} == {last}
    block = good[last - 2 : last + 2]
    for _, bit in differing:
        loose = block[:2] + bytes([block[2] ^ 1 << bit]) + block[3:]
        assert base64.b64decode(loose) == base64.b64decode(block)


def test_every_kind_has_good_and_bad_cases() -> None:
    """Each source makes cases that must be accepted and cases that must be refused."""
    cases = all_cases(SEED)
    seen = {(case.kind, case.good) for case in (next(cases) for _ in range(600))}

    kinds = {kind for kind, _ in seen}
    assert len(kinds) == 6
    assert seen == {(kind, good) for kind in kinds for good in (True, False)}


def test_the_same_seed_makes_the_same_cases() -> None:
    """A disagreement can be looked at again by its seed."""
    first, second = all_cases(SEED), all_cases(SEED)

    assert [next(first) for _ in range(200)] == [next(second) for _ in range(200)]


@pytest.mark.parametrize("size", [1, 2, 3, 7, 8, 9])
def test_shapes_tell_places_apart(size: int) -> None:
    """In a tree of one size no two places, and no two runs, have the same shape; outside of it there is none."""
    places = [inclusion_shape(index, size) for index in range(size)]
    runs = [range_shape(at, end, size) for end in range(1, size + 1) for at in range(end)]

    assert len(set(places)) == size
    assert len(set(runs)) == len(runs)
    assert inclusion_shape(size, size) is consistency_shape(size + 1, size) is None


@dataclass
class JudgeHere:
    """A judge in this process, so that a bug can be planted in it."""

    key: str = "own-twin"
    name: str = "planted"
    _cases: list[Case] = field(default_factory=list)

    def ask(self, cases: Sequence[Case]) -> None:
        """Keep a block."""
        self._cases = list(cases)

    def answers(self, _count: int) -> str:
        """Judge it."""
        judged = [
            judge_own.judge(case.kind, case.line.decode()[:-1].split("\t")[1:])
            for case in self._cases
        ]
        return "".join("01"[good] for good in judged)


def _without_length(index: int, size: int, leaf: bytes, hashes: Any, root: bytes) -> None:
    """An inclusion proof with hashes behind its end is cut to what is needed."""
    shape = inclusion_shape(index, size)
    proof.verify_inclusion(index, size, leaf, hashes[: len(shape or ())], root)


def _any_scalar(message: bytes, public_key: bytes) -> bytes:
    """Ed25519 with S taken modulo the order of the group, as old libraries do."""
    order = (1 << 252) + 27742317777372353535851937790883648493
    scalar = int.from_bytes(message[32:64], "little") % order
    reduced = message[:32] + scalar.to_bytes(32, "little") + message[64:]
    return crypto_sign_open(reduced, public_key)


def _first_line_only(data: bytes) -> tuple[str, list[str]]:
    """Only the first signature line of a note."""
    text, found = lines.split_note(data)
    return text, found[:1]


class Anything(bytes):
    """Bytes that differ from nothing."""

    __slots__ = ()
    __hash__ = bytes.__hash__

    def __eq__(self, _other: object) -> bool:
        return True

    def __ne__(self, _other: object) -> bool:
        return False


PLANTED: dict[str, tuple[Any, str, Callable[..., Any], str]] = {
    "the end of a proof is not looked at": (
        judge_own,
        "verify_inclusion",
        _without_length,
        INCLUSION,
    ),
    "S may be above the order": (keys, "crypto_sign_open", _any_scalar, NOTE),
    "only one signature line is looked at": (signed, "split_note", _first_line_only, NOTE),
    "a record is not compared": (single, "commitment", lambda _salt, _record: Anything(), RECEIPT),
}


@pytest.mark.parametrize("name", PLANTED)
def test_a_planted_fault_is_seen(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A verifier with a fault accepts a forgery within some thousand cases of that kind."""
    module, function, fault, kind = PLANTED[name]
    monkeypatch.setattr(module, function, fault)
    chosen = (case for case in all_cases(SEED) if case.kind == kind)
    forgeries = tried = 0
    while not forgeries and tried < PLANTED_CASES:
        forgeries = compare([JudgeHere()], chosen, BLOCK).forgeries  # type: ignore[list-item]
        tried += BLOCK

    assert forgeries, f"seed {SEED}"


def test_the_judge_that_is_planted_in_is_sound() -> None:
    """Without a fault the same judge agrees with everything that is known."""
    tally = compare([JudgeHere()], all_cases(SEED), 1_000)  # type: ignore[list-item]

    assert not tally.disagreements


def test_a_case_says_what_it_is() -> None:
    """A line of the protocol has the kind and the fields, and no line end but its own."""
    for _, case in zip(range(300), checkpoints(random.Random(SEED)), strict=False):
        assert case.line.count(b"\n") == 1
        assert case.line.decode().rstrip("\n").split("\t") == [case.kind, *case.fields]
