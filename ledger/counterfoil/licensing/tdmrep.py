"""A licence as a TDM policy: TDM Reservation Protocol, Final Community Group Report of 10 May 2024.

https://www.w3.org/community/reports/tdmrep/CG-FINAL-tdmrep-20240510/, chapter "Expressing a TDM Policy": an ODRL 2.2 offer
in JSON-LD. Where each part comes from, by section::

    @context, uid           "JSON-LD context and identifier of a Policy"    fixed; a URN of the licence
    @type, profile          "Type of a Policy", "Identification of the profile"    fixed
    assigner                "Assigner"                                      the creator: a URN, display name, terms_uri
    permission.target       "Expressing the target of a permission"         where the works are, or a URN
    permission.action       "Expressing the action of a permission"         tdm:mine, the only one there is
    duty compensate         "Expressing the duty to compensate ..."         where the licence has a price
    duty obtainConsent      "Expressing the duty to contact ..."            see below

A policy speaks to everybody about mining, which is training and fine-tuning here. Where the licence does not allow both, or
limits them in a way that a policy cannot state, the duty to obtain consent stands in for the limit: such a policy offers to
talk, and permits nothing by itself. The purposes of the report are research and other purposes, not commercial and other
ones, so that commercial_use is such a limit too; the extension for territories is no part of the report, and has
alpha-3 codes.
"""

import json
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
from counterfoil.licensing.terms import name_some
from counterfoil.licensing.uses import use_word
from counterfoil.v1 import registry_pb2

MEDIA_TYPE: Final = "application/ld+json"
CONTEXT: Final = ("http://www.w3.org/ns/odrl.jsonld", "http://www.w3.org/ns/tdmrep.jsonld")
PROFILE: Final = "http://www.w3.org/ns/tdmrep"
_MINING: Final = frozenset({registry_pb2.USE_TRAINING, registry_pb2.USE_FINE_TUNING})


def export_tdmrep(agreement: Agreement) -> Exported:
    """A licence as a policy that the ``tdm-policy`` of a site can point at."""
    limits = [*unplaced_limits(agreement.license), *_unplaced_terms(agreement.license.terms)]
    consent = any(each.limits for each in limits)
    duties = [*(["obtainConsent"] if consent else []), *(["compensate"] if agreement.price else [])]
    permission: dict[str, Any] = {"target": agreement.work, "action": "tdm:mine"}
    if duties:
        permission["duty"] = [{"action": duty} for duty in duties]
    policy = {
        "@context": list(CONTEXT),
        "@type": "Offer",
        "profile": PROFILE,
        "uid": f"urn:counterfoil:license:{agreement.license.license_id}",
        "assigner": _assigner(agreement),
        "permission": [permission],
    }
    document = json.dumps(policy, ensure_ascii=False, indent=2) + "\n"
    left_out = [*limits, *_unplaced_price(agreement.price), *unplaced_facts(agreement)]
    return exported(MEDIA_TYPE, document, left_out, widens=False)


def _assigner(agreement: Agreement) -> dict[str, str]:
    assigner = {"uid": f"urn:counterfoil:creator:{agreement.license.creator_id}"}
    if agreement.creator is not None and agreement.creator.display_name:
        assigner["vcard:fn"] = agreement.creator.display_name
    if agreement.license.terms_uri:
        assigner["vcard:hasURL"] = agreement.license.terms_uri
    return assigner


def _unplaced_terms(terms: Any) -> Iterator[LeftOut]:
    uses = set(terms.allowed_uses)
    for use in sorted(_MINING - uses):
        yield LeftOut(f"allowed_uses: not {use_word(use)}", limits=True)
    for use in sorted(uses - _MINING):
        yield LeftOut(f"allowed_uses: {use_word(use)}")
    if not terms.commercial_use:
        yield LeftOut("commercial_use: not allowed", limits=True)
    if terms.territories:
        yield LeftOut(f"territories: {name_some(terms.territories)}", limits=True)


def _unplaced_price(price: Any | None) -> Iterator[LeftOut]:
    if price is not None:
        yield LeftOut(f"price: all of {price.WhichOneof('model')} but that there is one")
