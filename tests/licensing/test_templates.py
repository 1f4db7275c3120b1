"""Licence templates: what was released stays as it is, and a licence made from one is a good record."""

from __future__ import annotations

import subprocess
import tomllib
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from counterfoil.licensing import find_template, from_template, load_templates, templates
from counterfoil.record import LICENSE
from counterfoil.record.license import check_template
from counterfoil.v1 import registry_pb2

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "ledger/counterfoil/licensing/templates"
# Never change a line: licences in logs point at these texts. A new version of a template is a new line.
RELEASED = {
    "catalogue-subscription@1": "44380cefc85829a515f59cb3aec730074b95478dc7cd391683b705d968f9a461",
    "display-attribution@1": "08c02d7a1731ffaaa66db1b50fd58142b95470bd65eed00178b954533a20de26",
    "inference-metered@1": "ce0a6c1454a2285ed2c242a104c6637e385df00b330eb03b5029ebf2e01047db",
    "research-noncommercial@1": "4a2dad5079a2df42f498587971a8d456fc0fff5b407570c8acee020fa58126af",
    "training-nonexclusive@1": "8829f45fc4011d772d66ad547e9c88ee0d6ae210939cd7ce350deb4db7e705e3",
}
USES = {name.removeprefix("USE_"): number for name, number in registry_pb2.Use.items() if number}
DAY_S = 24 * 3600
# What each allows, whether for money, and the notice in days: released with the texts.
RELEASED_TERMS: dict[str, tuple[bool, set[str], int]] = {
    "catalogue-subscription@1": (True, set(USES), 90),
    "display-attribution@1": (True, {"DISPLAY", "RETRIEVAL"}, 30),
    "inference-metered@1": (True, {"INFERENCE", "RETRIEVAL"}, 30),
    "research-noncommercial@1": (False, {"TRAINING", "FINE_TUNING", "INFERENCE", "RETRIEVAL"}, 90),
    "training-nonexclusive@1": (True, {"TRAINING", "FINE_TUNING"}, 30),
}
NAMES = sorted(RELEASED)


def named(template: Any) -> str:
    """How licences call a template."""
    return f"{template.name}@{template.version}"


def test_released_texts_never_change() -> None:
    """Each template has the text that was released, and none was taken away."""
    found = {named(each): sha256(each.text.encode()).hexdigest() for each in load_templates()}

    assert found == RELEASED
    assert {named(each): each.text_sha256.hex() for each in load_templates()} == RELEASED


def test_released_terms_never_change() -> None:
    """Each template has the terms that were released, and no others."""
    for template in load_templates():
        commercial, uses, days = RELEASED_TERMS[named(template)]
        wanted = registry_pb2.LicenseTerms(
            commercial_use=commercial,
            allowed_uses=[f"USE_{use}" for use in sorted(uses, key=USES.__getitem__)],
            revocation={"notice_s": days * DAY_S},
        )
        template.terms.allowed_uses.sort()
        assert template.terms == wanted, named(template)


def test_every_file_is_a_template() -> None:
    """A text without a line in the list, or a line without a text, is not there."""
    texts = {f"{path.stem.rpartition('-')[0]}@{path.stem.rpartition('-')[2]}" for path in FOLDER.glob("*.txt")}  # fmt: skip

    assert texts == set(RELEASED)


def test_texts_are_for_people() -> None:
    """A text is short enough to be read, in plain characters, and begins with its title and version."""
    for template in load_templates():
        lines = template.text.splitlines()
        assert template.text.isascii()
        assert len(lines) < 40
        assert max(map(len, lines)) <= 125
        assert lines[0].endswith(f"Version {template.version}.")
        assert template.title.split()[0].rstrip(",").lower() in lines[0].lower()


@pytest.mark.parametrize("name", NAMES)
def test_a_licence_from_a_template_is_a_good_record(name: str) -> None:
    """With its ids a licence on the terms of a template has nothing to object to, and names it with its fingerprint."""
    template = find_template(name)
    assert template is not None

    made = from_template(template, license_id="l", creator_id="c")

    assert list(LICENSE.check(made, made.SerializeToString())) == []
    assert list(check_template(name, "template")) == []
    assert (made.template, made.terms_sha256.hex()) == (name, RELEASED[name])
    assert made.terms == template.terms


def test_parties_may_have_their_own_words() -> None:
    """What is stated goes before the template, and its fingerprint is not put on another text."""
    template = find_template("inference-metered@1")
    assert template is not None
    terms = registry_pb2.LicenseTerms(allowed_uses=[registry_pb2.USE_DISPLAY])

    other = from_template(template, license_id="l", terms=terms, terms_uri="https://example.com/a")
    signed = from_template(template, terms_uri="https://example.com/a", terms_sha256=b"a" * 32)

    assert other.terms == terms
    assert other.terms_sha256 == b""
    assert signed.terms_sha256 == b"a" * 32


@pytest.mark.parametrize(
    "name",
    ["", "inference-metered", "inference-metered@2", "inference-metered@01", "../x@1", "x@1"],
)
def test_unknown_templates_are_not_found(name: str) -> None:
    """A name that is not built in is none of ours, whatever it looks like."""
    assert find_template(name) is None


def test_a_template_cannot_be_changed_by_its_reader() -> None:
    """Whoever changes what was loaded changes a copy."""
    for each in load_templates():
        each.text = "all rights to me"
        each.terms.Clear()

    assert {named(each): each.text_sha256.hex() for each in load_templates()} == RELEASED
    assert all(each.terms.allowed_uses for each in load_templates())


def test_a_changed_text_would_be_seen(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Negative control: one letter more in one file, and the comparison above fails."""
    for path in FOLDER.glob("*.t*"):
        (tmp_path / path.name).write_bytes(path.read_bytes())
    changed = tmp_path / "inference-metered-1.txt"
    changed.write_bytes(changed.read_bytes() + b".")
    monkeypatch.setattr(templates, "_FOLDER", tmp_path)
    templates._templates.cache_clear()

    found = {named(each): each.text_sha256.hex() for each in load_templates()}
    templates._templates.cache_clear()

    assert {name for name in RELEASED if found[name] != RELEASED[name]} == {"inference-metered@1"}


def test_the_files_are_part_of_the_package() -> None:
    """List and texts are known to git and lie in a folder that the wheel takes whole: nothing leaves them out."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    targets = project["tool"]["hatch"]["build"]["targets"]
    files = [path.relative_to(ROOT).as_posix() for path in FOLDER.iterdir() if path.is_file()]

    ignored = subprocess.run(["git", "check-ignore", *files], cwd=ROOT, capture_output=True)

    assert len(files) == len(RELEASED) + 2
    assert ignored.stdout == b""
    assert any(file.startswith(folder) for file in files for folder in targets["wheel"]["packages"])
    assert "sdist" not in targets
    assert not {"exclude", "only-include"} & targets["wheel"].keys()
