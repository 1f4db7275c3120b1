"""Licences: what a record must say, in one spelling each."""

from __future__ import annotations

from typing import Any

import pytest

from counterfoil.limits import (
    BODY_SIZE_BYTES_MAX,
    ID_LENGTH_MAX,
    MODEL_PATTERNS_MAX,
    NOTICE_S_MAX,
    TERRITORIES_MAX,
    TIME_US_MAX,
    URI_LENGTH_MAX,
)
from counterfoil.record import LICENSE, parse_message, problem
from counterfoil.record.license import check_template
from counterfoil.v1 import registry_pb2

from .license_samples import TERMS, license_with, terms_with, told
from .samples import serialize

LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
TERRITORIES = [first + second for first in LETTERS for second in LETTERS]
MODELS = [f"m{number}".ljust(ID_LENGTH_MAX, "-") + "*" for number in range(MODEL_PATTERNS_MAX + 1)]


def test_a_good_licence_has_no_problems() -> None:
    """The sample passes, read back from its bytes."""
    body = parse_message(registry_pb2.License, serialize(license_with()), "body")

    assert told(LICENSE, body) == []


def test_a_licence_needs_id_creator_and_a_use() -> None:
    """These three are all that a licence must say: anybody may do that, everywhere, for nothing, for ever."""
    least = registry_pb2.License(
        license_id="l", creator_id="c", terms={"allowed_uses": [registry_pb2.USE_DISPLAY]}
    )

    assert told(LICENSE, least) == []
    assert told(LICENSE, registry_pb2.License()) == [
        ("license_id", problem.MISSING),
        ("creator_id", problem.MISSING),
        ("terms.allowed_uses", problem.MISSING),
    ]


@pytest.mark.parametrize(
    "field", ["license_id", "replaces", "creator_id", "asset_id", "buyer", "price_id"]
)
def test_identifiers_of_a_licence_are_checked(field: str) -> None:
    """Each identifier is refused when too long, or with a character outside the alphabet."""
    assert told(LICENSE, license_with(**{field: "x" * ID_LENGTH_MAX})) == []
    assert told(LICENSE, license_with(**{field: "x" * (ID_LENGTH_MAX + 1)})) == [
        (field, problem.TOO_LONG)
    ]
    assert told(LICENSE, license_with(**{field: "a b"})) == [(field, problem.BAD_CHARACTERS)]


TERM_FAULTS: tuple[tuple[dict[str, Any], str, str], ...] = (
    ({"allowed_uses": None}, "allowed_uses", problem.MISSING),
    ({"allowed_uses": [0]}, "allowed_uses", problem.MALFORMED),
    ({"allowed_uses": [99]}, "allowed_uses", problem.MALFORMED),
    ({"allowed_uses": [1, 2, 1]}, "allowed_uses", problem.MALFORMED),
    ({"territories": ["DE", "DE"]}, "territories", problem.MALFORMED),
    ({"territories": TERRITORIES[: TERRITORIES_MAX + 1]}, "territories", problem.TOO_MANY),
    ({"start_time_us": -1}, "start_time_us", problem.ABSURD),
    ({"start_time_us": TIME_US_MAX + 1, "end_time_us": 0}, "start_time_us", problem.ABSURD),
    ({"end_time_us": TIME_US_MAX + 1}, "end_time_us", problem.ABSURD),
    ({"start_time_us": 7, "end_time_us": 7}, "end_time_us", problem.MALFORMED),
    ({"start_time_us": 8, "end_time_us": 7}, "end_time_us", problem.MALFORMED),
    ({"models_allowed": [""]}, "models_allowed[0]", problem.MISSING),
    ({"models_allowed": ["a", "*"]}, "models_allowed[1]", problem.MALFORMED),
    ({"models_excluded": ["*"]}, "models_excluded[0]", problem.MALFORMED),
    ({"models_allowed": ["a**"]}, "models_allowed[0]", problem.BAD_CHARACTERS),
    ({"models_allowed": ["*a"]}, "models_allowed[0]", problem.BAD_CHARACTERS),
    ({"models_excluded": ["a*b"]}, "models_excluded[0]", problem.BAD_CHARACTERS),
    ({"models_excluded": ["a?"]}, "models_excluded[0]", problem.BAD_CHARACTERS),
    ({"models_excluded": ["a", "a"]}, "models_excluded", problem.MALFORMED),
    ({"models_allowed": MODELS}, "models_allowed", problem.TOO_MANY),
    ({"models_allowed": ["x" * (ID_LENGTH_MAX + 1)]}, "models_allowed[0]", problem.TOO_LONG),
    ({"revocation": {"notice_s": -1}}, "revocation.notice_s", problem.NEGATIVE),
    ({"revocation": {"notice_s": NOTICE_S_MAX + 1}}, "revocation.notice_s", problem.ABSURD),
    (
        {"revocation": {"irrevocable": True, "notice_s": 1}},
        "revocation.notice_s",
        problem.MALFORMED,
    ),
)


