"""Every parser refuses hostile bytes with its own errors only, and what it accepts comes out the same."""

from __future__ import annotations

import base64
import binascii
import random
import struct
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from counterfoil import wire
from counterfoil.errors import VerificationError
from counterfoil.log import layout
from counterfoil.note import checkpoint

from . import parsers, targets_tree
from .corpus import CORPUS, read_corpus
from .mutate import mutations
from .patience import patience
from .target import Finding, Target, try_case
from .targets import TARGET_BY_NAME, TARGETS

SEED = 20260201
CASES = 200
CORPUS_SIZE_BYTES_MAX = 1_000_000
LARGE_SIZE_BYTES = 1 << 15
# What makes careless parsers recurse, copy or search without end.
LARGE = (b"[", b'{"a":', b'"', b"\\", b"\n", b" ", b"9", b"=", b"\x0a\x00", b"\x7a\x01", b"\x80")
# Many names, the last of them twice: whoever compares each with all takes the square of their number.
MANY = [b"c%d" % number for number in (*range(20_000), 19_999)]
MANY_NAMES = (b",".join(MANY), b"{" + b",".join(b'"%b":1' % name for name in MANY) + b"}")
# Their handlers end with a full queue, or want the caller to have a key; both are refusals.
WRITING = (
    *(f"rpc-{name}" for name in ("TrainingService-R", "PayoutService-R", "UsageService")),
    *(f"rpc-RegistryService-{verb}" for verb in ("Create", "Update", "Revoke")),
    "rpc-AccessService-IssueToken",
)

EACH = pytest.mark.parametrize("target", TARGETS, ids=lambda target: target.name)


@EACH
def test_real_objects_are_accepted(target: Target) -> None:
    """A target accepts one of its seeds at least: it reads the format that it is named for."""
    accepted = [try_case(target, seed) for seed in target.seeds()]

    assert any(accepted) or target.name.startswith(WRITING)


@EACH
def test_the_corpus_holds(target: Target) -> None:
    """What was once found by mutation is read or refused, and nothing else."""
    for case in read_corpus(target.name):
        try_case(target, case)


@EACH
def test_mutated_objects_hold(target: Target) -> None:
    """Real objects with a few changes are read or refused, and nothing else."""
    corpus = [*target.seeds(), *read_corpus(target.name)]
    chance = random.Random(f"{SEED}/{target.name}")
    fresh = mutations(chance, corpus, target.words, target.size_bytes_max)
    for _, case in zip(range(CASES), fresh, strict=False):
        try_case(target, case)


@EACH
def test_large_input_holds(target: Target) -> None:
    """Long runs of one word, alone and inside a real object, are read or refused within the time of a test."""
    seed = next(iter(target.seeds()))
    for word in (*LARGE, *target.words[:4]):
        run = word * (LARGE_SIZE_BYTES // len(word))
        for case in (run, seed[: len(seed) // 2] + run, seed + run):
            try_case(target, case)
    for case in MANY_NAMES:
        try_case(target, case)


def test_the_corpus_is_small() -> None:
    """All corpus files together stay below a megabyte, and each belongs to a target."""
    files = list(CORPUS.iterdir())

    assert sum(path.stat().st_size for path in files) < CORPUS_SIZE_BYTES_MAX
    assert {path.stem for path in files} <= TARGET_BY_NAME.keys()


def test_names_are_distinct() -> None:
    """No two targets share a name, and with it a corpus."""
    assert len(TARGET_BY_NAME) == len(TARGETS)


def _varint_without_end(data: bytes, at: int) -> tuple[int, int]:
    number = shift = 0
    while True:
        byte = data[at]
        number, at, shift = number | (byte & 0x7F) << shift, at + 1, shift + 7
        if byte < 0x80:
            return number, at


def _loose_base64(text: str) -> bytes:
    try:
        return base64.b64decode(text.encode("ascii"), validate=True)
    except (binascii.Error, UnicodeEncodeError) as error:
        raise VerificationError("not base64") from error


def _key_without_size(key: bytes) -> tuple[int, ...]:
    return struct.unpack(f">{len(key) // 8}Q", key)


def _believe(*_: object) -> None:
    return None


PLANTED: dict[str, tuple[Any, str, Callable[..., Any], str]] = {
    "a number is read beyond the end": (wire, "parse_varint", _varint_without_end, "wire"),
    "a number raises what int raises": (checkpoint, "parse_decimal", int, "checkpoint-text"),
    "base64 has two spellings": (checkpoint, "parse_base64", _loose_base64, "checkpoint-text"),
    "a key of any size is a key": (
        layout,
        "parse_index_key",
        _key_without_size,
        "stored-batch-part",
    ),
    "a proof is not looked at": (targets_tree, "verify_inclusion", _believe, "inclusion-proof"),
}


@pytest.mark.parametrize("name", PLANTED)
def test_a_planted_bug_is_found(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A parser with a bug is caught within some thousand mutated cases."""
    module, function, bug, target_name = PLANTED[name]
    target = TARGET_BY_NAME[target_name]
    corpus = list(target.seeds())
    monkeypatch.setattr(module, function, bug)

    with pytest.raises(Finding, match=target_name):
        _fuzz(target, corpus, 20_000)


def _fuzz(target: Target, corpus: Sequence[bytes], cases: int) -> None:
    fresh = mutations(random.Random(SEED), corpus, target.words, target.size_bytes_max)
    for _, case in zip(range(cases), fresh, strict=False):
        try_case(target, case)


def test_a_planted_endless_loop_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """The long form ends a case that never ends, and reports it."""

    def loop(_data: bytes) -> None:
        while True:
            pass

    monkeypatch.setattr(parsers, "CASE_S_MAX", 1)
    outcome = parsers.fuzz_unguided(Target("endless", lambda: [b"x"], loop), 5, SEED, CORPUS)

    assert outcome.cases == 1
    assert "takes more than 1 seconds" in outcome.finding


def test_a_case_that_was_suspended_is_no_finding() -> None:
    """What a case may take is processor time: one that stands still for longer is let be."""
    with patience("suspended", 0.05) as begin_case:
        begin_case()
        time.sleep(0.2)


def test_a_stopped_run_goes_on(tmp_path: Path) -> None:
    """The long form reads back what it wrote after each target."""
    done = [parsers.Outcome("leaf", 7, 0.5, 2), parsers.Outcome("wire", 9, 1.5, 3, "a finding")]

    parsers.write_result(tmp_path / "result.json", done, guided=False, seed=SEED)

    assert parsers.read_outcomes(tmp_path / "result.json", SEED) == done
    assert parsers.read_outcomes(tmp_path / "nothing.json", SEED) == []


def test_a_run_with_another_seed_does_not_go_on(tmp_path: Path) -> None:
    """Cases of two seeds are not counted as one run."""
    parsers.write_result(tmp_path / "result.json", [], guided=False, seed=SEED)

    with pytest.raises(SystemExit, match="is of seed"):
        parsers.read_outcomes(tmp_path / "result.json", SEED + 1)


def test_shares_add_up() -> None:
    """The long form gives every target some of the cases, and no more than were asked for."""
    chosen = [TARGET_BY_NAME[name] for name in ("leaf", "decimal", "tile-path")]

    shares = parsers.share_out(chosen, 9_000, SEED)

    assert abs(sum(shares.values()) - 9_000) <= len(chosen)
    assert min(shares.values()) >= 9_000 // (5 * len(chosen))
