"""docs/API.md and docs/OPERATING.md name everything that is there: methods, reasons, limits, settings, exit codes."""

from __future__ import annotations

import ast
import dataclasses
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from counterfoil import limits
from counterfoil.errors import (
    AlreadyExists,
    Busy,
    Conflict,
    FailedPrecondition,
    InvalidInput,
    OutOfRange,
    QuotaExceeded,
    VersionMismatch,
)
from counterfoil.record import KINDS
from counterfoil.record.problem import REASONS
from counterfoil.v1 import log_service_pb2
from counterfoil_server.directory import Settings
from counterfoil_server.rpc import SERVICES
from counterfoil_server.rpc.status import OTHER_REASON, TABLE
from counterfoil_server.serve import EXIT_OK, EXIT_OUTCOME_UNKNOWN

from .pages import ROOT, read_page

# Whose errors reach a caller: the server, the log under it, and the rules for records.
ANSWERING = ("ledger/counterfoil/record", "ledger/counterfoil/log", "server/counterfoil_server")
IMPORTING = ("server/counterfoil_cli/importing",)
_REASON = re.compile(r"[A-Z]{2,}(_[A-Z]+)*")


def unnamed(names: Iterable[str], text: str) -> list[str]:
    """The names that stand nowhere in a text between backticks."""
    return [name for name in names if f"`{name}`" not in text]


def reasons_in(folders: Iterable[str]) -> Iterator[str]:
    """The literal reasons that code in these folders gives: reason="...", and the first argument of RowError."""
    for folder in folders:
        for path in sorted((ROOT / folder).rglob("*.py")):
            yield from reasons_of(path)


def reasons_of(path: Path) -> Iterator[str]:
    """The literal reasons in one file."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if not isinstance(node, ast.Call):
            continue
        given = [word.value for word in node.keywords if word.arg == "reason"]
        if isinstance(node.func, ast.Name) and node.func.id == "RowError":
            given += node.args[:1]
        for value in given:
            if isinstance(value, ast.Constant) and _REASON.fullmatch(str(value.value)):
                yield str(value.value)


def status_reasons() -> Iterator[str]:
    """The reasons of the table from errors to statuses, each asked of an example of its error."""
    made = {
        InvalidInput: InvalidInput("", field="", reason="INVALID"),
        Conflict: Conflict("", field="", original_index=0),
        OutOfRange: OutOfRange("", size=0),
        Busy: Busy("", retry_after_s=0.0),
        AlreadyExists: AlreadyExists("", reason="EXISTS", field=""),
        VersionMismatch: VersionMismatch("", etag=""),
        FailedPrecondition: FailedPrecondition("", reason="ENDED", field=""),
        QuotaExceeded: QuotaExceeded("", quota="", subject="", retry_after_s=0.0),
    }
    for kind, _, reason, *_ in TABLE:
        yield reason(made[kind] if kind in made else kind(""))
    yield OTHER_REASON


def test_every_reason_is_explained() -> None:
    """Each reason that the ledger can answer with, or the importer can write, stands in docs/API.md."""
    coded = {*REASONS, *reasons_in(ANSWERING), *reasons_in(IMPORTING), *status_reasons()} - {
        "INVALID"
    }

    assert {"SEQUENCE_GAP", "PAGE_TOKEN_EXPIRED", "MISSING_COLUMN", "STORE_FULL"} <= coded
    assert unnamed(coded, read_page("docs/API.md")) == []


def test_no_reason_is_made_up() -> None:
    """Each reason in the tables of docs/API.md is one that the code has."""
    coded = {*REASONS, *reasons_in(ANSWERING), *status_reasons()}
    text = read_page("docs/API.md").partition("## Errors")[2].partition("## What is accepted")[0]
    first_cells = re.findall(r"^\| `(\w+)` \| (?:`(\w+)` \|)?", text, re.MULTILINE)
    shown = {second or first for first, second in first_cells} - {"INVALID_ARGUMENT"}

    assert len(shown) > 20
    assert shown - coded == set()


def test_every_method_is_explained() -> None:
    """Each service and each of its methods stands in docs/API.md."""
    services = [service.DESCRIPTOR for service in SERVICES]
    names = [method.name for service in services for method in service.methods]

    assert len(names) >= 17
    text = read_page("docs/API.md")
    assert unnamed(names, text) == []
    assert [service.name for service in services if f"### {service.name}\n" not in text] == []


def test_every_form_of_receipt_is_explained() -> None:
    """Each form that GetReceipt knows stands in docs/API.md."""
    forms = log_service_pb2.ReceiptFormat.keys()[1:]

    assert unnamed(forms, read_page("docs/API.md")) == []


def test_every_kind_is_explained() -> None:
    """Each kind's body and id prefix stand in docs/SPEC.md."""
    text = read_page("docs/SPEC.md")

    assert unnamed([kind.message.DESCRIPTOR.name for kind in KINDS], text) == []
    assert unnamed([kind.id_prefix for kind in KINDS], text) == []


