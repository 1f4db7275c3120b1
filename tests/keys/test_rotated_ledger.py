"""A rotation as an operator does it and as everybody else sees it: over a real server, from before to long after."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from counterfoil.__main__ import main as offline_main
from counterfoil.errors import StartupError, UnverifiableError, VerificationError
from counterfoil.keys import Signer, Verifier
from counterfoil.note import KeyHistory, Policy, sign_checkpoint
from counterfoil.receipt import learn_keys, verify_receipt
from counterfoil.v1.log_service_pb2 import GetLogInfoResponse
from counterfoil_cli.main import main as command_main
from counterfoil_client import LedgerClient
from counterfoil_client import session as session_module
from counterfoil_server.backup.drill import run_drill
from counterfoil_server.backup.restore import restore
from counterfoil_server.backup.take import take_backup
from counterfoil_server.directory import create, fsck, load, load_signer, open_log
from counterfoil_server.export import export
from counterfoil_server.rotate import list_keys, rotate_key
from counterfoil_server.signing_keys import TABLE_NAME

from ..support.ledger_process import ORIGIN, run_json, serving
from .events import send


def quiet(_done: int, _all: int) -> None:
    """No progress."""


def private(directory: Path, vkey: str) -> Signer:
    """The private key of a directory with this public half."""
    for path in directory.glob("signing*.key"):
        signer = Signer.parse(path.read_text().strip())
        if signer.verifier.vkey == vkey:
            return signer
    raise AssertionError(vkey)


def test_a_rotation_from_before_to_after(tmp_path: Path) -> None:
    """A client that pinned the first key writes before, during and after an overlap, over restarts, and follows."""
    with serving(tmp_path / "ledger") as ledger:
        with LedgerClient(ledger.address, trust=ledger.vkey) as client:
            send(client, "a")
            old = {form: client.receipt("1", form) for form in ("binary", "json", "jwt")}
        assert ledger.stop() == 0
        done = run_json("signing-key", "rotate", ledger.directory, "--overlap", "1")
        assert (done["last_size"], done["first_size"]) == (4, 3)
        ledger.start()
        with LedgerClient(ledger.address, trust=ledger.vkey) as client:
            assert (
                client.receipt("1", "jwt") == old["jwt"]
            )  # the overlap goes on: it is signed as before
            send(client, "b")
            assert verify_receipt(client.receipt("3"), ledger.vkey).index == 3
            send(client, "c")
            receipts = {index: client.receipt(str(index)) for index in range(5)}
            info, jwt = client.log_info(), client.receipt("1", "jwt")
        change = receipts[2]

        # Old evidence stays; what came behind the overlap needs the new key; both are found from either one.
        assert receipts[1] == old["binary"]
        for receipt in old.values():
            assert verify_receipt(receipt, ledger.vkey).index == 1
        with pytest.raises(UnverifiableError):
            verify_receipt(receipts[4], ledger.vkey)
        assert verify_receipt(receipts[4], done["new_vkey"]).index == 4
        assert verify_receipt(jwt, done["new_vkey"]).index == 1
        for trusted in (ledger.vkey, done["new_vkey"]):
            policy, _ = learn_keys(trusted, [change])
            assert [verify_receipt(each, policy).index for each in receipts.values()] == [*range(5)]
            assert verify_receipt(old["jwt"], policy).index == 1

        assert [(key.first_size, key.last_size) for key in info.keys] == [(0, 4), (3, 0)]
        assert (
            [key.vkey for key in info.keys]
            == [ledger.vkey, done["new_vkey"]]
            == [
                info.keys[0].vkey,
                info.vkey,
            ]
        )
        with LedgerClient(ledger.address) as client:  # trusts what it is shown
            assert verify_receipt(old["binary"], client.policy).index == 1
        assert ledger.stop() == 0
    assert fsck(ledger.directory, quiet).problems == []


def test_a_connected_client_follows_a_change_that_it_did_not_see_coming(tmp_path: Path) -> None:
    """A client that knew one key goes on with the next after the server came back, without a word from its owner."""
    with (
        serving(tmp_path / "ledger") as ledger,
        LedgerClient(ledger.address, trust=ledger.vkey) as client,
    ):
        send(client, "a")
        address = ledger.address
        assert ledger.stop() == 0
        new = rotate_key(ledger.directory, None, 0, "")
        ledger.start(address=address)
        send(client, "b")
        assert client.checkpoint().keys == (new.new.verifier,)
        assert verify_receipt(client.receipt("1", "jwt"), client.policy).index == 1


def test_a_client_believes_no_key_that_no_change_leads_to(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When the ledger names keys without changes that prove them, they are not trusted."""
    other = load_signer(create(tmp_path / "other", ORIGIN)).verifier.vkey

    def lie(self: object) -> GetLogInfoResponse:
        info: GetLogInfoResponse = ask(self)  # type: ignore[arg-type]
        info.keys.add(vkey=other, first_size=2)
        return info

    ask = session_module.Session.info
    monkeypatch.setattr(session_module.Session, "info", lie)
    with serving(tmp_path / "ledger") as ledger:
        with LedgerClient(ledger.address, trust=ledger.vkey) as client:
            send(client, "a")
            assert [log.vkey for log in client.policy.logs] == [ledger.vkey]
        # Now the entry is there, and is no change.
        with (
            LedgerClient(ledger.address, trust=ledger.vkey) as client,
            pytest.raises(VerificationError, match="not the receipt of a change"),
        ):
            send(client, "b")
        with (
            LedgerClient(ledger.address, trust=other) as client,
            pytest.raises(UnverifiableError, match="not signed by any known key"),
        ):
            send(client, "c")


