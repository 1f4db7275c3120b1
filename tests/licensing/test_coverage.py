"""Coverage at its edges: the first and the last moment, one model, one territory, and one consent."""

from __future__ import annotations

from typing import Any

import pytest

from counterfoil.licensing import Known, Question, evaluate
from counterfoil.limits import TIME_US_MAX
from counterfoil.record import History
from counterfoil.v1 import record_pb2, registry_pb2
from counterfoil.v1 import registry_service_pb2 as service

from .small_registry import (
    ALL_CONSENTS,
    DAY_US,
    NEW_YEAR_US,
    asset,
    creator,
    history,
    known,
    license_,
    one,
    price,
    question,
    with_terms,
)

NOW = NEW_YEAR_US


def fault(asked: Question, time_us: int, registry: Known) -> str:
    """The word of the fault, "" for none."""
    number = evaluate(asked, time_us, registry).fault
    return service.CoverageFault.Name(number).removeprefix("COVERAGE_FAULT_") if number else ""


def test_a_plain_use_is_covered() -> None:
    """A licence that allows the use covers it, and the answer names licence, version and price."""
    prices = {"pr": history(price("pr", "0.01"))}
    registry = known(one(license_(price_id="pr"), 5), prices=prices)

    decision = evaluate(question(), NOW, registry)

    assert decision.covered
    assert decision.to_message(77) == service.Coverage(
        covered=True,
        license_id="li",
        license_etag="x_5_00000000",
        price_id="pr",
        price_etag="x_0_00000000",
        price=price("pr", "0.01"),
        message="covered by licence li",
        as_of_size=77,
    )


def test_an_uncovered_use_names_the_licence_and_no_price() -> None:
    """Who is not covered learns which licence came nearest, and owes nothing by it."""
    prices = {"pr": history(price("pr", "0.01"))}
    body = license_(price_id="pr", terms={"territories": ["DE"]})
    registry = known(one(body, 5), prices=prices)

    answer = evaluate(question(territory="US"), NOW, registry).to_message(77)

    assert answer == service.Coverage(
        license_id="li",
        license_etag="x_5_00000000",
        fault=service.COVERAGE_FAULT_TERRITORY,
        message="licence li is for the territories DE, not in US",
        as_of_size=77,
    )


@pytest.mark.parametrize(
    ("time_us", "wanted"),
    [
        (NOW - 1, "NOT_STARTED"),
        (NOW, ""),
        (NOW + DAY_US - 1, ""),
        (NOW + DAY_US, "EXPIRED"),
        (NOW + DAY_US + 1, "EXPIRED"),
        (0, "NOT_STARTED"),
        (TIME_US_MAX, "EXPIRED"),
    ],
)
def test_the_start_is_covered_and_the_end_is_not(time_us: int, wanted: str) -> None:
    """A licence covers from its start time on, and no more from its end time on."""
    registry = with_terms(start_time_us=NOW, end_time_us=NOW + DAY_US)

    assert fault(question(), time_us, registry) == wanted


@pytest.mark.parametrize("time_us", [0, 1, NOW, TIME_US_MAX])
def test_without_times_a_licence_always_covers(time_us: int) -> None:
    """Zero for start and end is no bound."""
    assert fault(question(), time_us, with_terms()) == ""


@pytest.mark.parametrize(
    ("time_us", "wanted"), [(NOW - 1, ""), (NOW, "REVOKED"), (NOW + DAY_US, "REVOKED")]
)
def test_a_revocation_counts_from_its_time_on(time_us: int, wanted: str) -> None:
    """What was used before a revocation took effect stays covered; what is used from then on is not."""
    assert fault(question(), time_us, known(one(license_(), 5, end_us=NOW))) == wanted


@pytest.mark.parametrize(
    ("ended", "wanted"), [("asset", "ASSET_ENDED"), ("creator", "CREATOR_ENDED")]
)
def test_an_asset_or_creator_that_ended_covers_nothing_from_then_on(
    ended: str, wanted: str
) -> None:
    """The end of an asset or a creator counts from its moment on, whatever licences say."""
    body = asset() if ended == "asset" else creator()
    registry = known(one(license_(), 5), **{ended: history(body, end_us=NOW)})

    assert fault(question(), NOW - 1, registry) == ""
    assert fault(question(), NOW, registry) == wanted


