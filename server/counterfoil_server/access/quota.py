"""Quotas of principals: token buckets for rates, and a sum for each day.

Each worker has buckets of its own with its share of the rate, so that a principal whose calls all come to one worker gets
that share only. The sum of a day is kept in the operational store, brought there once a second: what all workers
take in within that second may exceed the bound.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from counterfoil.errors import QuotaExceeded

DAY_S: Final = 86_400
# What a rate allows at once after a pause, in seconds of it.
BURST_S: Final = 1.0


@dataclass(slots=True)
class Bucket:
    """A token bucket that may go into debt: something larger than all it holds is let in, and paid for afterwards.

    Attributes:
        rate: units in a second.
        level: what is left; below zero after a large request.
        filled_s: when that was.
    """

    rate: float
    filled_s: float
    level: float = field(init=False)

    def __post_init__(self) -> None:
        self.level = self._full

    @property
    def _full(self) -> float:
        # A rate below one in a second still lets one in now and then: many workers share a small quota.
        return max(1.0, self.rate * BURST_S)

    def take(self, count: int, now_s: float) -> float:
        """Take units; the seconds to wait when none were taken, else 0."""
        self.level = min(self._full, self.level + (now_s - self.filled_s) * self.rate)
        self.filled_s = now_s
        if self.level < 1.0:
            return (1.0 - self.level) / self.rate
        self.level -= count
        return 0.0


class DaySums:
    """What each principal has reported today: as the store had it last, and what was added here since."""

    def __init__(self) -> None:
        self.day = 0
        self._stored: dict[str, int] = {}
        self._added: dict[str, int] = {}

    def begin(self, day: int) -> None:
        """Forget the days before."""
        if day != self.day:
            self.day = day
            self._stored, self._added = {}, {}

    def total(self, principal_id: str) -> int:
        """The sum, as far as it is known here."""
        return self._stored.get(principal_id, 0) + self._added.get(principal_id, 0)

    def add(self, principal_id: str, count: int) -> None:
        """Count; the next flush brings it to the store."""
        self._added[principal_id] = self._added.get(principal_id, 0) + count

    def take_added(self) -> dict[str, int]:
        """What the store does not have; from now on it counts as stored."""
        added, self._added = self._added, {}
        for name, count in added.items():
            self._stored[name] = self._stored.get(name, 0) + count
        return added

    def learn(self, day: int, totals: Mapping[str, int]) -> None:
        """What the store has, all workers together."""
        if day == self.day:
            self._stored.update(totals)


@dataclass(slots=True)
class Allowance:
    """What one principal may still ask this worker for.

    Attributes:
        principal_id: whose.
        requests, records: buckets; None without a bound.
        tokens_per_day: the bound of a day's sum; zero for none.
    """

    principal_id: str
    sums: DaySums
    requests: Bucket | None = None
    records: Bucket | None = None
    tokens_per_day: int = 0

    @property
    def bounds_records(self) -> bool:
        """Whether records or their tokens have a bound."""
        return self.records is not None or self.counts_tokens

    @property
    def counts_tokens(self) -> bool:
        """Whether tokens have a bound, so that it is worth adding them up."""
        return self.tokens_per_day > 0

    def take_request(self, now_s: float) -> None:
        """Take one call, or one message of a stream.

        Raises:
            QuotaExceeded: there is none left for now.
        """
        if self.requests is not None:
            self._refuse(self.requests.take(1, now_s), "requests_per_s")

    def take_records(self, count: int, now_s: float) -> None:
        """Take records.

        Raises:
            QuotaExceeded: there are none left for now.
        """
        if self.records is not None:
            self._refuse(self.records.take(count, now_s), "records_per_s")

    def take_tokens(self, count: int, time_us: int) -> None:
        """Take tokens of today's.

        Args:
            time_us: the present, microseconds since 1970.

        Raises:
            QuotaExceeded: with these the sum would be above the bound.
        """
        if not self.counts_tokens:
            return
        seconds = time_us // 1_000_000
        self.sums.begin(seconds // DAY_S)
        if self.sums.total(self.principal_id) + count > self.tokens_per_day:
            self._refuse(float(DAY_S - seconds % DAY_S), "tokens_per_day")
        self.sums.add(self.principal_id, count)

    def _refuse(self, wait_s: float, quota: str) -> None:
        if wait_s > 0:
            told = f"the quota {quota} of {self.principal_id} is used up for now"
            raise QuotaExceeded(told, quota=quota, subject=self.principal_id, retry_after_s=wait_s)


UNBOUNDED: Final = Allowance("", DaySums())
"""The allowance of callers without quotas."""
