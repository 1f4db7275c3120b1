"""The verifiers that docs/VERIFYING.md teaches, taken out of the page and run."""

from __future__ import annotations

import dataclasses
import json
import random
import subprocess
import sys
import time
from typing import Any

import pytest

from counterfoil.errors import VerificationError
from counterfoil.keys import Signer
from counterfoil.note import sign_checkpoint
from counterfoil.receipt import (
    Receipt,
    format_json,
    format_jwt,
    format_receipt,
    format_tlog_proof,
    parse_receipt,
    verify_receipt,
)
from counterfoil.tlog import leaf_hash, prove_inclusion, root_hash
from counterfoil.v1.record_pb2 import Payout, PayoutStatus, ProofOfTraining, UsageEvent
from counterfoil_client import LedgerClient

from ..support.ledger_process import LedgerProcess
from .example import LOG_SEED, ORIGIN, example_log
from .pages import marked_blocks, read_page
from .programs import (
    PAGE,
    Files,
    Programs,
    damaged,
    forged,
    node,
    reader,
    same_but_for_white_space,
    sign_jwt,
    urlsafe_decode,
)

SEED = 20260101


@pytest.fixture(scope="module")
def programs(tmp_path_factory: pytest.TempPathFactory) -> Programs:
    """The programs of the page."""
    return Programs(tmp_path_factory.mktemp("verifying"))


@dataclasses.dataclass(frozen=True)
class Fresh:
    """Receipts of a running ledger: its key, single receipts in all forms, and batch receipts."""

    vkey: str
    single: Files
    batches: Files


@pytest.fixture(scope="module")
def fresh(shared_ledger: LedgerProcess) -> Fresh:
    """Receipts that the real server made just now, of every kind and in every form."""
    training = ProofOfTraining(
        dataset_id="ds_1", creator_id="c", model_id="m", artifact_hash="blake3:" + "0" * 64
    )
    payout = Payout(
        creator_id="c",
        period="2026-01",
        amount="1.50",
        currency="EUR",
        status=PayoutStatus.PAYOUT_STATUS_PAID,
    )
    now_us = time.time_ns() // 1000
    events = [
        UsageEvent(
            event_id=f"docs-{now_us}-{number}", event_time_us=now_us, model_id="m", tokens=number
        )
        for number in range(7)
    ]
    with LedgerClient(shared_ledger.address, trust=shared_ledger.vkey, submitter="docs") as client:
        used = client.append_usage(events)
        # Sent again in part: their receipt is for a run within a batch, with the salts one by one.
        again = client.append_usage(events[2:5])
        indexes = {
            "genesis": 0,
            "training": client.record_training(training).index,
            "usage": used.first_index + 3,
            "payout": client.record_payout(payout).index,
        }
        single = {
            f"{kind}.{form}": client.receipt(str(index), form)
            for kind, index in indexes.items()
            for form in ("binary", "tlog-proof", "json", "jwt")
        }
    batches = {"whole.batch": used.kept_receipts()[0], "part.batch": again.kept_receipts()[0]}
    return Fresh(shared_ledger.vkey, single, batches)


SINGLE = pytest.mark.parametrize("program", ["verify_receipt.py", "verify_receipt.mjs"])


def test_the_page_prints_the_example_log() -> None:
    """The key and the receipt on the page are those that the code makes."""
    blocks = marked_blocks(read_page(PAGE))

    assert blocks["example.vkey"] == example_log().vkey + "\n"
    assert blocks["example.tlog-proof"].encode() == example_log().tlog_proof


def test_the_page_shows_what_the_programs_print(programs: Programs) -> None:
    """The lines below the commands of the page are what these commands print."""
    block = marked_blocks(read_page(PAGE))["example.run"].splitlines()
    vkey = example_log().vkey
    (programs.folder / "example.tlog-proof").write_bytes(example_log().tlog_proof)
    for command, expected in zip(block[0::2], block[1::2], strict=True):
        runner, program = command.removeprefix("$ ").split()[:2]
        done = subprocess.run(
            [
                sys.executable if runner == "python" else node(),
                program,
                vkey,
                "example.tlog-proof",
            ],
            cwd=programs.folder,
            capture_output=True,
            text=True,
            encoding="utf-8",
        )

        assert done.stdout == expected + "\n", done.stderr


