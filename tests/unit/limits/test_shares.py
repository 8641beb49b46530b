"""Shares: what is leased, what is spent on credit, and when asking is of no use."""

import asyncio

import pytest

from gateway.cache.redis import RedisUnavailableError
from gateway.limits.leasing import Leasing
from gateway.limits.ledger import LocalLedger
from gateway.limits.limits import Limits, read_limits, shown
from gateway.limits.share import Ask, Grant, Share


def test_limits_are_read_as_people_write_them() -> None:
    assert read_limits("questions_per_s=5, burst=2e1\nweight=3") == {
        "questions_per_s": 5,
        "burst": 20,
        "weight": 3,
    }
    assert read_limits("burst=unlimited") == {"burst": float("inf")}
    assert read_limits("  ") == {}
    assert shown(read_limits("burst=unlimited")["burst"]) == "unlimited"
    assert Limits().changed({"burst": 3}).finite() == {"burst": 3, "weight": 1}


@pytest.mark.parametrize(
    "text", ["speed=3", "burst", "burst=", "burst=-1", "burst=nan", "burst=x", "weight=0"]
)
def test_what_is_no_limit_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"limit|number"):
        read_limits(text)


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def test_a_ledger_grants_the_burst_then_the_rate_and_takes_debts_off_in_any_case() -> None:
    clock = Clock()
    ledger = LocalLedger(clock)

    def lease(want: float, debt: float = 0) -> Grant:
        return ledger.lease(Ask("a", rate=2, burst=10, want=want, debt=debt))

    assert lease(4, debt=3).amount == 4
    assert lease(4).amount == 3, "what is left of ten"
    refused = lease(4)
    assert (refused.amount, refused.retry_s) == (0, 0.5)
    clock.now = 1.0
    assert lease(4).amount == 2
    assert lease(1, debt=5).amount == 0
    clock.now = 3.5
    assert lease(1).amount == 0, "five of debt come first"
    clock.now = 100
    assert lease(100).amount == 10, "never more than the burst"


def test_gateways_that_share_get_their_part_where_nobody_counts_for_all() -> None:
    ledger = LocalLedger(Clock())
    ledger.gateways = 4
    assert ledger.lease(Ask("a", rate=8, burst=20, want=20, debt=0)).amount == 5


def test_a_small_limit_lets_something_through_however_many_share_it() -> None:
    clock = Clock()
    ledger = LocalLedger(clock)
    ledger.gateways = 4
    ask = Ask("a", rate=1, burst=2, want=1, debt=0)
    assert [ledger.lease(ask).amount for _ in range(2)] == [1, 0]
    clock.now = 4
    assert ledger.lease(ask).amount == 1, "at its part of the rate"


async def spend(share: Share, leasing: Leasing, times: int) -> int:
    """How many of `times` requests are let through, one after the other."""
    passed = 0
    for _ in range(times):
        if share.left < 1:
            leasing.want(share)
            await leasing.settled()
        if share.left < 1:
            continue
        share.left -= 1
        passed += 1
        if share.left < share.low:
            leasing.want(share)
            await asyncio.sleep(0)
    return passed


async def test_a_share_lets_through_what_the_limit_lets_through_and_no_more() -> None:
    leasing = Leasing(None)
    share = Share("a", rate=0.001, burst=40)
    assert await spend(share, leasing, 200) == 40
    await leasing.close()


async def test_a_rate_of_nothing_lets_nothing_through() -> None:
    leasing = Leasing(None)
    assert await spend(Share("a", rate=0, burst=40), leasing, 5) == 0
    await leasing.close()


class CountingRedis:
    """In the place of the ledger in Redis, whose commands it counts."""

    def __init__(self) -> None:
        self.calls = 0
        self.up = True
        self._ledger = LocalLedger(Clock())

    async def lease(self, ask: Ask) -> Grant:
        self.calls += 1
        await asyncio.sleep(0)
        if not self.up:
            raise RedisUnavailableError
        return self._ledger.lease(ask)

    async def count_gateways(self, own: str) -> int:
        return 2

    async def leave(self, own: str) -> None: ...


async def test_many_requests_cost_one_command_and_a_refused_one_none() -> None:
    redis = CountingRedis()
    leasing = Leasing(redis)  # type: ignore[arg-type]
    share = Share("a", rate=0.001, burst=400)
    assert await spend(share, leasing, 400) == 400
    assert redis.calls <= 10
    before = redis.calls + 1
    assert await spend(share, leasing, 500) == 0
    assert redis.calls <= before, "nobody asks again before there is something"
    await leasing.close()


async def test_without_redis_the_local_share_is_the_limit_and_never_off() -> None:
    redis = CountingRedis()
    redis.up = False
    leasing = Leasing(redis)  # type: ignore[arg-type]
    share = Share("a", rate=0.001, burst=40)
    assert await spend(share, leasing, 200) == 40
    leasing.start()
    await asyncio.sleep(0.01)
    assert leasing.gateways == 2
    assert await spend(Share("b", rate=0.001, burst=40), leasing, 200) == 20
    await leasing.close()
