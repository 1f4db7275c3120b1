"""Coverage in another way: replay what happened up to the moment, find all that is wrong, then look which comes first.

Slow and plain, and written from docs/LICENSING.md; it shares no code with ``counterfoil.licensing``.
"""

from __future__ import annotations

from collections.abc import Iterable
from fnmatch import fnmatchcase
from typing import Any

from counterfoil.licensing import Known, Question
from counterfoil.record import History

# Words of CoverageFault by number, so that a renumbering is noticed too.
FAULTS = (
    "COVERED", "ASSET_UNKNOWN", "ASSET_ENDED", "CREATOR_ENDED", "CONSENT", "NO_LICENSE", "BUYER", "USE",
    "COMMERCIAL", "MODEL", "TERRITORY", "NOT_STARTED", "EXPIRED", "REVOKED",
)  # fmt: skip
# Use: training 1, fine-tuning 2, inference 3, display 4, retrieval 5. Consent: training 1, inference 2, commercial 3, display 4.
CONSENTS_COVER = {1: {1, 2}, 2: {3, 5}, 4: {4}}
COMMERCIAL = 3


def judge(asked: Question, time_us: int, known: Known) -> tuple[str, str, int, int]:
    """(fault, licence id, index of the licence's version, index of the price's version); "" and -1 for none."""
    asset, asset_ended, _ = replay(known.asset, time_us)
    creator, creator_ended, _ = replay(known.creator, time_us)
    wrong = {
        "ASSET_UNKNOWN": asset is None,
        "ASSET_ENDED": asset_ended,
        "CREATOR_ENDED": creator is None or creator_ended,
        "CONSENT": creator is not None and not consents(creator, asked),
    }
    first = earliest(fault for fault, holds in wrong.items() if holds)
    if asset is None or first != "COVERED":
        return first, "", -1, -1

    ranked = []
    for history in known.licenses:
        body, ended, index = replay(history, time_us)
        if body is not None and is_about(asked, body, asset):
            ranked.append((earliest(all_faults(asked, body, time_us, ended)), body, index))
    good = [each for each in ranked if each[0] == "COVERED"]
    for fitting in (
        [each for each in good if each[1].asset_id and each[1].buyer],
        [each for each in good if each[1].asset_id],
        [each for each in good if each[1].buyer],
        good,
    ):
        if fitting:
            _, body, index = max(fitting, key=lambda each: each[2])
            return "COVERED", body.license_id, index, price_index(body, known, time_us)
    ranked.sort(key=lambda each: each[1].license_id)
    ranked.sort(key=lambda each: FAULTS.index(each[0]), reverse=True)
    fault, body, index = ranked[0] if ranked else ("NO_LICENSE", None, -1)
    return fault, body.license_id if body else "", index, -1


def earliest(faults: Iterable[str]) -> str:
    """The fault that is told of several; COVERED when there is none."""
    return min(faults, key=FAULTS.index, default="COVERED")


def is_about(asked: Question, body: Any, asset: Any) -> bool:
    """Whether a licence is one for the asset, and one that is asked about."""
    whose = body.creator_id == asset.creator_id
    what = not body.asset_id or body.asset_id == asset.asset_id
    asked_about = not asked.license_id or asked.license_id == body.license_id
    return whose and what and asked_about


def replay(history: History | None, time_us: int) -> tuple[Any, bool, int]:
    """(body, whether it has ended, index) after everything that took effect up to a moment."""
    body, ended, index = None, False, -1
    if history is not None:
        happened: list[tuple[int, int, Any]] = [
            (version.effective_time_us, version.index, version.body) for version in history.versions
        ]
        if history.end_time_us is not None:
            happened.append((history.end_time_us, 1 << 62, "end"))
        for moment, place, what in sorted(happened, key=lambda each: each[:2]):
            if moment > time_us:
                break
            if what == "end":
                ended = True
            else:
                body, index = what, place
    return body, ended, index


def consents(creator: Any, asked: Question) -> bool:
    """Whether the creator agrees to the use at all."""
    agreed = set().union(*(CONSENTS_COVER.get(consent, set()) for consent in creator.consents))
    return asked.use in agreed and (not asked.commercial or COMMERCIAL in creator.consents)


def all_faults(asked: Question, body: Any, time_us: int, ended: bool) -> set[str]:
    """Everything that keeps a licence from covering a use."""
    terms = body.terms
    models = [*terms.models_allowed, *terms.models_excluded]
    excluded = any(fnmatchcase(asked.model_id, pattern) for pattern in terms.models_excluded)
    allowed = any(fnmatchcase(asked.model_id, pattern) for pattern in terms.models_allowed)
    wrong = {
        "BUYER": len(body.buyer) > 0 and body.buyer != asked.buyer,
        "USE": list(terms.allowed_uses).count(asked.use) == 0,
        "COMMERCIAL": asked.commercial and not terms.commercial_use,
        "MODEL": bool(models)
        and (not asked.model_id or excluded or (len(terms.models_allowed) > 0 and not allowed)),
        "TERRITORY": len(terms.territories) > 0 and asked.territory not in list(terms.territories),
        "NOT_STARTED": time_us < terms.start_time_us,
        "EXPIRED": terms.end_time_us != 0 and not time_us < terms.end_time_us,
        "REVOKED": ended,
    }
    return {fault for fault, holds in wrong.items() if holds}


def price_index(body: Any, known: Known, time_us: int) -> int:
    """The index of the version of the licence's price that counts, ended or not; -1 for none."""
    return replay(known.prices.get(body.price_id), time_us)[2] if body.price_id else -1