def rows(text: str) -> dict[str, str]:
    """The first two cells of each row of the tables in a text."""
    found = re.findall(r"^\| `(\w+)` \|([^|]*)\|", text, re.MULTILINE)
    return {name: value.strip().strip("`") for name, value in found}


def spellings(name: str, value: int) -> set[str]:
    """How a bound may be printed."""
    units = {"KiB": limits.KIB, "MiB": limits.MIB}
    found = {f"{value:,}"} | {
        f"{value // unit:,} {word}" for word, unit in units.items() if value % unit == 0
    }
    powers = {10**12: "10^12", (1 << 63) - 1: "2^63 - 1"}
    return found | {powers[value]} if value in powers else found


def test_every_limit_is_printed_with_its_value() -> None:
    """The table of limits has every bound of counterfoil.limits, and no other value for one."""
    table = rows(read_page("docs/OPERATING.md").partition("## Limits")[2].partition("\n## ")[0])
    bounds = {
        name: value
        for name, value in vars(limits).items()
        if name.isupper() and type(value) is int and name not in {"KIB", "MIB"}
    }

    assert table.keys() == bounds.keys()
    wrong = {name for name, value in bounds.items() if table[name] not in spellings(name, value)}
    assert wrong == set()


def test_every_setting_is_printed_with_its_default() -> None:
    """The table of settings has every setting, with the default that the code has."""
    table = rows(read_page("docs/OPERATING.md").partition("## Settings")[2].partition("\n## ")[0])
    settings = {each.name: each for each in dataclasses.fields(Settings)}
    del settings["directory"]

    assert table.keys() == settings.keys()
    for name, setting in settings.items():
        if setting.default is dataclasses.MISSING:
            assert table[name] == "", name
        elif isinstance(setting.default, int):
            plain = {
                f"{setting.default >> shift} {unit}" for shift, unit in ((40, "TiB"), (20, "MiB"))
            }
            assert table[name].partition(" (")[0] in {str(setting.default), *plain}, name
        else:
            assert table[name] == str(setting.default), name


def test_exit_codes_are_printed() -> None:
    """The table of exit codes has those of the server."""
    text = read_page("docs/OPERATING.md")

    assert all(f"\n| {code} | " in text for code in (EXIT_OK, 2, EXIT_OUTCOME_UNKNOWN))


def test_missing_names_would_be_seen(tmp_path: Path) -> None:
    """Negative control: a planted reason, method or limit that no page has is reported."""
    planted = tmp_path / "planted.py"
    planted.write_text(
        'raise InvalidInput("x", field="y", reason="NEVER_HEARD_OF")\nRowError("ODD_ROW")\n'
    )

    assert unnamed(reasons_of(planted), read_page("docs/API.md")) == ["NEVER_HEARD_OF", "ODD_ROW"]
    assert unnamed(["GetEverything"], read_page("docs/API.md")) == ["GetEverything"]
    assert "9 MiB" not in spellings("X", 8 * limits.MIB)
