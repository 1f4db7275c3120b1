"""Coverage of random uses in random registries, against an evaluation that was written in another way."""

from __future__ import annotations

import random
from collections import Counter
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from counterfoil.licensing import (
    Known,
    Question,
    Timeline,
    coverage,
    evaluate,
    evaluate_many,
    terms,
)
from counterfoil.record import History, Version
from counterfoil.v1 import registry_pb2

from .coverage_reference import FAULTS, is_about, judge
from .small_registry import ALL_CONSENTS, price

SEED = 20261126
ROUNDS = 4000
ROUNDS_BROKEN = 1000
LAST_US = 12
MODELS = ("", "m-1", "m-2", "n-1")
PATTERNS = ("m-1", "m-*", "n-1", "n-*", "m-2", "m-")
TERRITORIES = ("", "DE", "FR")


class Chance(random.Random):
    """Draws small registries: few ids and few moments, so that everything meets everything."""

    def some(self, values: Any, count_max: int = 2) -> list[Any]:
        return self.sample(values, self.randint(0, min(count_max, len(values))))

    def history(self, make: Any, place: int) -> History:
        times = [0, *sorted(self.choices(range(LAST_US), k=self.choice([0, 0, 1, 2])))]
        versions = tuple(
            Version(make(), f"x_{place * 10 + number}_00000000", place * 10 + number, time_us)
            for number, time_us in enumerate(times)
        )
        ended = self.randint(times[-1], LAST_US) if self.random() < 0.25 else None
        return History(versions, ended)

    def creator(self) -> Any:
        return registry_pb2.Creator(
            creator_id="cr-1",
            consents=self.some(ALL_CONSENTS, 4) if self.random() < 0.3 else ALL_CONSENTS,
        )

    def license(self, number: int) -> History:
        creator_id = self.choice(["cr-1"] * 5 + ["cr-2"])
        asset_id = self.choice(["", "as-1", "as-1", "as-2"])
        buyer = self.choice(["", "h-1", "h-1", "h-2"])

        def make() -> Any:
            start, end = sorted(self.sample(range(LAST_US + 2), 2))
            return registry_pb2.License(
                license_id=f"li-{number % 7}-{number}",
                creator_id=creator_id,
                asset_id=asset_id,
                buyer=buyer,
                price_id=self.choice(["", "pr-1", "pr-2"]),
                terms={
                    "commercial_use": self.random() < 0.7,
                    "allowed_uses": self.sample([1, 2, 3, 4, 5], self.randint(1, 5)),
                    "territories": self.some(TERRITORIES[1:]) if self.random() < 0.4 else [],
                    "start_time_us": start if self.random() < 0.5 else 0,
                    "end_time_us": end if self.random() < 0.5 else 0,
                    "models_allowed": self.some(PATTERNS) if self.random() < 0.4 else [],
                    "models_excluded": self.some(PATTERNS) if self.random() < 0.3 else [],
                },
            )

        return self.history(make, number)

    def known(self) -> Known:
        numbers = self.sample(range(10, 30), self.choice([0, 1, 2, 3, 5]))
        asset = registry_pb2.Asset(asset_id="as-1", creator_id="cr-1")
        return Known(
            asset=self.history(lambda: asset, 1) if self.random() < 0.95 else None,
            creator=self.history(self.creator, 2) if self.random() < 0.98 else None,
            licenses=[self.license(number) for number in numbers],
            prices={"pr-1": self.history(lambda: price("pr-1", "1"), 3)},
        )

    def question(self, known: Known) -> Question:
        ids = [history.versions[0].body.license_id for history in known.licenses]
        return Question(
            asset_id="as-1",
            buyer=self.choice(["h-1", "h-1", "h-3", ""]),
            use=self.choice([1, 1, 2, 3, 4, 5, 0]),
            model_id=self.choice(MODELS),
            territory=self.choice(TERRITORIES),
            commercial=self.random() < 0.4,
            license_id=self.choice([*ids, "li-other"]) if self.random() < 0.15 else "",
        )


def told(asked: Question, time_us: int, known: Known) -> tuple[str, str, int, int]:
    """What the product says, in the words of the reference."""
    decision = evaluate(asked, time_us, known)
    assert decision.message
    license_ = decision.license
    return (
        FAULTS[decision.fault],
        license_.body.license_id if license_ else "",
        license_.index if license_ else -1,
        decision.price.index if decision.price else -1,
    )


