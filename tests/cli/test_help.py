"""The command line says how it is used, and one line when it is used wrongly."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer.main

from counterfoil_cli.main import COMMANDS, app, main

from ..support.ledger_process import run_cli

# Nobody listens on the discard port of this machine.
NOBODY = "127.0.0.1:9"
HEAVY = (
    "grpc",
    "google.protobuf",
    "lmdb",
    "numpy",
    "structlog",
    "rich",
    "counterfoil_client",
    "counterfoil_server",
)


def paths(command: Any, prefix: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """The words of every command and group."""
    yield prefix
    for name, child in getattr(command, "commands", {}).items():
        # A hidden name is a second one for what has another.
        if not child.hidden:
            yield from paths(child, (*prefix, name))


ALL_PATHS = tuple(paths(typer.main.get_command(app)))
GROUPS = {path[:-1] for path in ALL_PATHS if len(path) > 1}


def test_the_commands_are_those_of_the_manual() -> None:
    """Every command that people are promised exists; nothing else does."""
    registry = [
        f"{word} {verb}".rstrip()
        for word, more in (
            ("asset", ("register",)),
            ("creator", ()),
            ("licence", ("check", "export", "templates")),
            ("price", ()),
        )
        for verb in ("", "create", "get", "history", "list", "revoke", "update", *more)
    ]
    others = [" ".join(path) for path in ALL_PATHS if path and " ".join(path) not in registry]

    assert len(ALL_PATHS) == 1 + len(others) + len(registry)
    assert sorted(others) == [
        *("audit", "audit list", "backup", "demo", "drill", "export", "fsck", "init"),
        *("key", "key create", "key list", "key revoke", "key rotate"),
        *("log", "log checkpoint", "log info", "log tail"),
        *("principal", "principal certificate", "principal certificate add"),
        *("principal certificate list", "principal certificate remove"),
        *("principal create", "principal list", "principal update"),
        *("receipt", "restore", "serve", "signing-key", "signing-key list", "signing-key rotate"),
        *("training", "training record", "usage", "usage consumer-key", "usage import"),
        *("verify", "whoami"),
    ]


def test_every_module_of_the_tuple_adds_a_command() -> None:
    """COMMANDS is the list of commands: each module in it registers one."""
    for module in COMMANDS:
        alone = typer.Typer()
        module.register(alone)

        assert alone.registered_commands or alone.registered_groups, module.__name__


@pytest.mark.parametrize("path", ALL_PATHS, ids=" ".join)
def test_help_shows_an_example(path: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    """The help of each command ends with a command that can be copied."""
    assert main([*path, "--help"]) == 0

    _, example, lines = capsys.readouterr().out.partition("Example:")
    assert example
    assert " ".join(("counterfoil", *path)) in lines


@pytest.mark.parametrize(
    "path",
    [path for path in ALL_PATHS if path not in GROUPS],
    ids=" ".join,
)
def test_every_command_speaks_json(
    path: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    """Each command has --json."""
    if path:
        main([*path, "--help"])

        assert "--json" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["frobnicate"], "No such command 'frobnicate'"),
        (["verfy"], "Did you mean 'verify'?"),
        (["init"], "Missing argument"),
        (["init", "somewhere"], "Missing option '--origin'"),
        (["serve", "{tmp}/none"], "counterfoil init"),
        (["serve", "{tmp}", "--workers", "0"], "--workers"),
        (["fsck", "{tmp}"], "counterfoil init"),
        (["fsck", "{tmp}", "--new-anchor", "0"], "--new-anchor"),
        (["backup", "{tmp}"], "Missing argument"),
        (["backup", "{tmp}", "{tmp}/copy"], "counterfoil init"),
        (["restore", "{tmp}", "{tmp}/back"], "is no backup"),
        (["export", "{tmp}", "{tmp}/out"], "counterfoil init"),
        (["export", "{tmp}", "{tmp}/out", "--size", "0"], "--size"),
        (["drill", "{tmp}"], "counterfoil init"),
        (["init", "{tmp}/new", "--origin", "two words"], "not acceptable"),
        (["init", "{full}", "--origin", "a.example/log"], "not empty"),
        (["log", "info", "--server", NOBODY], "no ledger answers at 127.0.0.1:9"),
        (["log", "checkpoint", "--server", NOBODY, "--key", "nonsense"], "key"),
        (["log", "tail", "--kind", "coffee", "--server", NOBODY], "choose genesis"),
        (["receipt", "1", "--server", NOBODY], "no ledger answers"),
        (["receipt", "1", "--format", "pdf"], "pdf"),
        (["receipt", "1", "--json"], "add -o FILE"),
        (["verify", "{file}"], "--key VKEY"),
        (["verify", "{file}", "--key", "nonsense"], "verifier key"),
        (["verify", "{file}", "--policy", "{tmp}/none"], "cannot read the policy"),
        (["verify", "{file}", "--policy", "{file}"], "policy"),
        (
            ["training", "record", "--dataset", "d", "--creator", "c", "--model", "m"],
            "--artifact FILE",
        ),
        (
            [
                "training",
                "record",
                "--dataset",
                "d",
                "--creator",
                "c",
                "--model",
                "m",
                "--artifact",
                "{tmp}",
            ],
            "is a directory",
        ),
        (
            [
                "training",
                "record",
                "--dataset",
                "d",
                "--creator",
                "c",
                "--model",
                "m",
                "--artifact",
                "{tmp}/none",
            ],
            "cannot read",
        ),
        (
            [
                "training",
                "record",
                "--dataset",
                "d",
                "--creator",
                "c",
                "--model",
                "m",
                "--artifact",
                "/dev/null",
            ],
            "not a regular file",
        ),
        (
            [
                "training",
                "record",
                "--dataset",
                "d",
                "--creator",
                "c",
                "--model",
                "m",
                "--artifact",
                "{file}",
                "--portion",
                "2",
            ],
            "--portion 2",
        ),
        (
            [
                "training",
                "record",
                "--dataset",
                "d",
                "--creator",
                "c",
                "--model",
                "m",
                "--artifact",
                "{file}",
                "--evidence",
                "x",
            ],
            "KEY=VALUE",
        ),
        (
            [
                "training",
                "record",
                "--dataset",
                "d",
                "--creator",
                "c",
                "--model",
                "m",
                "--artifact",
                "{file}",
                "--time",
                "noon",
            ],
            "--time",
        ),
        (
            [
                "training",
                "record",
                "--dataset",
                "d",
                "--creator",
                "c",
                "--model",
                "m",
                "--artifact",
                "{file}",
                "--server",
                NOBODY,
            ],
            "no ledger answers",
        ),
        (["usage", "import", "{file}", "--server", NOBODY], "no ledger answers"),
        (["usage", "import", "{file}", "--map", "token=x"], "no target 'token'"),
        (["usage", "import", "{file}", "--format", "xml"], "choose auto, csv or json"),
        (["usage", "import", "{file}", "--batch", "10001"], "--batch"),
    ],
    ids=lambda value: "-".join(value)[:60] if isinstance(value, list) else "",
)
def test_a_mistake_costs_one_line_and_exit_code_2(
    arguments: list[str], told: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """What a person can mend is told on one line of standard error, without a traceback, and nothing is printed."""
    file, full = tmp_path / "file.csv", tmp_path / "full"
    file.write_text("a\n1\n")
    full.mkdir()
    (full / "x").touch()
    names = {"tmp": tmp_path, "file": file, "full": full}

    code = main([argument.format(**names) for argument in arguments])

    printed = capsys.readouterr()
    assert (code, printed.out) == (2, "")
    assert printed.err.count("\n") == 1, printed.err
    assert printed.err.startswith("counterfoil: ")
    assert told in printed.err


def test_a_fault_of_ours_keeps_its_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    """An error that no person can mend is not dressed up as one line."""
    monkeypatch.setattr("counterfoil.__main__.verify_file", lambda *_: 1 / 0)

    with pytest.raises(ZeroDivisionError):
        main(
            [
                "verify",
                "x",
                "--key",
                "example.com/ledger+93727de6+AQOhB7/zzhC+HXDdGOdLwJln5NYwm6UNXx3chmQSVTG4",
            ]
        )


@pytest.mark.parametrize("arguments", [["--help"], ["verify", "x", "--key", "nonsense"]])
def test_help_and_verification_load_no_heavy_library(arguments: list[str]) -> None:
    """Help and offline verification start without gRPC, protobuf, LMDB or rich."""
    program = (
        "import sys\nfrom counterfoil_cli.main import main\n"
        f"main({arguments!r})\nprint('loaded:', *[name for name in {HEAVY!r} if name in sys.modules])"
    )

    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)

    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "loaded:"


def test_the_probe_for_heavy_libraries_sees_one() -> None:
    """The probe above is real: a command that needs gRPC shows up in it."""
    program = (
        "import sys\nfrom counterfoil_cli.main import main\n"
        f"main(['log', 'info', '--server', {NOBODY!r}])\nprint('loaded:', 'grpc' in sys.modules)"
    )

    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)

    assert done.stdout.splitlines()[-1] == "loaded: True"


def test_without_typer_the_program_says_what_to_install() -> None:
    """The base install has the program's name and not its libraries: one line says what to do."""
    program = "import sys\nsys.modules['typer'] = None\nimport counterfoil_cli.main"

    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)

    assert done.returncode == 1
    assert done.stderr.startswith("counterfoil: this command needs the server's packages")
    assert "Traceback" not in done.stderr


def test_a_reader_that_leaves_is_no_error() -> None:
    """`counterfoil ... | head` ends quietly."""
    program = f"{sys.executable} -m counterfoil_cli --help | head -c 1"

    done = subprocess.run(["/bin/sh", "-c", program], capture_output=True, text=True)

    assert (done.returncode, done.stderr) == (0, "")


def test_the_program_runs_as_a_module() -> None:
    """`python -m counterfoil_cli` is the same program."""
    assert "Commands:" in run_cli("--help").stdout