@SINGLE
def test_good_receipts_pass(program: str, programs: Programs, fresh: Fresh) -> None:
    """Receipts of every kind and form, fresh from a server, are good."""
    said = programs.run(program, fresh.vkey, fresh.single)

    assert set(said.values()) == {"good"}, said


@SINGLE
def test_a_redacted_receipt_passes(program: str, programs: Programs) -> None:
    """Without salt and record the leaf and its place still verify."""
    example = example_log()
    receipt = dataclasses.replace(parse_receipt(example.binary), salt=b"", record=b"")
    forms = {"r.tlog-proof": format_tlog_proof(receipt), "r.json": format_json(receipt)}
    files = {**forms, "r.binary": format_receipt(receipt)}

    assert {verify_receipt(data, example.vkey).index for data in files.values()} == {3}
    assert set(programs.run(program, example.vkey, files).values()) == {"good"}


@SINGLE
def test_damaged_receipts_are_refused(program: str, programs: Programs, fresh: Fresh) -> None:
    """A turned bit, a missing byte or one too many makes any form of receipt bad."""
    chance = random.Random(SEED)
    files = {
        f"{number}-{name}": data
        for name, good in fresh.single.items()
        if name.startswith("usage")
        for number, data in enumerate(damaged(good, chance))
    }

    accepted = [
        name for name, said in programs.run(program, fresh.vkey, files).items() if said != "bad"
    ]

    assert not accepted, f"seed {SEED}"


@SINGLE
def test_forged_receipts_are_refused(program: str, programs: Programs) -> None:
    """Well-formed receipts whose parts do not belong together are bad, as the real verifier says."""
    example = example_log()
    files = {
        f"{name}.{form.__name__}": form(receipt)
        for name, receipt in forged(parse_receipt(example.binary))
        for form in (format_receipt, format_json, format_tlog_proof)
    }
    for data in files.values():
        with pytest.raises(VerificationError):
            verify_receipt(data, example.vkey)

    assert set(programs.run(program, example.vkey, files).values()) == {"bad"}


@SINGLE
def test_receipts_of_another_log_are_refused(
    program: str, programs: Programs, fresh: Fresh
) -> None:
    """Good receipts are bad under a key that did not sign them."""
    assert set(programs.run(program, example_log().vkey, fresh.single).values()) == {"bad"}


@SINGLE
def test_a_key_with_another_id_is_refused(program: str, programs: Programs) -> None:
    """A verifier key whose id is not computed from its key is no key."""
    name, _, material = example_log().vkey.split("+", 2)
    files = {"good.tlog-proof": example_log().tlog_proof}

    assert programs.run(program, f"{name}+00000000+{material}", files) == {"good.tlog-proof": "bad"}


@SINGLE
def test_jwts_that_say_something_else_are_refused(program: str, programs: Programs) -> None:
    """A JWT with the log's own signature is bad when header or claims are not those of its receipt."""
    example, signer = example_log(), Signer.from_seed(ORIGIN, LOG_SEED)
    header: dict[str, Any] = {}
    claims: dict[str, Any] = {}
    for part, into in zip(example.jwt.split(b".")[:2], (header, claims), strict=True):
        into.update(json.loads(urlsafe_decode(part)))
    changes: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
        "index": (header, {**claims, "index": 2}),
        "iat": (header, {**claims, "iat": claims["iat"] + 1}),
        "sub": (header, {**claims, "sub": "ev_3_00000000"}),
        "iss": (header, {**claims, "iss": "example.com/other"}),
        "claim": (header, {**claims, "nbf": 1}),
        "missing": (header, {name: claims[name] for name in claims if name != "sub"}),
        "alg": ({**header, "alg": "HS256"}, claims),
        "none": ({**header, "alg": "none"}, claims),
        "kid": ({**header, "kid": "x"}, claims),
        "typ": ({**header, "typ": "JWT"}, claims),
        "crit": ({**header, "crit": ["b64"]}, claims),
    }
    files = {f"{name}.jwt": sign_jwt(signer, *parts) for name, parts in changes.items()}
    for data in files.values():
        with pytest.raises(VerificationError):
            verify_receipt(data, example.vkey)

    assert set(programs.run(program, example.vkey, files).values()) == {"bad"}
    assert programs.run(program, example.vkey, {"same.jwt": sign_jwt(signer, header, claims)}) == {
        "same.jwt": "good"
    }