def differences(seed: int, rounds: int) -> tuple[list[str], Counter[str]]:
    """Where product and reference differ, and how often each fault came."""
    chance = Chance(seed)
    found, seen = [], Counter[str]()
    for number in range(rounds):
        known = chance.known()
        asked = chance.question(known)
        time_us = chance.randint(0, LAST_US + 1)
        wanted = judge(asked, time_us, known)
        seen[wanted[0]] += 1
        if told(asked, time_us, known) != wanted:
            found.append(f"seed {seed}, round {number}: {asked} at {time_us}, {wanted}")
    return found, seen


def test_coverage_agrees_with_a_plain_replay() -> None:
    """Fault, licence, version and price are those of the reference, for every kind of fault."""
    found, seen = differences(SEED, ROUNDS)

    assert found == []
    assert seen.keys() == set(FAULTS), seen
    assert min(seen.values()) >= 20, seen


@settings(derandomize=True, deadline=None, max_examples=150)
@given(st.integers(min_value=0, max_value=1 << 30))
def test_the_order_of_licences_never_matters(seed: int) -> None:
    """Whatever order the licences are given in, the decision is the same, to the word."""
    chance = Chance(seed)
    known = chance.known()
    asked, time_us = chance.question(known), chance.randint(0, LAST_US)
    wanted = evaluate(asked, time_us, known)
    for _ in range(4):
        shuffled = chance.sample(known.licenses, len(known.licenses))
        other = Known(known.asset, known.creator, shuffled, known.prices)
        assert evaluate(asked, time_us, other) == wanted


@settings(derandomize=True, deadline=None, max_examples=150)
@given(st.integers(min_value=0, max_value=1 << 30))
def test_licences_for_others_never_matter(seed: int) -> None:
    """Licences of other creators and for other assets change nothing, however many there are."""
    chance = Chance(seed)
    known = chance.known()
    asked, time_us = chance.question(known), chance.randint(0, LAST_US)
    more = [chance.license(number) for number in range(40, 60)]
    asset = registry_pb2.Asset(asset_id="as-1", creator_id="cr-1")
    about: list[History] = []
    strangers: list[History] = []
    for each in (*known.licenses, *more):
        mine = is_about(asked, each.versions[0].body, asset)
        (about if mine else strangers).append(each)
    with_more = Known(known.asset, known.creator, [*strangers, *about], known.prices)
    without = Known(known.asset, known.creator, about, known.prices)

    assert strangers
    assert evaluate(asked, time_us, with_more) == evaluate(asked, time_us, without)


@settings(derandomize=True, deadline=None, max_examples=150)
@given(st.integers(min_value=0, max_value=1 << 30))
def test_many_uses_are_decided_as_each_alone(seed: int) -> None:
    """The batch form gives what single questions give, at every moment, and looks each question up once for those who keep it."""
    chance = Chance(seed)
    registries = {}
    for _ in range(4):
        known = chance.known()
        registries[chance.question(known)] = known
    uses = [(asked, time_us) for asked in registries for time_us in range(-1, LAST_US + 2)]
    chance.shuffle(uses)
    looked_up: Counter[Question] = Counter()

    def find_known(asked: Question) -> Known:
        looked_up[asked] += 1
        return registries[asked]

    timelines: dict[Question, Timeline] = {}
    first = evaluate_many(uses, find_known)
    kept = [evaluate_many(uses, find_known, timelines) for _ in range(3)]

    wanted = [evaluate(*use, registries[use[0]]) for use in uses]
    assert first == wanted
    assert kept == [wanted] * 3
    assert set(looked_up.values()) == {2}


@pytest.mark.parametrize(
    ("name", "broken"),
    [
        ("_time_fault", lambda _start_us, _end_us, _time_us: 0),
        ("_lets_model", lambda _allowed, _excluded, _model_id: True),
        ("matches", lambda pattern, model_id: model_id.startswith(pattern.rstrip("*"))),
    ],
)
def test_a_broken_term_would_be_seen(
    monkeypatch: pytest.MonkeyPatch, name: str, broken: Any
) -> None:
    """Negative control: the comparison fails on a build that reads one term wrongly."""
    monkeypatch.setattr(terms, name, broken)

    assert differences(SEED, ROUNDS_BROKEN)[0]


def test_a_changed_order_would_be_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    """Negative control: the comparison fails on a build that prefers the oldest licence."""
    monkeypatch.setattr(
        coverage,
        "_specificity",
        lambda version: (bool(version.body.asset_id), bool(version.body.buyer), -version.index),
    )

    assert differences(SEED, ROUNDS_BROKEN)[0]
