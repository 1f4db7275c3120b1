"""What is said about a batch of usage: each event gets the verdict of its own moment, however the batch is grouped."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from counterfoil.licensing import Known, Question, evaluate
from counterfoil.licensing.assess import Judge, Limits, Resolver, TrainingFacts
from counterfoil.packed import Packed
from counterfoil.record import History, Version
from counterfoil.v1 import assessment_pb2, record_pb2, registry_pb2
from counterfoil.v1 import registry_service_pb2 as service

BUYER = "host"
TRAINED_US = 50
LIMITS = Limits(event_tokens=100, now_us=90)


def version(body: Any, index: int, effective_time_us: int = 0) -> Version:
    """A version of an object."""
    return Version(body, f"id_{index}_00000000", index, effective_time_us)


CREATOR = History(
    (
        version(
            registry_pb2.Creator(
                creator_id="c",
                consents=[record_pb2.CONSENT_INFERENCE, record_pb2.CONSENT_COMMERCIAL],
            ),
            1,
        ),
        version(
            registry_pb2.Creator(creator_id="c", consents=[record_pb2.CONSENT_INFERENCE]), 5, 80
        ),
    )
)
TERMS = registry_pb2.LicenseTerms(
    allowed_uses=[registry_pb2.USE_INFERENCE],
    commercial_use=True,
    territories=["FR"],
    start_time_us=20,
)
LICENSE = History(
    (version(registry_pb2.License(license_id="l", creator_id="c", terms=TERMS, price_id="p"), 3),),
    end_time_us=70,
)
PRICE = History((version(registry_pb2.Price(price_id="p"), 4),))
TRAININGS = {"pt_1": TrainingFacts("a", "c", TRAINED_US), "pt_2": TrainingFacts("unknown", "x", 0)}


def find_known(question: Question) -> Known:
    """One asset with one licence for all."""
    if question.asset_id != "a":
        return Known()
    asset = History((version(registry_pb2.Asset(asset_id="a", creator_id="c"), 2),))
    return Known(asset, CREATOR, [LICENSE], {"p": PRICE})


RESOLVER = Resolver(find_known, TRAININGS.get, as_of_size=7)


def judge(
    events: Sequence[record_pb2.UsageEvent], *flags: Any, by: Judge | None = None
) -> list[Any]:
    """The verdict on each of some events, by a judge who may have judged others before."""
    packed = Packed.of([event.SerializeToString(deterministic=True) for event in events])
    verdicts, tokens = (by or Judge(BUYER)).assess(packed, RESOLVER, LIMITS, lambda _: flags)
    assert tokens == sum(each.input_tokens + each.output_tokens + each.tokens for each in events)
    assert (verdicts.as_of_size, verdicts.count) == (7, len(events))
    read = [assessment_pb2.Verdict.FromString(each) for each in verdicts.distinct]
    assert {verdicts.number_of(at) for at in range(len(events))} == set(range(len(read)))
    return [read[verdicts.number_of(at)] for at in range(len(events))]


def test_what_is_odd_about_a_batch_is_asked_with_its_tokens() -> None:
    """All tokens of all events are counted together."""
    events = [event(tokens=5), event(asset_id="b", input_tokens=2, output_tokens=3, tokens=0)]
    packed = Packed.of([each.SerializeToString() for each in events])
    asked: list[int] = []

    def flag(tokens: int) -> Sequence[Any]:
        asked.append(tokens)
        return ()

    Judge(BUYER).assess(packed, RESOLVER, LIMITS, flag)
    assert asked == [10]


def event(**fields: Any) -> record_pb2.UsageEvent:
    """A use that is covered, with other values in some fields."""
    return record_pb2.UsageEvent(
        **{
            "event_id": "e",
            "event_time_us": 60,
            "model_id": "m",
            "asset_id": "a",
            "territory": "FR",
            "tokens": 3,
            **fields,
        }
    )


def kinds(verdict: Any) -> list[int]:
    """The kinds of its flags."""
    return [flag.kind for flag in verdict.flags]


def test_a_covered_use_names_licence_price_and_consents() -> None:
    """The verdict says by which versions it is covered, whose work it is and what the creator agreed to."""
    ((verdict,),) = (judge([event()]),)
    (asset,) = verdict.assets

    assert asset.covered
    assert (asset.asset_id, asset.creator_id) == ("", "c")
    assert (asset.license_id, asset.license_etag) == ("l", "id_3_00000000")
    assert (asset.price_id, asset.price_etag) == ("p", "id_4_00000000")
    assert list(asset.consents) == [record_pb2.CONSENT_INFERENCE, record_pb2.CONSENT_COMMERCIAL]
    assert (asset.fault, kinds(verdict)) == (service.COVERAGE_FAULT_UNSPECIFIED, [])


@pytest.mark.parametrize(
    ("fields", "fault"),
    [
        ({"asset_id": ""}, service.COVERAGE_FAULT_ASSET_UNKNOWN),
        ({"asset_id": "b"}, service.COVERAGE_FAULT_ASSET_UNKNOWN),
        ({"receipt_ref": "pt_2", "asset_id": ""}, service.COVERAGE_FAULT_ASSET_UNKNOWN),
        ({"receipt_ref": "pt_9", "asset_id": ""}, service.COVERAGE_FAULT_ASSET_UNKNOWN),
        ({"event_time_us": 85}, service.COVERAGE_FAULT_CONSENT),
        ({"action": "training"}, service.COVERAGE_FAULT_CONSENT),
        ({"license_id": "other"}, service.COVERAGE_FAULT_NO_LICENSE),
        ({"territory": "DE"}, service.COVERAGE_FAULT_TERRITORY),
        ({"territory": ""}, service.COVERAGE_FAULT_TERRITORY),
        ({"event_time_us": 19}, service.COVERAGE_FAULT_NOT_STARTED),
        ({"event_time_us": 70}, service.COVERAGE_FAULT_REVOKED),
    ],
)
def test_an_uncovered_use_says_why(fields: dict[str, Any], fault: int) -> None:
    """What is not covered is told with the first fault, and no price."""
    (verdict,) = judge([event(**fields)])
    (asset,) = verdict.assets

    assert not asset.covered
    assert asset.fault == fault
    assert asset.price_id == ""


def test_a_training_stands_for_the_asset() -> None:
    """An event that names a training and no asset is about the dataset that the training names."""
    (verdict,) = judge([event(asset_id="", receipt_ref="pt_1")])

    assert [(asset.asset_id, asset.covered) for asset in verdict.assets] == [("a", True)]


def test_the_creator_of_an_unknown_dataset_is_the_one_that_the_training_names() -> None:
    """Whose work it is said to be is kept, even though nobody registered it."""
    (verdict,) = judge([event(asset_id="", receipt_ref="pt_2")])

    assert (verdict.assets[0].asset_id, verdict.assets[0].creator_id) == ("unknown", "x")


def test_each_share_has_a_verdict() -> None:
    """Attributed assets are judged one by one, each once, in the order of the event."""
    shares = [record_pb2.Attribution(asset_id=name, parts_per_million=9) for name in ("b", "a")]
    (verdict,) = judge([event(attributions=shares)])

    assert [asset.covered for asset in verdict.assets] == [True, False]


@pytest.mark.parametrize(
    ("fields", "flag"),
    [
        ({"tokens": 101}, assessment_pb2.FLAG_KIND_EVENT_TOKENS),
        (
            {"tokens": 50, "input_tokens": 50, "output_tokens": 1},
            assessment_pb2.FLAG_KIND_EVENT_TOKENS,
        ),
        ({"event_time_us": 91}, assessment_pb2.FLAG_KIND_CLOCK_AHEAD),
        (
            {"event_time_us": TRAINED_US - 1, "receipt_ref": "pt_1"},
            assessment_pb2.FLAG_KIND_BEFORE_TRAINING,
        ),
        ({"event_time_us": 70, "license_id": "l"}, assessment_pb2.FLAG_KIND_AFTER_REVOCATION),
    ],
)
def test_what_is_odd_is_flagged(fields: dict[str, Any], flag: int) -> None:
    """Beyond the bound there is one flag, beside events that have none."""
    plain, odd = judge([event(), event(**fields)])

    assert (kinds(plain), kinds(odd)) == ([], [flag])


@pytest.mark.parametrize(
    "fields",
    [
        {"tokens": 100},
        {"event_time_us": 90, "non_commercial": True},
        {"event_time_us": TRAINED_US, "receipt_ref": "pt_1"},
        {"event_time_us": 1, "receipt_ref": "pt_2"},
        {"event_time_us": 69, "license_id": "l"},
        {"event_time_us": 70},  # no licence is named, so that nobody claims the revoked one
    ],
)
def test_what_is_at_the_bound_is_not_flagged(fields: dict[str, Any]) -> None:
    """The bound itself is not odd."""
    assert kinds(judge([event(**fields)])[0]) == []


def test_flags_of_a_batch_are_on_every_event() -> None:
    """What is odd about the whole batch stands in each verdict, behind what is odd about an event."""
    flag = assessment_pb2.Flag(kind=assessment_pb2.FLAG_KIND_VELOCITY, seen=9, limit=5)
    verdicts = judge([event(), event(tokens=101)], flag)

    assert [kinds(each) for each in verdicts] == [
        [assessment_pb2.FLAG_KIND_VELOCITY],
        [assessment_pb2.FLAG_KIND_EVENT_TOKENS, assessment_pb2.FLAG_KIND_VELOCITY],
    ]
    assert verdicts[0].flags[0] == flag


events = st.builds(
    event,
    event_id=st.text("ab", max_size=2),
    event_time_us=st.integers(1, 100),
    tokens=st.integers(90, 110),
    asset_id=st.sampled_from(["", "a", "b"]),
    receipt_ref=st.sampled_from(["", "pt_1", "pt_2"]),
    license_id=st.sampled_from(["", "l"]),
    territory=st.sampled_from(["", "FR"]),
    non_commercial=st.booleans(),
)


@settings(max_examples=200, deadline=None)
@given(batches=st.lists(st.lists(events, min_size=1, max_size=8), min_size=1, max_size=4))
def test_a_batch_is_judged_as_its_events_are_alone(
    batches: list[list[record_pb2.UsageEvent]],
) -> None:
    """Memory changes nothing: every event has the verdict that it gets alone from a judge without any."""
    experienced = Judge(BUYER)
    for batch in batches:
        assert judge(batch, by=experienced) == [judge([each])[0] for each in batch]


@settings(max_examples=100, deadline=None)
@given(one=events)
def test_coverage_is_that_of_the_evaluation(one: record_pb2.UsageEvent) -> None:
    """The verdict on an asset is what the evaluation says of the same use at the same moment."""
    (verdict,) = judge([one])
    named = one.asset_id or verdict.assets[0].asset_id
    question = Question(
        named,
        BUYER,
        registry_pb2.USE_INFERENCE,
        "m",
        one.territory,
        not one.non_commercial,
        one.license_id,
    )
    decision = evaluate(question, one.event_time_us, find_known(question))
    (asset,) = verdict.assets
    assert (asset.covered, asset.fault) == (decision.covered, decision.fault)