@SINGLE
def test_every_place_in_small_trees_is_proven(program: str, programs: Programs) -> None:
    """In trees of 1 to 17 leaves each leaf passes at its index and at no other."""
    example, signer = example_log(), Signer.from_seed(ORIGIN, LOG_SEED)
    leaves = [bytes([1, 3]) + number.to_bytes(8, "big") + bytes(64) for number in range(17)]
    good, moved = {}, {}
    for size in range(1, len(leaves) + 1):
        read = reader([leaf_hash(leaf) for leaf in leaves[:size]])
        root = root_hash([leaf_hash(leaf) for leaf in leaves[:size]])
        note = sign_checkpoint(ORIGIN, size, root, signer)
        for index in range(size):
            proof = tuple(prove_inclusion(index, size, read))
            receipt = Receipt(index, leaves[index], b"", b"", proof, note)
            good[f"{size}-{index}.binary"] = format_receipt(receipt)
            elsewhere = dataclasses.replace(receipt, index=(index + 1) % (size + 1))
            moved[f"{size}-{index}.moved"] = format_receipt(elsewhere)
    assert set(programs.run(program, example.vkey, good).values()) == {"good"}
    assert set(programs.run(program, example.vkey, moved).values()) == {"bad"}


def test_batch_receipts_pass(programs: Programs, fresh: Fresh) -> None:
    """The receipt of a whole batch, of a part of one, and of the example are good."""
    assert set(programs.run("verify_batch.py", fresh.vkey, fresh.batches).values()) == {"good"}

    files = {"example.batch": example_log().batch}
    assert programs.run("verify_batch.py", example_log().vkey, files) == {"example.batch": "good"}


def test_damaged_batch_receipts_are_refused(programs: Programs, fresh: Fresh) -> None:
    """A turned bit, a missing byte or one too many makes a batch receipt bad."""
    chance = random.Random(SEED)
    files = {
        f"{number}-{name}": data
        for name, good in fresh.batches.items()
        for number, data in enumerate(damaged(good, chance))
    }

    said = programs.run("verify_batch.py", fresh.vkey, files)

    assert set(said.values()) == {"bad"}, f"seed {SEED}"


def test_the_damage_is_damage_to_the_real_verifier_too(fresh: Fresh) -> None:
    """The real verifier refuses what the programs were shown as damaged, but for white space."""
    chance = random.Random(SEED)
    for name, good in {**fresh.single, **fresh.batches}.items():
        for data in damaged(good, chance):
            if not same_but_for_white_space(name, data, good):
                with pytest.raises(VerificationError):
                    verify_receipt(data, fresh.vkey)
        assert verify_receipt(good, fresh.vkey).origin, name


def test_a_jwt_of_the_example_is_what_the_code_signs() -> None:
    """Signing the example's claims again gives the same bytes: Ed25519 draws nothing."""
    example, signer = example_log(), Signer.from_seed(ORIGIN, LOG_SEED)
    payload = json.loads(urlsafe_decode(example.jwt.split(b".")[1]))["payload"]
    receipt, entry = parse_receipt(example.binary), example.entries[3]

    assert format_jwt(receipt, signer, entry.id, entry.leaf.time_us, payload) == example.jwt