def test_each_moment_has_its_own_version() -> None:
    """A later version counts from its effective time on; uses before it are judged by the version before."""
    first = license_(terms={"territories": ["DE"]})
    second = license_(terms={"territories": ["FR"]})
    registry = known(history(first, second, changes=(NOW,)))

    assert fault(question(territory="DE"), NOW - 1, registry) == ""
    assert fault(question(territory="DE"), NOW, registry) == "TERRITORY"
    assert fault(question(territory="FR"), NOW - 1, registry) == "TERRITORY"
    assert fault(question(territory="FR"), NOW, registry) == ""


def test_the_first_version_counts_from_the_beginning() -> None:
    """Uses before a licence was registered are covered by it, unless it says when it starts."""
    assert fault(question(), 1, known(one(license_(), 5))) == ""


def test_a_version_with_the_same_moment_replaces_the_one_before() -> None:
    """Of two versions that count from one moment, the later one does."""
    bodies = [license_(terms={"territories": [code]}) for code in ("DE", "FR", "IT")]
    registry = known(history(*bodies, changes=(NOW, NOW)))

    assert fault(question(territory="FR"), NOW, registry) == "TERRITORY"
    assert fault(question(territory="IT"), NOW, registry) == ""


@pytest.mark.parametrize(
    ("allowed", "excluded", "model", "wanted"),
    [
        ([], [], "", ""),
        ([], [], "m-1", ""),
        (["m-1"], [], "m-1", ""),
        (["m-1"], [], "m-10", "MODEL"),
        (["m-1"], [], "M-1", "MODEL"),
        (["m-1"], [], "", "MODEL"),
        (["m-*"], [], "m-1", ""),
        (["m-*"], [], "m-", ""),
        (["m-*"], [], "m", "MODEL"),
        (["m-*"], [], "xm-1", "MODEL"),
        (["n-1", "m-*"], [], "m-1", ""),
        ([], ["m-1"], "m-1", "MODEL"),
        ([], ["m-1"], "m-10", ""),
        ([], ["m-*"], "m-10", "MODEL"),
        ([], ["m-1"], "", "MODEL"),
        (["m-*"], ["m-1"], "m-1", "MODEL"),
        (["m-*"], ["m-1"], "m-2", ""),
        (["m-1"], ["m-*"], "m-1", "MODEL"),
        (["m.1"], [], "m-1", "MODEL"),
    ],
)
def test_models(allowed: list[str], excluded: list[str], model: str, wanted: str) -> None:
    """A model is meant by its id or by the beginning of it; exclusion wins; an unnamed model meets no limit."""
    registry = with_terms(models_allowed=allowed, models_excluded=excluded)

    assert fault(question(model_id=model), NOW, registry) == wanted


@pytest.mark.parametrize(
    ("territories", "where", "wanted"),
    [
        ([], "", ""),
        ([], "DE", ""),
        (["DE"], "DE", ""),
        (["FR", "DE"], "DE", ""),
        (["DE"], "FR", "TERRITORY"),
        (["DE"], "de", "TERRITORY"),
        (["DE"], "", "TERRITORY"),
    ],
)
def test_territories(territories: list[str], where: str, wanted: str) -> None:
    """A licence with territories covers these alone, and no use whose place is not known."""
    registry = with_terms(territories=territories)

    assert fault(question(territory=where), NOW, registry) == wanted


@pytest.mark.parametrize(
    ("buyer", "wanted"), [("host", ""), ("Host", "BUYER"), ("host2", "BUYER"), ("", "BUYER")]
)
def test_a_licence_for_one_buyer_covers_no_other(buyer: str, wanted: str) -> None:
    """A licence with a buyer is for that tenant; one without is for anybody."""
    assert fault(question(buyer=buyer), NOW, known(one(license_(buyer="host"), 5))) == wanted
    assert fault(question(buyer=buyer), NOW, known(one(license_(), 5))) == ""


def test_what_a_licence_does_not_name_is_not_allowed() -> None:
    """Each use is covered by a licence that allows it, and by none that allows all others."""
    uses = [number for number in registry_pb2.Use.values() if number]
    for use in uses:
        others = [other for other in uses if other != use]
        assert fault(question(use=use), NOW, with_terms(allowed_uses=[use])) == ""
        assert fault(question(use=use), NOW, with_terms(allowed_uses=others)) == "USE"


