"""Licences as RSL documents and TDM policies: well-formed, in the words of each format, and never wider than the licence."""

from __future__ import annotations

import json
import random
import re
import xml.etree.ElementTree as ET
from typing import Any

import pytest

from counterfoil.licensing import EXPORTS, Agreement, Exported, export_rsl, export_tdmrep
from counterfoil.v1 import registry_pb2
from counterfoil.v1 import registry_service_pb2 as service

from .small_registry import ALL_USES, NEW_YEAR_US, asset, creator, license_, price

SEED = 20261127
RSL = "{https://rslstandard.org/rsl}"
# Elements of RSL 1.0 by parent, the attributes each may have, and how often it may stand there at most.
CHILDREN = {
    "rsl": {"content": 1 << 30},
    "content": {"license": 1 << 30, "copyright": 1, "terms": 1},
    "license": {"permits": 3, "prohibits": 3, "payment": 1},
    "payment": {"amount": 1},
}
ATTRIBUTES = {
    "content": {"url"}, "permits": {"type"}, "prohibits": {"type"}, "payment": {"type"}, "amount": {"currency"},
}  # fmt: skip
VOCABULARY = {
    "usage": {"all", "ai-all", "ai-train", "ai-input", "ai-index", "search"},
    "user": {"commercial", "non-commercial", "education", "government", "personal"},
}
PAYMENTS = {"purchase", "subscription", "training", "crawl", "use", "contribution", "attribution", "free"}  # fmt: skip
# What each word allows, in the sense of RSL 1.0 section 3.4.1.1; "search" is beyond all uses of a licence.
ALLOWS = {"ai-train": {1, 2}, "ai-input": {3, 5}, "ai-index": {5}, "ai-all": {1, 2, 3, 4, 5, 6}, "all": {6}, "search": {6}}  # fmt: skip


def prices() -> list[Any]:
    """A price of each model."""
    month = registry_pb2.BILLING_PERIOD_MONTH
    fee = {"amount": "9.99", "period": month}
    rates = {"input_rate": "0.00001", "output_rate": "0.00002"}
    models: dict[str, Any] = {
        "per_token": rates,
        "per_call": {"rate": "0.000000000000000001"},
        "per_training_example": {"rate": "0.01"},
        "revenue_share": {"creator_ppm": 700_000},
        "flat_fee": fee,
        "floor_plus_usage": {"floor": fee, "usage": rates},
        "subscription_pool": fee,
    }
    return [
        registry_pb2.Price(price_id="pr", currency="EUR", **{name: fields})
        for name, fields in models.items()
    ]


def agreement(price_: Any | None = None, url: str = "", **changes: Any) -> Agreement:
    """A licence for the asset, with its creator and price."""
    return Agreement(
        license_(price_id="pr" if price_ else "", **changes),
        price_,
        creator(display_name="A. Author"),
        asset(metadata={"url": url} if url else {}),
    )


def parse(document: str) -> ET.Element:
    """The root of an RSL document, after its structure was checked."""
    assert document.startswith('<?xml version="1.0" encoding="UTF-8"?>\n')
    assert '<rsl xmlns="https://rslstandard.org/rsl">' in document
    root = ET.fromstring(document.encode())
    assert structure_faults(root) == []
    return root


def structure_faults(root: ET.Element) -> list[str]:
    """What RSL 1.0 does not allow: elements, attributes and words it does not know, and repetitions."""
    found = [] if root.tag == f"{RSL}rsl" else [f"the root is {root.tag}"]
    for element in root.iter():
        name = element.tag.removeprefix(RSL)
        children = [child.tag.removeprefix(RSL) for child in element]
        known = CHILDREN.get(name, {})
        found += [f"{child} in {name}" for child in children if children.count(child) > known.get(child, 0)]  # fmt: skip
        wanted = ATTRIBUTES.get(name, set())
        found += [f"attributes of {name}"] if set(element.attrib) != wanted else []
        if name in {"permits", "prohibits"}:
            found += word_faults(element)
        if name == "license":
            kinds = [(child.tag, child.get("type")) for child in element]
            found += [f"{kind} twice" for kind in set(kinds) if kinds.count(kind) > 1]
        if name == "payment" and element.get("type") not in PAYMENTS:
            found.append("payment type")
        if name == "amount" and not re.fullmatch(r"[0-9]+(\.[0-9]+)?", element.text or ""):
            found.append("amount")
    if not list(root.iter(f"{RSL}license")):
        found.append("no license")
    return found


