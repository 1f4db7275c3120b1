"""Buckets and day sums under a clock that the test turns."""

from __future__ import annotations

import random

import pytest

from counterfoil.errors import QuotaExceeded
from counterfoil_server.access.quota import DAY_S, UNBOUNDED, Allowance, Bucket, DaySums

DAY_US = DAY_S * 1_000_000


def test_a_full_bucket_lets_one_second_in_at_once_and_no_more() -> None:
    """Of 15 calls at the same moment a rate of 10 lets in 10."""
    bucket = Bucket(10.0, filled_s=100.0)

    assert [bucket.take(1, 100.0) == 0 for _ in range(15)] == [True] * 10 + [False] * 5


def test_a_refusal_says_when_there_is_room_again() -> None:
    """After the wait that was told the call is let in; a moment before it is not."""
    bucket = Bucket(10.0, filled_s=0.0)
    while (wait_s := bucket.take(1, 0.0)) == 0:
        pass

    assert wait_s == pytest.approx(0.1)
    assert bucket.take(1, wait_s * 0.9) > 0
    assert bucket.take(1, wait_s * 1.001) == 0


def test_a_batch_above_the_rate_is_let_in_and_paid_for() -> None:
    """1,000 records under a rate of 100 go in at once, and nothing more for ten seconds."""
    bucket = Bucket(100.0, filled_s=0.0)

    assert bucket.take(1000, 0.0) == 0
    assert bucket.take(1, 0.0) == pytest.approx(9.01)
    assert bucket.take(1, 9.0) > 0
    assert bucket.take(1, 9.02) == 0


def test_rates_below_one_let_one_in_now_and_then() -> None:
    """A tenth of a call a second is one call in ten seconds, not none: many workers share a small quota."""
    bucket = Bucket(0.1, filled_s=0.0)
    let_in = sum(bucket.take(1, second) == 0 for second in range(1000))

    assert 90 <= let_in <= 101


@pytest.mark.parametrize("seed", range(5))
def test_no_more_than_the_rate_in_the_long_run(seed: int) -> None:
    """However calls come, those let in over a time are at most the rate times the time and one burst with its debt."""
    draws = random.Random(seed)
    bucket, now_s, taken = Bucket(50.0, filled_s=0.0), 0.0, 0
    for _ in range(5000):
        now_s += draws.expovariate(200.0)
        count = draws.choice((1, 1, 1, 20))
        if bucket.take(count, now_s) == 0:
            taken += count

    assert taken <= 50.0 * now_s + 50.0 + 20


def test_a_clock_that_stands_still_fills_nothing() -> None:
    """Without time there is no new room."""
    bucket = Bucket(1.0, filled_s=5.0)

    assert bucket.take(1, 5.0) == 0
    assert all(bucket.take(1, 5.0) > 0 for _ in range(100))


def make(tokens_per_day: int) -> tuple[Allowance, DaySums]:
    """An allowance with a bound on tokens, and the sums behind it."""
    sums = DaySums()
    return Allowance("p", sums, tokens_per_day=tokens_per_day), sums


def test_tokens_up_to_the_bound_and_not_one_more() -> None:
    """The sum may reach the bound; what would go beyond is refused as a whole and not counted."""
    allowance, sums = make(100)
    allowance.take_tokens(60, 0)
    with pytest.raises(QuotaExceeded):
        allowance.take_tokens(41, 1)

    allowance.take_tokens(40, 2)
    assert sums.total("p") == 100


def test_the_wait_is_until_midnight() -> None:
    """A refused day says how long it lasts; on the next day there is room again."""
    allowance, _ = make(10)
    allowance.take_tokens(10, 3 * DAY_US + 3600 * 1_000_000)
    with pytest.raises(QuotaExceeded) as caught:
        allowance.take_tokens(1, 3 * DAY_US + 3600 * 1_000_000)

    assert caught.value.retry_after_s == DAY_S - 3600
    assert (caught.value.quota, caught.value.subject) == ("tokens_per_day", "p")
    allowance.take_tokens(10, 4 * DAY_US)


def test_what_other_workers_took_in_counts() -> None:
    """After a flush the store's sum stands, together with what came in here since."""
    allowance, sums = make(100)
    allowance.take_tokens(30, 0)
    assert sums.take_added() == {"p": 30}
    allowance.take_tokens(10, 0)
    sums.learn(0, {"p": 80})

    assert sums.total("p") == 90
    with pytest.raises(QuotaExceeded):
        allowance.take_tokens(11, 0)


def test_sums_of_yesterday_are_not_learnt_today() -> None:
    """A flush that began before midnight adds nothing to the new day."""
    allowance, sums = make(100)
    allowance.take_tokens(1, DAY_US)
    sums.learn(0, {"p": 99})

    assert sums.total("p") == 1


def test_quotas_are_kept_apart() -> None:
    """A principal that has used up its day takes nothing from another."""
    sums = DaySums()
    one, two = (Allowance(name, sums, tokens_per_day=10) for name in ("one", "two"))
    one.take_tokens(10, 0)

    two.take_tokens(10, 0)
    with pytest.raises(QuotaExceeded):
        one.take_tokens(1, 0)


def test_without_a_bound_nothing_is_refused() -> None:
    """No quota, no refusal, however much is asked for."""
    for _ in range(100):
        UNBOUNDED.take_request(0.0)
        UNBOUNDED.take_records(10**9, 0.0)
        UNBOUNDED.take_tokens(10**15, 0)