def test_commercial_use_needs_licence_and_consent() -> None:
    """Whoever earns by a use needs a licence that allows it and a creator who agrees to it."""
    plain = [consent for consent in ALL_CONSENTS if consent != record_pb2.CONSENT_COMMERCIAL]
    shy = history(creator(consents=plain))
    strict, open_ = (
        one(license_(terms={"commercial_use": allowed}), 5) for allowed in (False, True)
    )

    assert fault(question(commercial=True), NOW, known(open_)) == ""
    assert fault(question(commercial=True), NOW, known(strict)) == "COMMERCIAL"
    assert fault(question(commercial=True), NOW, known(open_, creator=shy)) == "CONSENT"
    assert fault(question(commercial=False), NOW, known(strict, creator=shy)) == ""


@pytest.mark.parametrize(
    ("use", "needed"),
    [
        (registry_pb2.USE_TRAINING, record_pb2.CONSENT_TRAINING),
        (registry_pb2.USE_FINE_TUNING, record_pb2.CONSENT_TRAINING),
        (registry_pb2.USE_INFERENCE, record_pb2.CONSENT_INFERENCE),
        (registry_pb2.USE_RETRIEVAL, record_pb2.CONSENT_INFERENCE),
        (registry_pb2.USE_DISPLAY, record_pb2.CONSENT_DISPLAY),
    ],
)
def test_each_use_needs_its_consent(use: int, needed: int) -> None:
    """The one consent that a use needs is enough, all others together are not, and no licence makes up for it."""
    others = [consent for consent in ALL_CONSENTS if consent != needed]
    for consents, wanted in (([needed], ""), (others, "CONSENT"), ([], "CONSENT")):
        registry = known(one(license_(), 5), creator=history(creator(consents=consents)))
        assert fault(question(use=use), NOW, registry) == wanted, consents


def test_consents_are_those_of_the_moment() -> None:
    """A creator who withdraws a consent withdraws it for uses from then on."""
    registry = known(
        one(license_(), 5), creator=history(creator(), creator(consents=[]), changes=(NOW,))
    )

    assert fault(question(), NOW - 1, registry) == ""
    assert fault(question(), NOW, registry) == "CONSENT"


def test_faults_come_in_the_order_of_the_list() -> None:
    """With everything wrong at once, each fault shows when those before it are mended."""
    bad_terms = {
        "commercial_use": False,
        "allowed_uses": [registry_pb2.USE_DISPLAY],
        "models_allowed": ["other"],
        "territories": ["DE"],
        "start_time_us": NOW + 1,
    }
    late = {**bad_terms, "start_time_us": 0, "end_time_us": NOW}
    good_terms = {
        "commercial_use": True,
        "allowed_uses": [registry_pb2.USE_TRAINING],
        "models_allowed": ["m-1"],
        "territories": ["US"],
        "start_time_us": 0,
        "end_time_us": 0,
    }
    asked = question(commercial=True, territory="US")
    ended = {
        "asset": history(asset(), end_us=1),
        "creator": history(creator(consents=[]), end_us=1),
    }

    steps: list[tuple[str, Known]] = [
        ("ASSET_UNKNOWN", known(asset=None, creator=None)),
        ("ASSET_ENDED", known(**ended)),
        ("CREATOR_ENDED", known(creator=ended["creator"])),
        ("CREATOR_ENDED", known(creator=None)),
        ("CONSENT", known(creator=history(creator(consents=[])))),
        ("NO_LICENSE", known()),
    ]
    body = license_(buyer="stranger", terms=late)
    steps.append(("BUYER", known(one(body, 5, end_us=1))))
    terms: dict[str, Any] = dict(late)
    mended = (
        ("USE", ()),
        ("COMMERCIAL", ("allowed_uses",)),
        ("MODEL", ("commercial_use",)),
        ("TERRITORY", ("models_allowed",)),
        ("EXPIRED", ("territories",)),
        ("REVOKED", ("end_time_us",)),
    )
    for wanted, names in mended:
        terms.update({name: good_terms[name] for name in names})
        steps.append((wanted, known(one(license_(terms=terms), 5, end_us=1))))
    early = {**good_terms, "start_time_us": NOW + 1}
    steps.append(("NOT_STARTED", known(one(license_(terms=early), 5, end_us=1))))
    steps.append(("", known(one(license_(terms=good_terms), 5))))

    assert [(wanted, fault(asked, NOW, registry)) for wanted, registry in steps] == [
        (wanted, wanted) for wanted, _ in steps
    ]
    assert {wanted for wanted, _ in steps if wanted} == {
        name.removeprefix("COVERAGE_FAULT_") for name in service.CoverageFault.keys()[1:]
    }


