"""What is done with a work: from the words of usage events to uses, and from a creator's consents to uses."""

from collections.abc import Mapping
from typing import Final

from counterfoil.v1 import record_pb2, registry_pb2

# The words that hosts write into UsageEvent.action, in lower case with underscores.
ACTIONS: Final[Mapping[str, registry_pb2.Use]] = {
    # An event that does not say is what nearly all events are: a model answered.
    "": registry_pb2.USE_INFERENCE,
    "inference": registry_pb2.USE_INFERENCE,
    "infer": registry_pb2.USE_INFERENCE,
    "generate": registry_pb2.USE_INFERENCE,
    "generation": registry_pb2.USE_INFERENCE,
    "chat": registry_pb2.USE_INFERENCE,
    "chat_completion": registry_pb2.USE_INFERENCE,
    "completion": registry_pb2.USE_INFERENCE,
    "training": registry_pb2.USE_TRAINING,
    "training_call": registry_pb2.USE_TRAINING,
    "train": registry_pb2.USE_TRAINING,
    "pretraining": registry_pb2.USE_TRAINING,
    "pre_training": registry_pb2.USE_TRAINING,
    "fine_tuning": registry_pb2.USE_FINE_TUNING,
    "fine_tune": registry_pb2.USE_FINE_TUNING,
    "finetuning": registry_pb2.USE_FINE_TUNING,
    "finetune": registry_pb2.USE_FINE_TUNING,
    "display": registry_pb2.USE_DISPLAY,
    "view": registry_pb2.USE_DISPLAY,
    "show": registry_pb2.USE_DISPLAY,
    "retrieval": registry_pb2.USE_RETRIEVAL,
    "retrieve": registry_pb2.USE_RETRIEVAL,
    "search": registry_pb2.USE_RETRIEVAL,
    "rag": registry_pb2.USE_RETRIEVAL,
    "grounding": registry_pb2.USE_RETRIEVAL,
}

# What a creator has to consent to before a use can be licensed.
CONSENT_OF_USE: Final[Mapping[int, record_pb2.Consent]] = {
    registry_pb2.USE_TRAINING: record_pb2.CONSENT_TRAINING,
    registry_pb2.USE_FINE_TUNING: record_pb2.CONSENT_TRAINING,
    registry_pb2.USE_INFERENCE: record_pb2.CONSENT_INFERENCE,
    registry_pb2.USE_RETRIEVAL: record_pb2.CONSENT_INFERENCE,
    registry_pb2.USE_DISPLAY: record_pb2.CONSENT_DISPLAY,
}

_SEPARATORS: Final = str.maketrans("-.", "__")


def use_of(action: str) -> registry_pb2.Use:
    """The use that an event's action names; USE_UNSPECIFIED when the word is not known.

    Capitals do not matter, and ``-`` and ``.`` are read as ``_``: "Chat.Completion" is "chat_completion".
    """
    word = action.lower().translate(_SEPARATORS)
    return ACTIONS.get(word, registry_pb2.USE_UNSPECIFIED)


def use_word(use: int) -> str:
    """A use in words for people: "fine-tuning"; a number that has none is "an unnamed use"."""
    if use not in CONSENT_OF_USE:
        return "an unnamed use"
    return registry_pb2.Use.Name(use).removeprefix("USE_").lower().replace("_", "-")


def consent_word(consent: int) -> str:
    """A consent in words for people: "commercial"."""
    return record_pb2.Consent.Name(consent).removeprefix("CONSENT_").lower()
