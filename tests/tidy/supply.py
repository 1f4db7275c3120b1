"""What is wrong with the lock, the bill of materials and the list of licenses: each function gives complaints."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

EXTRAS = ("client", "server", "pkcs11")
# Those that may be shipped beside Apache-2.0, and are here; a new one is looked at by a person first.
LICENSES = frozenset(
    {
        *("0BSD", "Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "CC0-1.0", "ISC", "MIT", "MIT-0"),
        *("MPL-2.0", "OLDAP-2.8", "PSF-2.0", "Zlib"),
    }
)
_PIN = re.compile(r"([\w.-]+)==([\w.+!-]+) \\")
_HASH = re.compile(r"    --hash=sha256:[0-9a-f]{64}( \\)?")
_ROW = re.compile(r"^\| ([\w.-]+) \| (\d[\w.+!-]*) \| (.+?) \|", re.MULTILINE)


@dataclass
class Pin:
    """One package of the lock."""

    version: str
    hashes: int = 0


def read_lock(text: str) -> dict[str, Pin]:
    """The pins by name; lines that are none of the known kinds are for :func:`strange_lines`."""
    pins: dict[str, Pin] = {}
    name = ""
    for line in text.splitlines():
        if pin := _PIN.fullmatch(line):
            name = canonicalize_name(pin[1])
            pins[name] = Pin(pin[2])
        elif name and _HASH.fullmatch(line):
            pins[name].hashes += 1
    return pins


def strange_lines(text: str) -> Iterator[str]:
    """Lines of the lock that are no pin, no hash and no remark on who needs it: an index, a path, a marker."""
    for number, line in enumerate(text.splitlines(), 1):
        if not (_PIN.fullmatch(line) or _HASH.fullmatch(line) or line.startswith("    # ")):
            yield f"line {number}: {line}"


def wrong_pins(project: Mapping[str, Any], pins: Mapping[str, Pin]) -> Iterator[str]:
    """Requirements of the application that the lock does not meet, and pins that nothing vouches for."""
    for requirement in requirements(project):
        pin = pins.get(canonicalize_name(requirement.name))
        if pin is None:
            yield f"{requirement.name} is not in the lock"
        elif not requirement.specifier.contains(pin.version):
            yield f"{requirement.name} {pin.version} is not within {requirement.specifier}"
    for name, pin in pins.items():
        if not pin.hashes:
            yield f"{name} {pin.version} has no hash"


def requirements(project: Mapping[str, Any]) -> Iterator[Requirement]:
    """What server, client and their build ask for by name; a reference of the project to itself is none."""
    yield from own_requirements(project)
    yield from map(Requirement, project["build-system"]["requires"])


def own_requirements(project: Mapping[str, Any]) -> Iterator[Requirement]:
    """The same without the build."""
    told = project["project"]
    extras = (told["optional-dependencies"][extra] for extra in EXTRAS)
    for line in [line for held in (told["dependencies"], *extras) for line in held]:
        requirement = Requirement(line)
        if requirement.name != told["name"]:
            yield requirement


def wrong_roots(project: Mapping[str, Any], bom: Mapping[str, Any]) -> Iterator[str]:
    """Packages that the bill of materials says this project needs itself, and it does not; and the other way round."""
    root = bom["metadata"]["component"]["bom-ref"]
    (drawn,) = (edge["dependsOn"] for edge in bom["dependencies"] if edge["ref"] == root)
    shown = {canonicalize_name(reference.partition("==")[0]) for reference in drawn}
    wanted = {canonicalize_name(requirement.name) for requirement in own_requirements(project)}
    for name in sorted(shown ^ wanted):
        yield f"{name} is needed by pyproject.toml or the bill of materials alone"


def differences(pins: Mapping[str, Pin], bom: Mapping[str, Any], table: str) -> Iterator[str]:
    """Components that lock, bill of materials and list of licenses do not name alike."""
    locked = {(name, pin.version) for name, pin in pins.items()}
    listed = [(canonicalize_name(c["name"]), c["version"]) for c in bom["components"]]
    rows = [(canonicalize_name(name), version) for name, version, _ in _ROW.findall(table)]
    for where, found in (("bill of materials", listed), ("list of licenses", rows)):
        if len(set(found)) != len(found):
            yield f"the {where} names something twice"
        for name, version in sorted(locked ^ set(found)):
            yield f"{name} {version} is in lock or {where} alone"


def license_faults(bom: Mapping[str, Any], table: str) -> Iterator[str]:
    """Components whose license is missing, unknown, or not the one in the list."""
    rows = {(name, version): told for name, version, told in _ROW.findall(table)}
    for component in bom["components"]:
        key = component["name"], component["version"]
        told = [license_.get("expression", "") for license_ in component.get("licenses", ())]
        if len(told) != 1 or not set(re.split(r" AND | OR ", told[0])) <= LICENSES:
            yield f"{key}: {told} is no license that somebody looked at"
        elif rows.get(key) != told[0]:
            yield f"{key}: {told[0]} in the bill of materials, {rows.get(key)} in the list"


def volatile(bom: Mapping[str, Any]) -> Iterator[str]:
    """What would differ when the same bill is made again."""
    if "serialNumber" in bom:
        yield "it has a serial number"
    if "timestamp" in bom["metadata"]:
        yield "it has a time"