@pytest.mark.parametrize(("changes", "field", "reason"), TERM_FAULTS)
def test_a_fault_in_the_terms_names_field_and_reason(
    changes: dict[str, Any], field: str, reason: str
) -> None:
    """Each fault alone gives one problem, with its field, its reason and words for people."""
    found = list(LICENSE.check(terms_with(**changes), b""))

    assert [(item.field, item.reason) for item in found] == [(f"terms.{field}", reason)]
    assert found[0].message


@pytest.mark.parametrize(
    "changes",
    [
        {"allowed_uses": [5, 4, 3, 2, 1]},
        {"territories": None},
        {"territories": TERRITORIES[:TERRITORIES_MAX]},
        {"start_time_us": None, "end_time_us": None},
        {"start_time_us": TIME_US_MAX, "end_time_us": None},
        {"start_time_us": TIME_US_MAX - 1, "end_time_us": TIME_US_MAX},
        {"start_time_us": None, "end_time_us": 1},
        {"models_allowed": None, "models_excluded": None},
        {"models_allowed": ["a"], "models_excluded": ["a"]},
        {"models_allowed": MODELS[:MODEL_PATTERNS_MAX]},
        {"revocation": {"notice_s": NOTICE_S_MAX}},
        {"revocation": {"irrevocable": True}},
        {"revocation": None},
    ],
)
def test_the_limits_of_terms_are_accepted(changes: dict[str, Any]) -> None:
    """What just fits is let pass, as is what may be left out."""
    assert told(LICENSE, terms_with(**changes)) == []


@pytest.mark.parametrize(
    "territory",
    ["", "D", "DEU", "de", "De", "D1", "D ", " DE", "DE\n", "ÄÖ", "\uff24\uff25", "EU-27", "*"],
)
def test_other_territories_are_refused(territory: str) -> None:
    """A territory is two capital letters."""
    wanted = [("terms.territories", problem.MALFORMED)]

    assert told(LICENSE, terms_with(territories=[territory])) == wanted
    assert told(LICENSE, terms_with(territories=["FR", territory])) == wanted


@pytest.mark.parametrize("template", ["", "a@1", "0-x@1", "a" * 64 + "@999999", "research-only@12"])
def test_names_with_a_version_are_templates(template: str) -> None:
    """A template is a name of small letters, digits and hyphens, and a version from 1; it may be left out."""
    assert list(check_template(template, "template")) == []
    assert told(LICENSE, license_with(template=template)) == []


@pytest.mark.parametrize(
    "template",
    [
        "a", "a@", "@1", "a@0", "a@01", "a@-1", "a@1.0", "a@v1", "a@1@2", "A@1", "a_b@1", "-a@1", "a-@1",
        "a b@1", "a@1 ", "a@1\n", "a" * 65 + "@1", "a@1000000", "ä@1", "a@\u0661",
    ],
)  # fmt: skip
def test_other_templates_are_refused(template: str) -> None:
    """Names without a version, other versions and other letters are refused."""
    assert told(LICENSE, license_with(template=template)) == [("template", problem.MALFORMED)]


