"""Make what says of which packages an installed ledger consists: requirements.lock, sbom.cdx.json and docs/LICENSES.md.

The lock pins server, client and command line, and what builds them, for Linux and every Python that the project names;
each pin has the hashes of its files. Versions that are in the lock stay as they are, unless --upgrade is given. The
other two files are made from the metadata of these very packages, freshly installed from the lock into an environment
of their own. They hold no time and no random number: the same lock gives the same bytes. The
graph of the bill of materials also has edges that a package draws for an extra of its own.
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
import tempfile
import tomllib
import venv
from collections.abc import Mapping
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
PROJECT = ROOT / "pyproject.toml"
LOCK = ROOT / "requirements.lock"
SBOM = ROOT / "sbom.cdx.json"
LICENSES = ROOT / "docs" / "LICENSES.md"
EXTRAS = ("client", "server", "pkcs11")
BIN = Path(sys.executable).parent

# Of a component's description: what changes without the component, and identifies nothing.
LEFT_OUT = frozenset({"externalReferences", "description"})
# What packages that have no SPDX expression say in classifiers.
CLASSIFIED = {
    "License :: OSI Approved :: Apache Software License": "Apache-2.0",
    "License :: OSI Approved :: Mozilla Public License 2.0 (MPL 2.0)": "MPL-2.0",
}
# Where metadata says it in words of its own, or leaves open how two licenses go together: read in the license files of
# the package, and to be read again when its major version changes.
CONCLUDED = {
    ("protobuf", "7"): "BSD-3-Clause",
    ("uvloop", "0"): "MIT OR Apache-2.0",
}

HEAD = """# Licenses of what a ledger consists of

Everything that `requirements.lock` installs for server, client and command line, and what builds them, with the license that the
package's own metadata declares; *concluded* where that had to be read in its license files. The project itself is Apache-2.0.
Made by `make supply-chain`; `sbom.cdx.json` says the same to programs.

| package | version | license | |
|---|---|---|---|
"""


def main() -> int:
    """Make the three files."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--upgrade", action="store_true", help="take the newest allowed versions")
    options = parser.parse_args()
    project = tomllib.loads(PROJECT.read_text())
    lock(project, upgrade=options.upgrade)
    check_other_pythons(project)
    with tempfile.TemporaryDirectory() as folder:
        bom = tidied(describe(project, Path(folder)))
    SBOM.write_text(json.dumps(bom, indent=1, sort_keys=True, ensure_ascii=False) + "\n")
    LICENSES.write_text(HEAD + "".join(map(row, bom["components"])))
    print(f"{len(bom['components'])} packages")
    return 0


def lock(project: Mapping[str, Any], *, upgrade: bool) -> None:
    """Write the lock for the oldest Python."""
    newest = ("--upgrade",) if upgrade else ()
    resolve(
        project, oldest_python(project), "--generate-hashes", "--output-file", str(LOCK), *newest
    )


def check_other_pythons(project: Mapping[str, Any]) -> None:
    """The lock must hold what each newer Python needs, and nothing that one does not.

    Raises:
        SystemExit: it does not.
    """
    locked = set(pins(LOCK.read_text()))
    for python in pythons(project):
        needed = set(pins(resolve(project, python, "--constraint", str(LOCK))))
        if needed != locked:
            raise SystemExit(f"Python {python} differs from the lock in {needed ^ locked}")


def resolve(project: Mapping[str, Any], python: str, *options: str) -> str:
    """The packages of the application on one version of Python, as a requirements file."""
    target = ["--python-version", python, "--python-platform", "linux"]
    wanted = [part for extra in EXTRAS for part in ("--extra", extra)]
    quiet = ["--quiet", "--no-header", "--no-emit-index-url", "--no-emit-find-links"]
    done = subprocess.run(
        [BIN / "uv", "pip", "compile", *target, *wanted, *quiet, *options, PROJECT.name, "-"],
        # The build backend runs when the project is installed: it is pinned like the rest.
        input="\n".join(project["build-system"]["requires"]),
        cwd=ROOT,
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    )
    return done.stdout


