"""How much each submitter sends, hour by hour, and when that is far more than ever.

The baseline is the submitter's own: the median of the hours in which it sent anything, and how far hours usually are from
it (the median absolute deviation). A few wild hours among many move neither, so that nobody teaches the ledger a new normal
in a day. Counted by the ledger's clock, when usage arrives: what is late, after an outage, is no sudden use. It is an
observation and no limit: nothing is refused by it.
"""

import statistics
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from counterfoil.v1 import assessment_pb2
from counterfoil.v1.assessment_pb2 import Flag

HOUR_US: Final = 3_600_000_000
HOURS_OF_DAY: Final = 24
# Two weeks: whoever works by the week has been busy and idle twice.
HOURS_KEPT: Final = 14 * HOURS_OF_DAY
# With fewer busy hours nothing is called usual.
HOURS_KNOWN_MIN: Final = 24
# For a normal distribution the median absolute deviation times this is the standard deviation; so many of those beyond the
# median comes by chance once in 10^23 hours. Traffic is not normal: so it must be several times the median too.
_DEVIATION: Final = 1.4826
_DEVIATIONS: Final = 10
_TIMES_MEDIAN: Final = 5

Hours = dict[int, int]
"""Tokens by hour, counted from 1970."""
Counted = Mapping[tuple[int, str], int]
"""Tokens by hour and submitter."""


@dataclass(slots=True)
class Pace:
    """The pace of every submitter, as this process knows it.

    Attributes:
        day_tokens_cap: more tokens in a day (UTC) are odd; 0 for no cap.
    """

    day_tokens_cap: int = 0
    _known: dict[str, Hours] = field(default_factory=lambda: defaultdict(dict))
    _unsaved: dict[tuple[int, str], int] = field(default_factory=lambda: defaultdict(int))
    _usual: dict[str, tuple[int, int | None]] = field(default_factory=dict)

    def look(self, submitter: str, tokens: int, now_us: int) -> Sequence[Flag]:
        """The flags that more tokens deserve; they are not counted yet."""
        hour = now_us // HOUR_US
        hours = self._known[submitter]
        flags = []
        limit, seen = self._limit(submitter, hour), hours.get(hour, 0) + tokens
        if limit is not None and seen > limit:
            flags.append(Flag(kind=assessment_pb2.FLAG_KIND_VELOCITY, seen=seen, limit=limit))
        if self.day_tokens_cap:
            midnight = hour - hour % HOURS_OF_DAY
            seen = tokens + sum(hours.get(each, 0) for each in range(midnight, hour + 1))
            if seen > self.day_tokens_cap:
                kind = assessment_pb2.FLAG_KIND_DAY_TOKENS
                flags.append(Flag(kind=kind, seen=seen, limit=self.day_tokens_cap))
        return flags

    def count(self, submitter: str, tokens: int, now_us: int) -> None:
        """Count tokens that were logged."""
        hour = now_us // HOUR_US
        hours = self._known[submitter]
        hours[hour] = hours.get(hour, 0) + tokens
        self._unsaved[hour, submitter] += tokens

    def take_unsaved(self) -> Counted:
        """What was counted since the last time, to be added to what all processes know."""
        unsaved, self._unsaved = self._unsaved, defaultdict(int)
        return unsaved

    def put_back(self, unsaved: Counted) -> None:
        """Take back what could not be added."""
        for key, tokens in unsaved.items():
            self._unsaved[key] += tokens

    def learn(self, known: Iterable[tuple[int, str, int]]) -> None:
        """Take over what all processes know together; what was counted here meanwhile is added to it.

        Args:
            known: hour, submitter, tokens. Other hours stay as they are.
        """
        for hour, submitter, tokens in known:
            self._known[submitter][hour] = tokens + self._unsaved.get((hour, submitter), 0)

    def _limit(self, submitter: str, hour: int) -> int | None:
        """The most tokens in an hour that are usual; None when not enough is known. Worked out once an hour."""
        usual = self._usual.get(submitter)
        if usual is None or usual[0] != hour:
            hours = self._known[submitter]
            for old in [each for each in hours if each < hour - HOURS_KEPT]:
                del hours[old]
            usual = self._usual[submitter] = (
                hour,
                usual_limit([tokens for each, tokens in hours.items() if each < hour and tokens]),
            )
        return usual[1]


def usual_limit(hours: Sequence[int]) -> int | None:
    """The most tokens in an hour that are usual after busy hours with so many tokens each; None after too few."""
    if len(hours) < HOURS_KNOWN_MIN:
        return None
    median = statistics.median(hours)
    spread = statistics.median(abs(tokens - median) for tokens in hours)
    return round(max(median + _DEVIATIONS * _DEVIATION * spread, _TIMES_MEDIAN * median))