def picked(*licenses: History, **changes: Any) -> str:
    """The licence that the answer names."""
    found = evaluate(question(**changes), NOW, known(*licenses)).license
    return str(found.body.license_id) if found else ""


def test_the_most_specific_licence_covers() -> None:
    """One for the asset goes before one for the catalogue, then one for the buyer before one for anybody, then the newest."""
    ranked = [
        one(license_("z-asset-host"), 1),
        one(license_("y-asset-any"), 9),
        one(license_("x-catalogue-host"), 2),
        one(license_("w-catalogue-any"), 8),
        one(license_("v-catalogue-any"), 7),
    ]
    for each, asset_id, buyer in zip(
        ranked, ("as", "as", "", "", ""), ("host", "", "host", "", ""), strict=True
    ):
        each.versions[0].body.asset_id = asset_id
        each.versions[0].body.buyer = buyer

    while ranked:
        assert picked(*ranked) == ranked[0].versions[0].body.license_id
        assert picked(*reversed(ranked)) == ranked[0].versions[0].body.license_id
        del ranked[0]


def test_the_nearest_licence_is_named() -> None:
    """Of several that do not cover, the one that fails last is named, then the one whose id sorts first."""
    wrong_use = one(license_("a", {"allowed_uses": [registry_pb2.USE_DISPLAY]}), 1)
    expired_b = one(license_("b", {"end_time_us": NOW}), 2)
    expired_c = one(license_("c", {"end_time_us": NOW}), 3)

    assert picked(wrong_use, expired_c, expired_b) == "b"
    assert picked(expired_b, expired_c, wrong_use) == "b"
    assert picked(wrong_use, expired_c) == "c"
    assert picked(wrong_use) == "a"


def test_one_licence_can_be_asked_about_alone() -> None:
    """Asked about one licence, others that would cover do not count."""
    good, bad = one(license_("good"), 1), one(license_("bad", {"end_time_us": 1}), 2)
    registry = known(good, bad)

    assert fault(question(license_id="good"), NOW, registry) == ""
    assert fault(question(license_id="bad"), NOW, registry) == "EXPIRED"
    assert fault(question(license_id="none"), NOW, registry) == "NO_LICENSE"


@pytest.mark.parametrize("changes", [{"asset_id": "as2"}, {"creator_id": "cr2"}, {"creator_id": "cr2", "asset_id": ""}])  # fmt: skip
def test_licences_for_others_do_not_count(changes: dict[str, Any]) -> None:
    """A licence for another asset or of another creator covers nothing here."""
    assert fault(question(), NOW, known(one(license_(**changes), 5))) == "NO_LICENSE"


def test_the_price_is_that_of_the_moment() -> None:
    """A new version of a price counts from its time on; a price that has ended goes on for the licences that name it."""
    prices = {"pr": history(price("pr", "1"), price("pr", "2"), changes=(NOW,), end_us=NOW + 5)}
    registry = known(one(license_(price_id="pr"), 5), prices=prices)

    rates = [
        decision.price.body.per_call.rate
        for time_us in (0, NOW - 1, NOW, NOW + 5, TIME_US_MAX)
        if (decision := evaluate(question(), time_us, registry)).price
    ]

    assert rates == ["1", "1", "2", "2", "2"]


def test_a_licence_without_a_price_costs_nothing() -> None:
    """Neither a licence without a price nor one whose price is not at hand is answered with a price."""
    free = evaluate(question(), NOW, known(one(license_(), 5)))
    missing = evaluate(question(), NOW, known(one(license_(price_id="pr"), 5)))

    assert (free.price_id, free.price, missing.price_id, missing.price) == ("", None, "pr", None)