def test_a_client_asks_for_no_more_changes_than_a_log_can_have(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A ledger that names keys by the thousand is not asked about each of them."""

    def lie(self: object) -> GetLogInfoResponse:
        info: GetLogInfoResponse = ask(self)  # type: ignore[arg-type]
        info.keys.extend([info.keys[0]] * 1001)
        return info

    ask = session_module.Session.info
    monkeypatch.setattr(session_module.Session, "info", lie)
    with (
        serving(tmp_path / "ledger") as ledger,
        LedgerClient(ledger.address, trust=ledger.vkey) as client,
        pytest.raises(VerificationError, match="names 1002 keys"),
    ):
        send(client, "a")


@pytest.fixture(scope="module")
def rotated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A ledger with two changes behind it, the second of which overlaps."""
    directory = tmp_path_factory.mktemp("rotated") / "ledger"
    create(directory, ORIGIN)
    rotate_key(directory, None, 0, "first")
    rotate_key(directory, None, 10, "second")
    return directory


@pytest.fixture
def copy(rotated: Path, tmp_path: Path) -> Path:
    """A copy of it, with an anchor that is in its place."""
    place = tmp_path / "ledger"
    shutil.copytree(rotated, place)
    log_anchor(place)
    return place


def log_anchor(directory: Path) -> None:
    """Make a copied anchor the anchor."""
    from counterfoil.log import Anchor

    anchor = Anchor(directory / "anchor", Policy(()))
    anchor.take_place()
    anchor.close()


def receipt_files(directory: Path, folder: Path) -> dict[int, Path]:
    """The receipt of each entry in a file."""
    from counterfoil.log.read import read_entry, read_receipt
    from counterfoil.receipt import format_receipt

    log = open_log(load(directory))
    try:
        with log.store.snapshot() as snapshot:
            for index in range(3):
                data = format_receipt(read_receipt(snapshot, read_entry(snapshot, index)))
                (folder / f"{index}.receipt").write_bytes(data)
    finally:
        log.close()
    return {index: folder / f"{index}.receipt" for index in range(3)}


@pytest.mark.parametrize("program", [offline_main, command_main])
def test_the_offline_verifier_follows_changes_and_holds_to_cut_offs(
    copy: Path, tmp_path: Path, program: Callable[[Sequence[str]], int]
) -> None:
    """With the first key alone it cannot tell of later receipts; with the changes it can; forged trees are bad."""
    files = receipt_files(copy, tmp_path)
    keys = [key.sizes for key in list_keys(copy)]
    first, last = keys[0].verifier.vkey, keys[2].verifier.vkey
    changes = ("--key-change", files[2], "--key-change", files[1])
    policy = tmp_path / "policy.txt"
    policy.write_text(KeyHistory(tuple(keys)).policy.text)

    def verify(*arguments: str | Path) -> int:
        return program(["verify", *map(str, arguments)])

    assert verify(files[0], files[1], "--key", first) == 0
    assert verify(files[2], "--key", first) == 2
    assert verify(*files.values(), "--key", first, *changes) == 0
    assert verify(*files.values(), "--key", last, *changes) == 0
    assert verify(*files.values(), "--policy", policy) == 0
    assert verify(files[0], "--key", first, "--key-change", files[0]) == 2
    assert verify(files[0], "--key", first, "--key-change", files[2]) == 2

    # A thief of the first key signs a tree of four entries, and shows an entry in it.
    data = (tmp_path / "2.receipt").read_bytes()
    forged = forge_receipt(data, private(copy, first))
    (tmp_path / "forged").write_bytes(forged)
    assert verify(tmp_path / "forged", "--key", first) == 0
    assert verify(tmp_path / "forged", "--key", first, *changes) == 1
    assert verify(tmp_path / "forged", "--policy", policy) == 1


def forge_receipt(data: bytes, thief: Signer) -> bytes:
    """The receipt with its tree signed by another key, which the caller knows to be retired."""
    from dataclasses import replace

    from counterfoil.note import parse_checkpoint_text
    from counterfoil.receipt import format_receipt, parse_receipt

    receipt = parse_receipt(data)
    text = receipt.checkpoint.partition(b"\n\n")[0].decode() + "\n"
    origin, size, root = parse_checkpoint_text(text)
    note = sign_checkpoint(origin, size, root, thief)
    return format_receipt(replace(receipt, checkpoint=note))


def test_backup_restore_drill_export_and_fsck_know_all_keys(copy: Path, tmp_path: Path) -> None:
    """What an operator does with a ledger works for one that has changed its key twice."""
    policy = Policy(tuple(key.sizes.verifier for key in list_keys(copy)))
    take_backup(copy, tmp_path / "with", with_key=True)
    take_backup(copy, tmp_path / "without")
    exported = export(copy, tmp_path / "export", None, quiet)
    restored = restore(tmp_path / "with", tmp_path / "back", quiet, anchor=copy / "anchor")

    assert run_drill(copy, quiet).problems == []
    assert restored.startable
    assert fsck(tmp_path / "back", quiet).problems == []
    open_log(load(tmp_path / "back")).close()
    assert len(list((tmp_path / "back").glob("signing-*.key"))) == 2  # the first key signs no more
    assert not list((tmp_path / "without").glob("signing*.key"))
    assert exported.tree.keys == policy.logs[1:]
    assert offline_main(["verify", str(tmp_path / "export"), "--key", exported.vkey]) == 0
    with pytest.raises(StartupError, match="missing"):
        restore(tmp_path / "without", tmp_path / "gone", quiet, for_reading=True)
    stranger = create(tmp_path / "stranger", ORIGIN).path("key")
    with pytest.raises(StartupError, match="is not a key of this log"):
        restore(tmp_path / "with", tmp_path / "gone", quiet, key=stranger, for_reading=True)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("--new-key", "signing.key"), "does not come back"),
        (("--new-key", "nothing.key"), "missing"),
        (("--new-key", "kms:x"), "not by kms:"),
        (("--new-key", "present"), "from one key to another"),
        (("--purpose", "webhook"), "no key for webhook"),
        (("--overlap", "-1"), "overlap"),
        (("--reason", "x\x07"), "control characters"),
    ],
)
def test_a_rotation_that_cannot_be_made_changes_nothing(
    copy: Path, arguments: tuple[str, ...], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """A key that was retired, that is not there, that signs now, and other mistakes leave every file as it was."""
    present = next(key.uri for key in list_keys(copy) if not key.sizes.is_retired)
    before = (copy / TABLE_NAME).read_bytes()
    words = [present if argument == "present" else argument for argument in arguments]

    assert command_main(["signing-key", "rotate", str(copy), *words]) == 2
    assert told in capsys.readouterr().err
    assert (copy / TABLE_NAME).read_bytes() == before
    assert len(list_keys(copy)) == 3
    assert len(list(copy.glob("signing*.key"))) == 3


def test_a_rotation_beside_a_server_is_refused(tmp_path: Path) -> None:
    """While the ledger is served its key is not changed."""
    with (
        serving(tmp_path / "ledger") as ledger,
        pytest.raises(StartupError, match="another server runs"),
    ):
        rotate_key(ledger.directory, None, 0, "")


def test_a_key_that_is_gone_too_early_stops_the_start(copy: Path) -> None:
    """During the overlap the server does not start without the retired key, and says which one is missing."""
    signing = [key for key in list_keys(copy) if key.signs]
    assert len(signing) == 2
    (copy / signing[0].uri.removeprefix("file:")).unlink()

    with pytest.raises(StartupError, match=signing[0].uri.removeprefix("file:")):
        open_log(load(copy))


STEPS = ("key", "table written", "table", "secret", "before commit", "commit", "anchor", "end")


@pytest.mark.parametrize("step", STEPS)
def test_a_kill_at_any_step_leaves_a_ledger_that_starts(tmp_path: Path, step: str) -> None:
    """Killed behind any durable step, the ledger starts, with one key or with both, and the rotation can be made."""
    directory = tmp_path / "ledger"
    create(directory, ORIGIN)
    program = Path(__file__).with_name("killed.py")
    done = subprocess.run(
        [sys.executable, program, directory, step],
        capture_output=True,
        text=True,
        env={**os.environ},
    )
    assert done.returncode == 9, done.stderr

    made = step in ("commit", "anchor", "end")
    assert len(list_keys(directory)) == (2 if made else 1)
    open_log(load(directory)).close()
    assert fsck(directory, quiet).problems == []
    rotate_key(directory, None, 0, "again")
    open_log(load(directory)).close()
    assert fsck(directory, quiet).problems == []
    keys = list_keys(directory)
    assert len(keys) == (3 if made else 2)
    assert all(key.uri for key in keys)


def test_the_killed_program_makes_a_rotation_when_nobody_kills_it(tmp_path: Path) -> None:
    """The negative control: without a step to die at, the child ends by itself."""
    create(tmp_path / "ledger", ORIGIN)
    program = Path(__file__).with_name("killed.py")
    done = subprocess.run([sys.executable, program, tmp_path / "ledger", "nowhere"], check=False)

    assert done.returncode == 0
    assert len(list_keys(tmp_path / "ledger")) == 2


def test_a_policy_without_sizes_would_believe_the_thief(tmp_path: Path) -> None:
    """The negative control: all keys for all sizes take a forged tree for good."""
    directory = tmp_path / "ledger"
    vkey = load_signer(create(directory, ORIGIN)).verifier.vkey
    rotate_key(directory, None, 0, "")
    forged = sign_checkpoint(ORIGIN, 99, b"f" * 32, private(directory, vkey))
    keys = [key.sizes for key in list_keys(directory)]

    assert Policy(tuple(key.verifier for key in keys)).check(forged).size == 99
    with pytest.raises(VerificationError, match="good for sizes 0-2"):
        Policy(tuple(key.verifier for key in keys), sizes=tuple(keys)).check(forged)
    assert Verifier.parse(vkey) == keys[0].verifier