@pytest.mark.parametrize(
    "uri",
    [
        "",
        "https://a",
        "https://example.com",
        "https://example.com/",
        "https://example.com:8443/a/b.pdf",
        "https://xn--bcher-kva.example/%C3%A4",
        "https://example.com?x=1&y=(2)",
        "https://example.com#part",
        "https://a/" + "x" * (URI_LENGTH_MAX - 10),
    ],
)
def test_addresses_of_agreements(uri: str) -> None:
    """An address on the web over TLS may be given, with port, query and fragment, or left out."""
    assert told(LICENSE, license_with(terms_uri=uri)) == []


@pytest.mark.parametrize(
    "uri",
    [
        "http://example.com/", "HTTPS://example.com/", "https:", "https://", "https:///path", "https:/example.com",
        "example.com/terms", "ftp://example.com/", "javascript:alert(1)", "data:text/plain,x", "file:///etc/passwd",
        "https://user@example.com/", "https://user:pass@example.com/", "https://example.com:port/", "https://-a/",
        "https://a-/", "https://exa mple.com/", "https://example.com/a b", "https://example.com/\n",
        "https://example.com/\x00", 'https://example.com/"', "https://example.com/<b>", "https://example.com/\\",
        "https://bücher.example/", "https://example.com/ä", " https://example.com/", "https://example.com/\u202e",
    ],
)  # fmt: skip
def test_other_addresses_are_refused(uri: str) -> None:
    """Other schemes, users, blanks, quotes, controls and letters beyond ASCII are refused."""
    assert told(LICENSE, license_with(terms_uri=uri)) == [("terms_uri", problem.MALFORMED)]


def test_a_long_address_is_refused() -> None:
    """An address of more characters than one may have is refused."""
    uri = "https://a/" + "x" * (URI_LENGTH_MAX - 9)

    assert told(LICENSE, license_with(terms_uri=uri)) == [("terms_uri", problem.TOO_LONG)]


@pytest.mark.parametrize("size", [1, 20, 31, 33, 64])
def test_a_fingerprint_of_another_size_is_refused(size: int) -> None:
    """The fingerprint of an agreement has 32 bytes, or none."""
    assert told(LICENSE, license_with(terms_sha256=b"x" * size)) == [
        ("terms_sha256", problem.MALFORMED)
    ]
    assert told(LICENSE, license_with(terms_sha256=b"")) == []


def test_metadata_of_a_licence_is_checked() -> None:
    """A key outside the alphabet is refused."""
    assert told(LICENSE, license_with(metadata={"a b": "x"})) == [("metadata", problem.MALFORMED)]


def test_the_largest_licence_fits_a_body() -> None:
    """A licence whose lists are all at their longest is no larger than a body may be."""
    body = terms_with(
        territories=TERRITORIES[:TERRITORIES_MAX],
        models_allowed=MODELS[:MODEL_PATTERNS_MAX],
        models_excluded=MODELS[:MODEL_PATTERNS_MAX],
    )

    assert told(LICENSE, body) == []
    assert len(serialize(body)) < BODY_SIZE_BYTES_MAX // 2


def test_several_faults_of_a_licence_are_all_told() -> None:
    """A licence with many faults has a problem for each."""
    terms = {**TERMS, "territories": ["x"], "allowed_uses": [], "end_time_us": 1}
    body = license_with(license_id="", terms=terms, template="x", terms_uri="x")

    assert sorted(told(LICENSE, body)) == [
        ("license_id", problem.MISSING),
        ("template", problem.MALFORMED),
        ("terms.allowed_uses", problem.MISSING),
        ("terms.end_time_us", problem.MALFORMED),
        ("terms.territories", problem.MALFORMED),
        ("terms_uri", problem.MALFORMED),
    ]


def test_a_licence_is_listed_under_what_it_names() -> None:
    """Licences are found by id, creator, asset and buyer; each is known by its request id."""
    assert dict(LICENSE.terms(license_with())) == {
        "license_id": "lic:1",
        "creator_id": "creator_42",
        "asset_id": "asset/1",
        "buyer": "host_1",
    }
    assert LICENSE.identity("r-9", license_with()) == "r-9"