def word_faults(element: ET.Element) -> list[str]:
    """Words that are not in the vocabulary of the element's type, or lists that are not apart by single spaces."""
    words = (element.text or "").split(" ")
    kind = element.get("type", "")
    if kind == "geo":
        return [word for word in words if not re.fullmatch("[A-Z]{2}", word)]
    return [word for word in words if word not in VOCABULARY.get(kind, set())]


def permitted(root: ET.Element, kind: str) -> set[str] | None:
    """The words that a document permits, None for any."""
    permits = [each for each in root.iter(f"{RSL}permits") if each.get("type") == kind]
    return set((permits[0].text or "").split(" ")) if permits else None


def prohibited(root: ET.Element, kind: str) -> set[str]:
    """The words that a document prohibits."""
    found = [each for each in root.iter(f"{RSL}prohibits") if each.get("type") == kind]
    return set((found[0].text or "").split(" ")) if found else set()


def test_a_licence_as_rsl() -> None:
    """The whole document of a licence that RSL has words for."""
    made = agreement(
        prices()[1],
        url="https://example.com/works/*.txt",
        terms={"territories": ["DE", "FR"]},
        terms_uri="https://example.com/terms?a=1&b=2",
    )

    assert export_rsl(made) == Exported(
        "application/rsl+xml",
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        '<rsl xmlns="https://rslstandard.org/rsl">\n'
        '  <content url="https://example.com/works/*.txt">\n'
        "    <license>\n"
        '      <permits type="usage">ai-train ai-input ai-index</permits>\n'
        '      <permits type="geo">DE FR</permits>\n'
        '      <payment type="use">\n'
        '        <amount currency="EUR">0.000000000000000001</amount>\n'
        "      </payment>\n"
        "    </license>\n"
        "    <copyright>A. Author</copyright>\n"
        "    <terms>https://example.com/terms?a=1&amp;b=2</terms>\n"
        "  </content>\n"
        "</rsl>\n",
        ["allowed_uses: display"],
        widens=False,
    )


def test_a_licence_as_a_policy() -> None:
    """The whole policy of a licence that TDMRep has words for."""
    uses = [registry_pb2.USE_TRAINING, registry_pb2.USE_FINE_TUNING]
    made = agreement(
        prices()[4],
        url="https://example.com/works/",
        terms={"allowed_uses": uses},
        terms_uri="https://example.com/terms",
    )
    found = export_tdmrep(made)

    assert (found.media_type, found.widens) == ("application/ld+json", False)
    assert json.loads(found.document) == {
        "@context": ["http://www.w3.org/ns/odrl.jsonld", "http://www.w3.org/ns/tdmrep.jsonld"],
        "@type": "Offer",
        "profile": "http://www.w3.org/ns/tdmrep",
        "uid": "urn:counterfoil:license:li",
        "assigner": {
            "uid": "urn:counterfoil:creator:cr",
            "vcard:fn": "A. Author",
            "vcard:hasURL": "https://example.com/terms",
        },
        "permission": [
            {
                "target": "https://example.com/works/",
                "action": "tdm:mine",
                "duty": [{"action": "compensate"}],
            }
        ],
    }
    assert found.left_out == ["price: all of flat_fee but that there is one"]


@pytest.mark.parametrize(
    ("model", "kind", "amount"),
    [
        ("per_token", "use", None),
        ("per_call", "use", "0.000000000000000001"),
        ("per_training_example", "training", None),
        ("revenue_share", "use", None),
        ("flat_fee", "subscription", "9.99"),
        ("floor_plus_usage", "subscription", None),
        ("subscription_pool", "subscription", None),
    ],
)
def test_each_price_has_its_payment(model: str, kind: str, amount: str | None) -> None:
    """An amount stands where it is all that the price says for what the type counts; else the price is left out."""
    (given,) = (each for each in prices() if each.WhichOneof("model") == model)
    found = export_rsl(agreement(given))
    (payment,) = parse(found.document).iter(f"{RSL}payment")

    assert payment.get("type") == kind
    assert [(each.text, each.get("currency")) for each in payment] == (
        [(amount, "EUR")] if amount else []
    )
    assert any(told.startswith("price: ") for told in found.left_out) == (model != "per_call")


