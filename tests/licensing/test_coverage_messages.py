"""What is said about a use that is not covered: which term fails, and its value."""

from __future__ import annotations

from typing import Any

import pytest

from counterfoil.licensing import Known, Question, evaluate
from counterfoil.limits import TIME_US_MAX
from counterfoil.v1 import record_pb2, registry_pb2
from counterfoil.v1 import registry_service_pb2 as service

from .small_registry import (
    NEW_YEAR_US,
    asset,
    creator,
    history,
    known,
    license_,
    one,
    question,
    with_terms,
)

NOW = NEW_YEAR_US


MESSAGES: tuple[tuple[Known, dict[str, Any], str], ...] = (
    (known(asset=None), {}, "no asset as is registered"),
    (known(asset=history(asset(), end_us=NOW)), {}, "asset as ended at 2026-01-01T00:00:00Z"),
    (known(creator=None), {}, "no creator cr is registered"),
    (
        known(creator=history(creator(), end_us=NOW - 1)),
        {},
        "creator cr ended at 2025-12-31T23:59:59.999999Z",
    ),
    (
        known(creator=history(creator(consents=[]))),
        {"use": registry_pb2.USE_FINE_TUNING},
        "creator cr does not consent to training, which fine-tuning needs",
    ),
    (
        known(creator=history(creator(consents=[record_pb2.CONSENT_TRAINING]))),
        {"commercial": True},
        "creator cr does not consent to commercial use",
    ),
    (known(), {"use": 0}, "nobody can consent to an unnamed use"),
    (known(), {"use": 99}, "nobody can consent to an unnamed use"),
    (known(), {}, "there is no licence for asset as or for all works of creator cr"),
    (
        known(),
        {"license_id": "li"},
        "licence li is not one for asset as or for all works of creator cr",
    ),
    (known(one(license_(buyer="x"), 5)), {}, "licence li is for another buyer than host"),
    (
        known(one(license_(buyer="x"), 5)),
        {"buyer": ""},
        "licence li is for another buyer than one without a name",
    ),
    (
        with_terms(allowed_uses=[registry_pb2.USE_FINE_TUNING, registry_pb2.USE_DISPLAY]),
        {},
        "licence li allows fine-tuning, display, not training",
    ),
    (
        with_terms(commercial_use=False),
        {"commercial": True},
        "licence li does not allow commercial use",
    ),
    (
        with_terms(models_excluded=["z", "m-*"]),
        {},
        "licence li excludes the model m-1 (models_excluded has m-*)",
    ),
    (
        with_terms(models_allowed=["a", "b", "c", "d", "e", "f", "g"]),
        {},
        "licence li allows the models a, b, c, d, e and 2 more, not m-1",
    ),
    (
        with_terms(models_allowed=["a"]),
        {"model_id": ""},
        "licence li limits the models, and the use names none",
    ),
    (
        with_terms(territories=["DE", "FR"]),
        {},
        "licence li is for the territories DE, FR, and the use names none",
    ),
    (with_terms(start_time_us=NOW + 1), {}, "licence li starts at 2026-01-01T00:00:00.000001Z"),
    (with_terms(end_time_us=NOW), {}, "licence li ended at 2026-01-01T00:00:00Z"),
    (with_terms(start_time_us=TIME_US_MAX), {}, "licence li starts at the end of the year 9999"),
    (
        known(one(license_(), 5, end_us=NOW)),
        {},
        "licence li was revoked with effect from 2026-01-01T00:00:00Z",
    ),
)


@pytest.mark.parametrize(("registry", "changes", "wanted"), MESSAGES)
def test_a_fault_is_told_in_words(registry: Known, changes: dict[str, Any], wanted: str) -> None:
    """A message names the term that fails and its value."""
    decision = evaluate(question(**changes), NOW, registry)

    assert not decision.covered
    assert decision.message == wanted


def test_a_query_is_read_field_by_field() -> None:
    """Each field of a UseQuery but its time has its place in the question."""
    query = service.UseQuery(
        asset_id="a", buyer="b", use=3, model_id="m", territory="DE", time_us=7, commercial=True, license_id="l"  # type: ignore[arg-type]
    )  # fmt: skip

    assert Question.of(query) == Question("a", "b", 3, "m", "DE", True, "l")
    fields = {field.name for field in service.UseQuery.DESCRIPTOR.fields}
    assert fields == {*Question._fields, "time_us"}
