"""Words of usage events, and which use each means."""

from __future__ import annotations

import re

import pytest

from counterfoil.licensing import use_of
from counterfoil.licensing.uses import ACTIONS, CONSENT_OF_USE, consent_word, use_word
from counterfoil.v1 import record_pb2, registry_pb2


@pytest.mark.parametrize(
    ("action", "use"),
    [
        ("", registry_pb2.USE_INFERENCE),
        ("inference", registry_pb2.USE_INFERENCE),
        ("Chat", registry_pb2.USE_INFERENCE),
        ("chat.completion", registry_pb2.USE_INFERENCE),
        ("training", registry_pb2.USE_TRAINING),
        ("training_call", registry_pb2.USE_TRAINING),
        ("TRAINING-CALL", registry_pb2.USE_TRAINING),
        ("fine_tuning", registry_pb2.USE_FINE_TUNING),
        ("fine-tuning", registry_pb2.USE_FINE_TUNING),
        ("display", registry_pb2.USE_DISPLAY),
        ("retrieval", registry_pb2.USE_RETRIEVAL),
        ("search", registry_pb2.USE_RETRIEVAL),
    ],
)
def test_known_actions(action: str, use: int) -> None:
    """A word of the table has its use, in whatever capitals and with hyphens or points for underscores."""
    assert use_of(action) == use


@pytest.mark.parametrize(
    "action",
    ["other", "infer ence", " inference", "inference ", "in", "training_calls", "INF\u0130", "\u212aey", "_", "-", "0"],
)  # fmt: skip
def test_unknown_actions(action: str) -> None:
    """A word that is not in the table has no use: nothing is guessed."""
    assert use_of(action) == registry_pb2.USE_UNSPECIFIED


def test_the_table_has_one_spelling_and_every_use() -> None:
    """Words are in lower case with underscores; each use can be named, and needs a consent."""
    uses = {number for number in registry_pb2.Use.values() if number}

    assert [word for word in ACTIONS if not re.fullmatch(r"([a-z]+(_[a-z]+)*)?", word)] == []
    assert set(ACTIONS.values()) == uses
    assert CONSENT_OF_USE.keys() == uses
    assert record_pb2.CONSENT_COMMERCIAL not in CONSENT_OF_USE.values()


def test_words_for_people() -> None:
    """Uses and consents are written as people do; a number without a name is no error."""
    assert use_word(registry_pb2.USE_FINE_TUNING) == "fine-tuning"
    assert use_word(0) == use_word(99) == "an unnamed use"
    assert consent_word(record_pb2.CONSENT_COMMERCIAL) == "commercial"