def test_a_licence_without_a_price_is_free() -> None:
    """Free is said, and no duty to pay is."""
    free = agreement(terms={"allowed_uses": ALL_USES})
    (payment,) = parse(export_rsl(free).document).iter(f"{RSL}payment")

    assert (payment.get("type"), list(payment)) == ("free", [])
    assert "duty" not in json.loads(export_tdmrep(free).document)["permission"][0]


def test_a_licence_is_not_exported_without_its_price() -> None:
    """Negative: a document that offered for nothing what costs something is never made."""
    with pytest.raises(ValueError, match="with its price"):
        Agreement(license_(price_id="pr"))
    with pytest.raises(ValueError, match="with its price"):
        Agreement(license_(), price("pr", "1"))


LIMITS: tuple[tuple[dict[str, Any], str], ...] = (
    ({"buyer": "host"}, "buyer: for host alone"),
    (
        {"terms": {"start_time_us": NEW_YEAR_US}},
        "start_time_us: from 2026-01-01T00:00:00Z",
    ),
    ({"terms": {"end_time_us": NEW_YEAR_US}}, "end_time_us: until 2026-01-01T00:00:00Z"),
    ({"terms": {"models_allowed": ["m-*", "n"]}}, "models_allowed: m-*, n"),
    ({"terms": {"models_excluded": ["m-1"]}}, "models_excluded: m-1"),
)


@pytest.mark.parametrize(("changes", "told"), LIMITS)
def test_limits_without_a_place_are_told(changes: dict[str, Any], told: str) -> None:
    """A limit that a format cannot state comes first in the list; RSL widens then, and a policy asks for consent."""
    made = agreement(template="x@1", **changes)
    rsl, policy = export_rsl(made), export_tdmrep(made)

    assert (rsl.left_out[0], policy.left_out[0]) == (told, told)
    assert (rsl.widens, policy.widens) == (True, False)
    assert json.loads(policy.document)["permission"][0]["duty"] == [{"action": "obtainConsent"}]


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"template": "x@1"}, "template: x@1"),
        ({"terms_sha256": b"\x01" * 32}, "terms_sha256: " + "01" * 32),
        ({"metadata": {"b": "1", "a": "2"}}, "metadata: a, b"),
        ({"terms": {"revocation": {"irrevocable": True}}}, "revocation: irrevocable"),
        ({"terms": {"revocation": {"notice_s": 7}}}, "revocation: with a notice of 7 seconds"),
    ],
)
def test_facts_without_a_place_are_told(changes: dict[str, Any], told: str) -> None:
    """What is left out and limits nothing is in the list, and neither document is called wider for it."""
    for export in EXPORTS.values():
        found = export(agreement(**changes))
        assert told in found.left_out
        assert not found.widens


def test_non_commercial_licences() -> None:
    """RSL keeps commercial users out, which is not all that the licence says; a policy asks for consent."""
    made = agreement(terms={"commercial_use": False})
    rsl = export_rsl(made)

    assert prohibited(parse(rsl.document), "user") == {"commercial"}
    assert rsl.widens
    assert rsl.left_out[0].startswith("commercial_use: ")
    assert '"obtainConsent"' in export_tdmrep(made).document


@pytest.mark.parametrize(
    "url",
    ["", "javascript:alert(1)", "http://example.com/", "/", "*", "https://", 'https://example.com/"x', "https://a/ b"],
)  # fmt: skip
def test_works_without_an_address_have_a_name(url: str) -> None:
    """Where no proper address is known the works are named by a URN, which no path is mistaken for, and that is told."""
    rsl, policy = (export(agreement(url=url)) for export in (export_rsl, export_tdmrep))

    assert [each.get("url") for each in parse(rsl.document)] == ["urn:counterfoil:asset:as"]
    assert json.loads(policy.document)["permission"][0]["target"] == "urn:counterfoil:asset:as"
    for found in (rsl, policy):
        assert any(told.startswith("where the works are") for told in found.left_out)


