"""The lock pins what the application asks for, and bill of materials and list of licenses name the same packages."""

from __future__ import annotations

import importlib.util
import json
import re
import tomllib
from copy import deepcopy
from types import ModuleType
from typing import Any

import pytest

from .sources import ROOT, expect_none
from .supply import (
    differences,
    license_faults,
    read_lock,
    strange_lines,
    volatile,
    wrong_pins,
    wrong_roots,
)

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
LOCK = (ROOT / "requirements.lock").read_text(encoding="utf-8")
BOM: dict[str, Any] = json.loads((ROOT / "sbom.cdx.json").read_text(encoding="utf-8"))
TABLE = (ROOT / "docs" / "LICENSES.md").read_text(encoding="utf-8")
PINS = read_lock(LOCK)


def script(name: str) -> ModuleType:
    """A program of scripts/, which are in no package, as a module."""
    spec = importlib.util.spec_from_file_location(name, ROOT / "scripts" / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_lock_meets_every_requirement() -> None:
    """Each dependency of server, client and build is pinned within its range, with a hash."""
    assert len(PINS) > 20
    expect_none(wrong_pins(PROJECT, PINS))


def test_the_lock_holds_nothing_but_pins() -> None:
    """No index, address, path, marker or unpinned name is in the lock."""
    expect_none(strange_lines(LOCK))


def test_all_name_the_same_components() -> None:
    """Bill of materials and list of licenses have the packages of the lock, in its versions, and no others."""
    expect_none(differences(PINS, BOM, TABLE))


def test_every_license_is_known() -> None:
    """Each component has one license expression that somebody looked at, and the list says the same."""
    expect_none(license_faults(BOM, TABLE))


def test_the_bill_says_what_is_needed() -> None:
    """The project needs what its install names, and nothing of what those who work on it use."""
    expect_none(wrong_roots(PROJECT, BOM))


def test_a_wrong_need_is_caught() -> None:
    """A package that is drawn too much, or left out, is reported."""
    planted = deepcopy(BOM)
    for edge in planted["dependencies"]:
        edge["dependsOn"] = [*edge.get("dependsOn", ())[1:], "pytest==9.0"]

    assert len(list(wrong_roots(PROJECT, planted))) == 2


def test_the_bill_can_be_made_again() -> None:
    """No time and no random number is in the bill of materials."""
    expect_none(volatile(BOM))


@pytest.mark.parametrize(
    ("pattern", "planted", "complaint"),
    [
        (r"^lmdb==(.+)$", r"lmdbx==\1", "lmdb is not in the lock"),
        (r"^lmdb==\S+", "lmdb==2.9", "lmdb 2.9 is not within"),
        (r"(^lmdb==.+\n)(    --hash.+\n)+", r"\1", "has no hash"),
        (r"(^lmdb==.+\n)(    --hash.+\n)+", r"\1    --hash=md5:00\n", "has no hash"),
        (r"^hatchling==(.+)$", r"hatch==\1", "hatchling is not in the lock"),
    ],
)
def test_a_planted_fault_of_the_lock_is_caught(pattern: str, planted: str, complaint: str) -> None:
    """A pin that is missing, out of range or without a good hash is reported."""
    text, count = re.subn(pattern, planted, LOCK, flags=re.MULTILINE)

    assert count == 1
    assert any(complaint in told for told in wrong_pins(PROJECT, read_lock(text)))


@pytest.mark.parametrize(
    "planted",
    [
        "--index-url https://packages.example",
        "--find-links wheels",
        "lmdb",
        "lmdb>=3",
        "lmdb @ file:///wheels/lmdb.whl",
        "-e .",
    ],
)
def test_a_planted_line_of_the_lock_is_caught(planted: str) -> None:
    """A line that makes an install depend on more than names, versions and hashes is reported."""
    assert list(strange_lines(LOCK + planted + "\n")) == [
        f"line {LOCK.count(chr(10)) + 1}: {planted}"
    ]


def test_a_component_of_the_lock_alone_is_caught() -> None:
    """What the bill of materials or the list of licenses leaves out, has in another version or adds is reported."""
    first = BOM["components"][0]["name"]
    row = next(line for line in TABLE.splitlines() if line.startswith(f"| {first} |"))
    fewer, other = deepcopy(BOM), deepcopy(BOM)
    del fewer["components"][0]
    other["components"][0]["version"] = "0"

    assert list(differences(PINS, fewer, TABLE))
    assert list(differences(PINS, other, TABLE))
    assert list(differences(PINS, BOM, TABLE.replace(row, "")))
    assert list(differences(PINS, BOM, TABLE + row))
    assert list(differences({**PINS, "more": PINS[first]}, BOM, TABLE))


@pytest.mark.parametrize(
    "licenses", [[], [{"expression": ""}], [{"expression": "MIT OR GPL-3.0-only"}], [{"name": "?"}]]
)
def test_an_unknown_license_is_caught(licenses: list[dict[str, str]]) -> None:
    """A component without a license, or with one that nobody looked at, is reported."""
    planted = deepcopy(BOM)
    planted["components"][0]["licenses"] = licenses

    assert len(list(license_faults(planted, TABLE))) == 1


def test_another_license_in_the_list_is_caught() -> None:
    """The list of licenses may not say otherwise than the bill of materials."""
    told = BOM["components"][0]["licenses"][0]["expression"]

    assert list(license_faults(BOM, TABLE.replace(f"| {told} |", "| ISC |")))


def test_a_time_or_serial_number_is_caught() -> None:
    """What changes from one making to the next is reported."""
    planted = BOM | {"serialNumber": "urn:uuid:0", "metadata": {"timestamp": "now"}}

    assert len(list(volatile(planted))) == 2


@pytest.mark.parametrize(
    "component",
    [
        {"name": "a", "version": "1"},
        {"name": "a", "version": "1", "licenses": [{"license": {"name": "a license"}}]},
        {"name": "a", "version": "1", "licenses": [{"license": {"id": i}} for i in ("MIT", "ISC")]},
        # Concluded for the major version before.
        {"name": "protobuf", "version": "8.0", "licenses": []},
    ],
)
def test_the_script_refuses_a_license_that_is_not_clear(component: dict[str, Any]) -> None:
    """What metadata does not say is not guessed."""
    with pytest.raises(SystemExit, match="its license is not clear"):
        script("supply_chain").spdx(component)


SOUND = {"name": "a", "version": "1", "vulns": []}
FLAWED = {"name": "b", "version": "1", "vulns": [{"id": "CVE-0", "fix_versions": ["2"]}]}
SKIPPED = {"name": "c", "skip_reason": "not found"}


@pytest.mark.parametrize(
    ("packages", "status", "told"),
    [
        ([SOUND], 0, "no known vulnerability in 1"),
        ([SOUND, FLAWED], 1, "b 1: CVE-0, mended in"),
        ([SKIPPED, FLAWED], 1, "b 1: CVE-0, mended in"),
        ([SOUND, SKIPPED], 2, "NOT AUDITED: c"),
        ([SKIPPED], 2, "no source of advisories is reachable"),
        ([], 2, "no source of advisories is reachable"),
    ],
)
def test_an_audit_that_did_not_happen_is_no_pass(
    packages: list[dict[str, Any]], status: int, told: str
) -> None:
    """Only packages that were really looked up count as sound."""
    said, given = script("audit").judge({"dependencies": packages})

    assert given == status
    assert told in said
