"""Starts that must not succeed: one line that says what to do, exit code 2, and no trace left behind."""

from __future__ import annotations

import os
import select
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from counterfoil_cli.commands import serve
from counterfoil_cli.main import main

from ..support.ledger_process import LedgerProcess, serving
from .edge import PATIENCE_S, connected, event
from .settings import set_setting

Spoil = Callable[[Path], None]


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A ledger with some entries that was stopped."""
    with serving(tmp_path_factory.mktemp("template") / "ledger") as process:
        with connected(process) as edge:
            edge.append([event()])
        assert process.stop() == 0
        return process.directory


@pytest.fixture
def copy(template: Path, tmp_path: Path) -> Path:
    """A copy of it for one test to spoil."""
    return Path(shutil.copytree(template, tmp_path / "ledger"))


def expect_refused(directory: Path, *options: str, hints: tuple[str, ...]) -> str:
    """`counterfoil serve` must end with 2 and one line that holds all the hints."""
    command = [sys.executable, "-m", "counterfoil_cli", "serve", str(directory)]
    process = subprocess.Popen(
        [*command, "--grpc", "127.0.0.1:0", *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # A process group of its own: should it start all the same, its workers end with it.
        start_new_session=True,
    )
    assert process.stdout is not None
    try:
        ready = select.select([process.stdout], [], [], PATIENCE_S)[0]
        assert ready, "neither served nor refused"
        if process.stdout.readline():
            pytest.fail(f"it was served: {hints}")
        _, told = process.communicate(timeout=PATIENCE_S)
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.communicate()
    check_refusal(process.returncode, told, hints)
    return str(told)


def check_refusal(code: int, told: str, hints: tuple[str, ...]) -> None:
    """Exit code 2 and one line of this program that holds all the hints."""
    assert code == 2, told
    assert told.count("\n") == 1, told
    assert told.startswith("counterfoil: "), told
    for hint in hints:
        assert hint in told, told


def append_setting(line: str) -> Spoil:
    """Add a line to the settings."""

    def spoil(directory: Path) -> None:
        path = directory / "counterfoil.toml"
        path.write_text(path.read_text() + line + "\n")

    return spoil


def change_setting(name: str, value: str) -> Spoil:
    """Give a setting another value."""
    return lambda directory: set_setting(directory, name, value)


def remove(name: str) -> Spoil:
    """Remove a file or folder."""

    def spoil(directory: Path) -> None:
        path = directory / name
        shutil.rmtree(path) if path.is_dir() else path.unlink()

    return spoil


def chmod(name: str, mode: int) -> Spoil:
    """Give a file other rights."""
    return lambda directory: (directory / name).chmod(mode)


def write(name: str, data: bytes) -> Spoil:
    """Replace a file."""

    def spoil(directory: Path) -> None:
        (directory / name).write_bytes(data)

    return spoil


def replace_by_folder(name: str) -> Spoil:
    """Put a folder where a file belongs."""

    def spoil(directory: Path) -> None:
        (directory / name).unlink()
        (directory / name).mkdir()

    return spoil


SPOILED: dict[str, tuple[Spoil, tuple[str, ...]]] = {
    "no settings": (remove("counterfoil.toml"), ("counterfoil init",)),
    "settings are a folder": (replace_by_folder("counterfoil.toml"), ("cannot be read",)),
    "settings are not TOML": (write("counterfoil.toml", b"origin = \n"), ("cannot be read",)),
    "settings are not text": (write("counterfoil.toml", b"\xff\xfe"), ("cannot be read",)),
    "settings are empty": (write("counterfoil.toml", b"\n"), ("origin",)),
    "unknown setting": (append_setting('orgin = "x"'), ("unknown setting orgin", "origin")),
    "text for a number": (change_setting("map_size_bytes", '"2"'), ("map_size_bytes", "a number")),
    "a number of many digits": (
        change_setting("map_size_bytes", "9" * 5000),
        ("cannot be read",),
    ),
    "a number beyond 64 bits": (
        change_setting("map_size_bytes", str(1 << 63)),
        ("map_size_bytes",),
    ),
    "a window beyond the calendar": (
        change_setting("window_past_s", str(10**12)),
        ("window_past_s", "at most"),
    ),
    "lists without end": (append_setting("x = " + "[" * 100_000), ("cannot be read",)),
    "a zero in a path": (change_setting("store", r'"a\\u0000b"'), ("store", "zero")),
    "a negative number": (change_setting("window_past_s", "-1"), ("window_past_s",)),
    "true for a number": (change_setting("map_size_bytes", "true"), ("map_size_bytes",)),
    "a number for text": (change_setting("origin", "5"), ("origin", "text")),
    "unknown environment": (change_setting("environment", '"test"'), ("live", "sandbox")),
    "other environment": (change_setting("environment", '"sandbox"'), ("live", "sandbox")),
    "other origin": (change_setting("origin", '"other.example/ledger"'), ("other.example/ledger",)),
    "no key": (remove("signing.key"), ("signing.key", "missing", "backup")),
    "key that its group can read": (chmod("signing.key", 0o640), ("signing.key", "chmod 600")),
    "key that others can read": (chmod("signing.key", 0o604), ("signing.key", "chmod 600")),
    "key is empty": (write("signing.key", b"\n"), ("signing.key", "cannot be read")),
    "key is not text": (write("signing.key", b"\xff\n"), ("signing.key", "cannot be read")),
    "no anchor": (remove("anchor"), ("anchor", "--new-anchor")),
    "anchor is empty": (write("anchor", bytes(2048)), ("anchor", "--new-anchor")),
    "anchor is nonsense": (write("anchor", b"nonsense"), ("anchor", "put the right file back")),
    "no store": (remove("store"), ("store",)),
    "store is empty": (write("store/data.mdb", b"\n"), ("store",)),
}


@pytest.fixture
def expect_refused_here(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Callable[..., None]:
    """Like expect_refused, but the program runs here: without the half second that a process takes to begin."""
    monkeypatch.setattr(serve, "say", lambda line: pytest.fail(f"it was served: {line}"))

    def expect(directory: Path, *options: str, hints: tuple[str, ...]) -> None:
        code = main(["serve", str(directory), "--grpc", "127.0.0.1:0", *options])
        said = capsys.readouterr()
        assert said.out == ""
        check_refusal(code, said.err, hints)

    return expect


@pytest.mark.parametrize("name", SPOILED)
def test_a_spoiled_directory_is_refused_with_what_to_do(
    copy: Path, name: str, expect_refused_here: Callable[..., None]
) -> None:
    """Whatever is missing, unreadable or contradictory in a directory is named in one line."""
    spoil, hints = SPOILED[name]
    spoil(copy)
    expect_refused_here(copy, hints=hints)


@pytest.mark.parametrize("workers", ["1", "2"])
@pytest.mark.parametrize("name", ["no key", "other environment"])
def test_a_process_that_cannot_serve_ends_with_one_line(
    copy: Path, name: str, workers: str
) -> None:
    """The command, and each of its workers, ends with the line and the exit code of the table above."""
    spoil, hints = SPOILED[name]
    spoil(copy)
    expect_refused(copy, "--workers", workers, hints=hints)


@pytest.mark.parametrize("kind", ["missing", "empty", "file"])
def test_a_place_that_is_no_ledger_is_refused(
    tmp_path: Path, kind: str, expect_refused_here: Callable[..., None]
) -> None:
    """A directory that does not exist, that is empty, and a file each get a line that says how to go on."""
    place = tmp_path / "place"
    if kind == "empty":
        place.mkdir()
    elif kind == "file":
        place.write_text("no ledger\n")
    hints = ("cannot be read",) if kind == "file" else ("counterfoil init", str(place))
    expect_refused_here(place, hints=hints)
    assert place.exists() == (kind != "missing")


@pytest.mark.parametrize(
    ("address", "hints"),
    [
        ("nonsense", ("HOST:PORT",)),
        ("127.0.0.1", ("HOST:PORT",)),
        ("127.0.0.1:99999", ("HOST:PORT",)),
        ("192.0.2.1:0", ("cannot listen", "--grpc")),
        (f"{'x' * 300}:7070", ("cannot listen", "--grpc")),
    ],
)
def test_an_address_that_cannot_be_served_is_refused(
    template: Path,
    address: str,
    hints: tuple[str, ...],
    expect_refused_here: Callable[..., None],
) -> None:
    """Addresses that are none, or of no interface of this machine, are told apart from a taken port."""
    expect_refused_here(template, "--grpc", address, hints=hints)


@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_port_in_use_is_refused(template: Path, workers: str) -> None:
    """A port that another program listens on is named, with the option that chooses another one."""
    with socket.socket() as taken:
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        told = expect_refused(
            template, "--grpc", address, "--workers", workers, hints=("cannot listen", "--grpc")
        )
        assert address in told


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LedgerProcess]:
    """A ledger that is being served."""
    with serving(tmp_path_factory.mktemp("served") / "ledger", "--workers", "2") as process:
        yield process


@pytest.mark.parametrize(
    ("options", "port"),
    [((), "another"), (("--workers", "2"), "another"), (("--workers", "2"), "the same")],
)
def test_a_second_server_on_a_directory_is_refused(
    served: LedgerProcess, options: tuple[str, ...], port: str
) -> None:
    """Beside a running server, whatever the port and the number of workers, a second one does not start."""
    address = ("--grpc", served.address) if port == "the same" else ()
    expect_refused(
        served.directory, *address, *options, hints=("another server", str(served.directory))
    )
    with connected(served) as edge:
        assert edge.append([event()]).accepted == 1


def test_an_old_copy_of_the_store_is_refused(ledger: LedgerProcess, tmp_path: Path) -> None:
    """A store that was put back from before the newest signed tree would begin a second history: no start."""
    with connected(ledger) as edge:
        edge.append([event()])
    assert ledger.stop() == 0
    old = shutil.copytree(ledger.directory / "store", tmp_path / "old")
    ledger.start()
    with connected(ledger) as edge:
        edge.append([event()])
        newest = edge.info()
    assert ledger.stop() == 0
    new = shutil.copytree(ledger.directory / "store", tmp_path / "new")

    put_back(ledger, old)
    told = expect_refused(ledger.directory, hints=("old copy", "second history"))
    assert "2 entries" in told
    assert "3 have been signed" in told
    put_back(ledger, new)
    ledger.start()
    with connected(ledger) as edge:
        assert edge.info() == newest


def test_a_store_that_is_ahead_of_its_anchor_is_served(
    ledger: LedgerProcess, tmp_path: Path
) -> None:
    """An anchor that lags, as after a crash behind the commit, catches up at the next start."""
    kept = shutil.copy(ledger.directory / "anchor", tmp_path / "anchor")
    with connected(ledger) as edge:
        edge.append([event()])
        newest = edge.info()
    assert ledger.stop() == 0
    shutil.copy(kept, ledger.directory / "anchor")

    ledger.start()

    with connected(ledger) as edge:
        assert edge.info() == newest
    assert b"\n2\n" in (ledger.directory / "anchor").read_bytes()


def test_a_store_of_another_history_is_refused(ledger: LedgerProcess, template: Path) -> None:
    """Another log's store, of the same name and as long, is not what was signed here."""
    with connected(ledger) as edge:
        edge.append([event()])
    assert ledger.stop() == 0
    put_back(ledger, template / "store")
    expect_refused(ledger.directory, hints=("key",))


def put_back(ledger: LedgerProcess, store: Path) -> None:
    """Replace the store of a ledger by a copy."""
    shutil.rmtree(ledger.directory / "store")
    shutil.copytree(store, ledger.directory / "store")