def test_a_catalogue_is_where_its_creator_says() -> None:
    """A licence for all works takes the creator's address, and never that of an asset."""
    owner = creator(metadata={"url": "https://example.com/all/"})
    other = asset(metadata={"url": "https://example.com/one/"})
    for export in EXPORTS.values():
        found = export(Agreement(license_(asset_id=""), None, owner, other))
        assert "https://example.com/all/" in found.document
        assert "/one/" not in found.document
        assert "urn:counterfoil:creator:cr" in export(Agreement(license_(asset_id=""))).document


HOSTILE = (
    "]]>", "<!--", "-->", "&amp;", "&#0;", "</copyright><license/>", '"/><x a="', "'", "\t a \n b", "\x00\x08\x0b\x1f",
    "\ufffe\uffff", "\U0001f600", "e\u0301", "<![CDATA[x]]>", "<?xml?>", "%xxe;", "\u202e",
)  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE)
def test_texts_are_escaped(name: str) -> None:
    """Whatever a name holds, it stays one text in one place; characters that XML cannot have become a mark."""
    made = Agreement(license_(), None, creator(display_name=name), asset())
    root = parse(export_rsl(made).document)
    (copyright_,) = root.iter(f"{RSL}copyright")
    kept = re.sub("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]", "\ufffd", name)

    assert copyright_.text == kept
    assert json.loads(export_tdmrep(made).document)["assigner"]["vcard:fn"] == name


def test_a_document_never_says_more_than_the_licence() -> None:
    """Random licences: every use, user, place and payment that a document permits is one that the licence does."""
    chance = random.Random(SEED)
    for round_ in range(400):
        given = chance.choice([None, *prices()])
        made = agreement(
            given,
            terms={
                "commercial_use": chance.random() < 0.5,
                "allowed_uses": chance.sample(ALL_USES, chance.randint(1, 5)),
                "territories": chance.sample(["DE", "FR", "IT"], chance.randint(0, 3)),
                "models_excluded": chance.choice([[], ["m"]]),
            },
        )
        terms, rsl, policy = made.license.terms, export_rsl(made), export_tdmrep(made)
        root = parse(rsl.document)
        words = permitted(root, "usage")
        allowed = {use for word in words or () for use in ALLOWS[word]}

        told = (SEED, round_, rsl.document)
        assert allowed <= set(terms.allowed_uses), told
        assert words is not None or prohibited(root, "usage") == {"all"}, told
        assert terms.commercial_use == ("commercial" not in prohibited(root, "user")), told
        assert permitted(root, "geo") == (set(terms.territories) or None), told
        assert (given is None) == ('type="free"' in rsl.document), told
        (permission,) = json.loads(policy.document)["permission"]
        duties = [each["action"] for each in permission.get("duty", [])]
        whole = {1, 2} <= set(terms.allowed_uses) and terms.commercial_use
        plain = whole and not terms.territories and not terms.models_excluded
        assert duties == ["obtainConsent"] * (not plain) + ["compensate"] * (given is not None), (
            told
        )
        for use in set(terms.allowed_uses) - allowed:
            word = registry_pb2.Use.Name(use)[4:].lower().replace("_", "-")
            assert f"allowed_uses: {word}" in rsl.left_out, told


@pytest.mark.parametrize(
    "broken",
    [
        '<rsl xmlns="https://example.com/"><content url="/"><license/></content></rsl>',
        '<rsl xmlns="https://rslstandard.org/rsl"><content url="/"></content></rsl>',
        '<rsl xmlns="https://rslstandard.org/rsl"><content><license/></content></rsl>',
        '<rsl xmlns="https://rslstandard.org/rsl"><content url="/"><license><permit/></license></content></rsl>',
        '<rsl xmlns="https://rslstandard.org/rsl"><content url="/"><license><permits type="usage">ai-train,search</permits></license></content></rsl>',
        '<rsl xmlns="https://rslstandard.org/rsl"><content url="/"><license><permits type="usage">all</permits><permits type="usage">all</permits></license></content></rsl>',
        '<rsl xmlns="https://rslstandard.org/rsl"><content url="/"><license><payment type="inference"/></license></content></rsl>',
    ],
)
def test_a_malformed_document_would_be_seen(broken: str) -> None:
    """Negative control: the check of structure objects to what RSL does not allow."""
    assert structure_faults(ET.fromstring(broken))


def test_every_format_has_an_export() -> None:
    """Each LicenseFormat is in the table."""
    assert EXPORTS.keys() == {number for number in service.LicenseFormat.values() if number}
