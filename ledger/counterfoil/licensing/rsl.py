"""A licence as an RSL document: Really Simple Licensing 1.0 (RSL-SPEC-1.0, https://rslstandard.org/rsl).

Where each part comes from, by section of that specification::

    rsl/@xmlns                  2.2     the namespace, as default namespace of the root
    content/@url                3.3     ``url`` in the metadata of asset or creator, or a URN
    permits type="usage"        3.4.1.1 terms.allowed_uses: words apart by a space, one element (3.5)
    prohibits type="usage"      3.6     "all", where no allowed use has a word: without it everything would be permitted
    prohibits type="user"       3.4.1.2 "commercial", where terms.commercial_use is not set
    permits type="geo"          3.5     terms.territories: ISO 3166-1 alpha-2
    payment/@type               3.7     the model of the price; "free" without one
    amount, amount/@currency    3.10    where the price is one amount for what the type counts
    copyright                   3.16    the creator's display name
    terms                       3.17    terms_uri

The document never says more than the licence in what RSL has words for: a word of RSL that is wider than the use is left
out. What limits the licence and has no place at all is in ``left_out``.
"""

import re
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from typing import Any, Final

from counterfoil.licensing.agreement import (
    Agreement,
    Exported,
    LeftOut,
    exported,
    unplaced_facts,
    unplaced_limits,
)
from counterfoil.licensing.uses import use_word
from counterfoil.v1 import registry_pb2

MEDIA_TYPE: Final = "application/rsl+xml"
NAMESPACE: Final = "https://rslstandard.org/rsl"

# A word of RSL, and the uses that it means: it may be said when all of them are allowed. "ai-train" is training and
# fine-tuning together, "ai-input" has grounding in it; "search" is a search index, which is none of our uses.
_WORDS: Final[tuple[tuple[str, frozenset[int]], ...]] = (
    ("ai-train", frozenset({registry_pb2.USE_TRAINING, registry_pb2.USE_FINE_TUNING})),
    ("ai-input", frozenset({registry_pb2.USE_INFERENCE, registry_pb2.USE_RETRIEVAL})),
    ("ai-index", frozenset({registry_pb2.USE_RETRIEVAL})),
)
# XML 1.0 section 2.2: characters that no document may have, escaped or not.
_NOT_XML: Final = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def export_rsl(agreement: Agreement) -> Exported:
    """A licence as an RSL 1.0 document."""
    left_out = list(unplaced_limits(agreement.license))
    root = ET.Element("rsl", {"xmlns": NAMESPACE})
    content = ET.SubElement(root, "content", {"url": agreement.work})
    license_ = ET.SubElement(content, "license")
    left_out += _add_uses(license_, agreement.license.terms)
    left_out += _add_payment(license_, agreement.price)
    if agreement.creator is not None and agreement.creator.display_name:
        _add(content, "copyright", agreement.creator.display_name)
    if agreement.license.terms_uri:
        _add(content, "terms", agreement.license.terms_uri)
    left_out += unplaced_facts(agreement)
    ET.indent(root)
    text = ET.tostring(root, encoding="unicode")
    document = f'<?xml version="1.0" encoding="UTF-8"?>\n{text}\n'
    widens = any(each.limits for each in left_out)
    return exported(MEDIA_TYPE, document, left_out, widens=widens)


def _add_uses(license_: ET.Element, terms: Any) -> Iterator[LeftOut]:
    uses = set(terms.allowed_uses)
    words = [word for word, meant in _WORDS if meant <= uses]
    if words:
        _add(license_, "permits", " ".join(words), type="usage")
    else:
        _add(license_, "prohibits", "all", type="usage")
    said = set[int]().union(*(meant for word, meant in _WORDS if word in words))
    for use in sorted(uses - said):
        yield LeftOut(f"allowed_uses: {use_word(use)}")
    if not terms.commercial_use:
        _add(license_, "prohibits", "commercial", type="user")
        told = "commercial_use: RSL keeps commercial users out, and not commercial uses by others"
        yield LeftOut(told, limits=True)
    if terms.territories:
        _add(license_, "permits", " ".join(terms.territories), type="geo")


def _add_payment(license_: ET.Element, price: Any | None) -> Iterator[LeftOut]:
    if price is None:
        _add(license_, "payment", type="free")
        return
    model = price.WhichOneof("model")
    body = getattr(price, model)
    match model:
        case "per_call":
            kind, amount, unplaced = "use", body.rate, ""
        case "flat_fee":
            kind, amount, unplaced = "subscription", body.amount, "period"
        case "per_training_example":
            kind, amount, unplaced = "training", "", "rate"
        case "per_token" | "revenue_share":
            kind, amount, unplaced = "use", "", "rates"
        case _:
            kind, amount, unplaced = "subscription", "", "amounts and period"
    payment = _add(license_, "payment", type=kind)
    if amount:
        _add(payment, "amount", amount, currency=price.currency)
    if unplaced:
        yield LeftOut(f"price: {unplaced} of {model}")
    for field in ("monthly_cap", "minimum_payout"):
        if getattr(price, field):
            yield LeftOut(f"price: {field}")


def _add(parent: ET.Element, tag: str, text: str = "", **attributes: str) -> ET.Element:
    element = ET.SubElement(parent, tag, attributes)
    if text:
        element.text = _NOT_XML.sub("\ufffd", text)
    return element
