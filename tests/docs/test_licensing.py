"""docs/LICENSING.md says what the code does: faults, consents, actions, price models, templates, words of other formats."""

from __future__ import annotations

import re

from counterfoil.licensing import load_templates
from counterfoil.licensing.uses import ACTIONS, CONSENT_OF_USE, use_word
from counterfoil.v1 import record_pb2, registry_pb2
from counterfoil.v1 import registry_service_pb2 as service

from .pages import read_page

PAGE = "docs/LICENSING.md"
DAY_S = 24 * 3600


def section(title: str) -> str:
    """What stands under a heading, up to the next one."""
    return re.split(r"^#+ ", read_page(PAGE).partition(f"# {title}\n")[2], flags=re.MULTILINE)[0]


def rows(text: str) -> list[list[str]]:
    """The cells of each row of the tables in a text, without backticks; heads and rules aside."""
    found = [line.strip("|").split("|") for line in text.splitlines() if line.startswith("| ")]
    return [[cell.replace("`", "").strip() for cell in cells] for cells in found]


def test_faults_stand_in_their_order() -> None:
    """The table of faults is the enum, in the order of the checks."""
    faults = [row[0] for row in rows(section("How a use is judged"))[1:]]

    assert faults == [
        name.removeprefix("COVERAGE_FAULT_") for name in service.CoverageFault.keys()[1:]
    ]


def test_consents_are_those_of_the_code() -> None:
    """Each use has its consent."""
    shown = {row[0]: row[1] for row in rows(section("Consents"))[1:]}

    assert shown == {
        registry_pb2.Use.Name(use): record_pb2.Consent.Name(consent)
        for use, consent in CONSENT_OF_USE.items()
    }


def test_actions_are_those_of_the_code() -> None:
    """Each word of an event has its use, and no other word is shown."""
    shown = {
        word.replace("empty", ""): use
        for words, use in rows(section("Actions"))[1:-1]
        for word in words.split(", ")
    }

    assert shown == {word: registry_pb2.Use.Name(use) for word, use in ACTIONS.items()}


def test_fields_of_licences_and_prices_are_explained() -> None:
    """Each field of the messages has its row; what every record has is explained elsewhere."""
    elsewhere = {"replaces", "metadata", "terms"}
    license_ = {field.name for field in registry_pb2.License.DESCRIPTOR.fields}
    terms = {f"terms.{field.name}" for field in registry_pb2.LicenseTerms.DESCRIPTOR.fields}
    price = registry_pb2.Price.DESCRIPTOR
    models = {field.name for field in price.oneofs_by_name["model"].fields}
    tables = rows(section("What a price says"))

    assert {row[0] for row in rows(section("What a licence says"))[1:]} == license_ - elsewhere | terms  # fmt: skip
    names = {row[0] for row in tables} - {"field", "model"}
    assert names == {field.name for field in price.fields} - elsewhere
    for model, fields, _ in (row for row in tables if row[0] in models):
        message = price.fields_by_name[model].message_type
        assert message is not None
        assert [field.name for field in message.fields if field.name not in fields] == [], model


def test_templates_are_those_of_the_package() -> None:
    """Each template has its row, with its title, uses and notice."""
    shown = rows(section("Templates"))[1:]

    assert shown == [
        [
            f"{each.name}@{each.version}",
            each.title,
            ", ".join(map(use_word, each.terms.allowed_uses))
            + ("; commercial" if each.terms.commercial_use else "; not commercial"),
            f"{each.terms.revocation.notice_s // DAY_S} days",
        ]
        for each in load_templates()
    ]


def test_a_missing_row_would_be_seen() -> None:
    """Negative control: what is compared is what stands in the page."""
    assert rows("| a | `b` |\n|---|---|\n| c | d, `e` |\n") == [["a", "b"], ["c", "d, e"]]
    assert len(rows(section("How a use is judged"))) == 14
    assert section("No such heading") == ""
