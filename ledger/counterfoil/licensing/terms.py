"""Whether one licence, as it is at a moment, covers a use; if not, the first of its terms that fails, in words.

The checks stand in the order of the faults in CoverageFault. A message names the term and its value, and never the moment
that was asked about: it is the same for all moments between two changes of the registry.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from counterfoil.licensing.decision import NO_FAULT, Question
from counterfoil.licensing.uses import use_word
from counterfoil.limits import TIME_US_MAX
from counterfoil.v1 import registry_service_pb2 as service

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
# As many names of a list as a person reads.
_NAMED_MAX: Final = 5


def first_fault(question: Question, license_: Any, time_us: int) -> int:
    """The fault of the first term of a License that does not let a use pass; NO_FAULT when all do.

    Its revocation is no term of the body, and is not looked at.
    """
    terms = license_.terms
    buyer = license_.buyer
    if buyer and buyer != question.buyer:
        return service.COVERAGE_FAULT_BUYER
    if question.use not in terms.allowed_uses:
        return service.COVERAGE_FAULT_USE
    if question.commercial and not terms.commercial_use:
        return service.COVERAGE_FAULT_COMMERCIAL
    if not _lets_model(terms.models_allowed, terms.models_excluded, question.model_id):
        return service.COVERAGE_FAULT_MODEL
    territories = terms.territories
    if territories and question.territory not in territories:
        return service.COVERAGE_FAULT_TERRITORY
    return _time_fault(terms.start_time_us, terms.end_time_us, time_us)


def tell(fault: int, question: Question, license_: Any) -> str:
    """What :func:`first_fault` found, in words: the licence, the term that fails, and its value."""
    return f"licence {license_.license_id} {_WORDS[fault](question, license_)}"


def matches(pattern: str, model_id: str) -> bool:
    """Whether a model is meant by a pattern: an id, or the beginning of ids with ``*`` after it."""
    if pattern.endswith("*"):
        return model_id.startswith(pattern[:-1])
    return model_id == pattern


def format_time(time_us: int) -> str:
    """A moment for people, to the microsecond, in UTC."""
    if time_us >= TIME_US_MAX:
        return "the end of the year 9999"
    moment = _EPOCH + timedelta(microseconds=time_us)
    return moment.isoformat(timespec="microseconds").replace(".000000", "").replace("+00:00", "Z")


def name_some(values: Iterable[str]) -> str:
    """The first few of a list, and how many more there are."""
    named = list(values)
    more = len(named) - _NAMED_MAX
    return ", ".join(named[:_NAMED_MAX]) + (f" and {more} more" if more > 0 else "")


def _time_fault(start_us: int, end_us: int, time_us: int) -> int:
    # The start is the first moment that is covered, the end the first that is not; zero is no bound.
    if start_us and time_us < start_us:
        return service.COVERAGE_FAULT_NOT_STARTED
    if end_us and time_us >= end_us:
        return service.COVERAGE_FAULT_EXPIRED
    return NO_FAULT


def _lets_model(allowed: Sequence[str], excluded: Sequence[str], model_id: str) -> bool:
    if not allowed and not excluded:
        return True
    # A model that is not named may be one that is excluded.
    if not model_id or _first_match(excluded, model_id):
        return False
    return not allowed or bool(_first_match(allowed, model_id))


def _first_match(patterns: Iterable[str], model_id: str) -> str:
    for pattern in patterns:
        if matches(pattern, model_id):
            return pattern
    return ""


def _tell_buyer(question: Question, _license: Any) -> str:
    # Whose it is instead is nobody's business but theirs.
    return f"is for another buyer than {question.buyer or 'one without a name'}"


def _tell_use(question: Question, license_: Any) -> str:
    allowed = name_some(map(use_word, license_.terms.allowed_uses))
    return f"allows {allowed}, not {use_word(question.use)}"


def _tell_commercial(_reference: Question, _license: Any) -> str:
    return "does not allow commercial use"


def _tell_model(question: Question, license_: Any) -> str:
    model = question.model_id
    if not model:
        return "limits the models, and the use names none"
    barring = _first_match(license_.terms.models_excluded, model)
    if barring:
        return f"excludes the model {model} (models_excluded has {barring})"
    return f"allows the models {name_some(license_.terms.models_allowed)}, not {model}"


def _tell_territory(question: Question, license_: Any) -> str:
    where = f"not in {question.territory}" if question.territory else "and the use names none"
    return f"is for the territories {name_some(license_.terms.territories)}, {where}"


def _tell_start(_reference: Question, license_: Any) -> str:
    return f"starts at {format_time(license_.terms.start_time_us)}"


def _tell_end(_reference: Question, license_: Any) -> str:
    return f"ended at {format_time(license_.terms.end_time_us)}"


_WORDS: Final[Mapping[int, Callable[[Question, Any], str]]] = {
    service.COVERAGE_FAULT_BUYER: _tell_buyer,
    service.COVERAGE_FAULT_USE: _tell_use,
    service.COVERAGE_FAULT_COMMERCIAL: _tell_commercial,
    service.COVERAGE_FAULT_MODEL: _tell_model,
    service.COVERAGE_FAULT_TERRITORY: _tell_territory,
    service.COVERAGE_FAULT_NOT_STARTED: _tell_start,
    service.COVERAGE_FAULT_EXPIRED: _tell_end,
}