def pythons(project: Mapping[str, Any]) -> list[str]:
    """The versions of Python that the project names."""
    found = (re.search(r"Python :: (3\.\d+)$", line) for line in project["project"]["classifiers"])
    return [match[1] for match in found if match]


def oldest_python(project: Mapping[str, Any]) -> str:
    """The first of them."""
    return min(pythons(project), key=lambda version: int(version.partition(".")[2]))


def pins(text: str) -> list[str]:
    """The lines ``name==version`` of a requirements file."""
    return re.findall(r"^[\w.-]+==[\w.+!-]+", text, re.MULTILINE)


def application(project: Mapping[str, Any]) -> str:
    """The project as it is installed from the lock, as a pyproject.toml: without the extras of those who work on it."""
    told = project["project"]
    wanted = [*told["dependencies"]]
    for extra in EXTRAS:
        wanted += told["optional-dependencies"][extra]
    shown = {name: told[name] for name in ("name", "version", "license")}
    # A requirement of the project itself names an extra that is in the list.
    shown["dependencies"] = [line for line in wanted if not line.startswith(f"{told['name']}[")]
    # Strings, and lists of them, are written alike in JSON and TOML.
    lines = [f"{name} = {json.dumps(value)}" for name, value in shown.items()]
    return "\n".join(["[project]", *lines, ""])


def describe(project: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    """Install the lock, and nothing else, into an empty folder; what is there, as CycloneDX."""
    venv.create(folder / "env", with_pip=False, symlinks=True)
    python = folder / "env" / "bin" / "python"
    # Wheels only: a source distribution would fetch, and run, what builds it.
    safely = ["--require-hashes", "--only-binary", ":all:", "--requirement", str(LOCK)]
    subprocess.run(
        [BIN / "uv", "pip", "install", "--quiet", "--python", python, *safely], check=True
    )
    told = folder / "pyproject.toml"
    told.write_text(application(project))
    about = ["--pyproject", str(told), "--output-reproducible", "--spec-version", "1.6"]
    done = subprocess.run(
        [BIN / "cyclonedx-py", "environment", *about, python], check=True, stdout=subprocess.PIPE
    )
    bom: dict[str, Any] = json.loads(done.stdout)
    return bom


def tidied(bom: dict[str, Any]) -> dict[str, Any]:
    """The same with one SPDX expression for each component, and without addresses and advertisement."""
    for component in bom["components"]:
        component["licenses"] = [spdx(component)]
    bom["components"].sort(key=lambda component: component["name"].lower())
    short: dict[str, Any] = _shortened(bom)
    return short


def _shortened(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _shortened(held) for key, held in value.items() if key not in LEFT_OUT}
    return [_shortened(held) for held in value] if isinstance(value, list) else value


def spdx(component: Mapping[str, Any]) -> dict[str, str]:
    """The license of a component.

    Raises:
        SystemExit: its metadata does not tell; somebody has to look (``CONCLUDED``).
    """
    name, version = component["name"], component["version"]
    if concluded := CONCLUDED.get((name, version.partition(".")[0])):
        return {"expression": concluded, "acknowledgement": "concluded"}
    told = {_told(entry) for entry in component.get("licenses", ())}
    if len(told) != 1 or None in told:
        raise SystemExit(f"{name} {version}: its license is not clear: {component.get('licenses')}")
    return {"expression": str(told.pop()), "acknowledgement": "declared"}


def _told(entry: Mapping[str, Any]) -> str | None:
    if "expression" in entry:
        return str(entry["expression"])
    license_ = entry["license"]
    return license_.get("id") or CLASSIFIED.get(license_.get("name", ""))


def row(component: Mapping[str, Any]) -> str:
    """A component's line of the table of licenses."""
    (license_,) = component["licenses"]
    how = "concluded" if license_["acknowledgement"] == "concluded" else ""
    return f"| {component['name']} | {component['version']} | {license_['expression']} | {how} |\n"


if __name__ == "__main__":
    sys.exit(main())
