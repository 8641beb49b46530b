"""How many share a limit, as a real Redis counts them."""

import asyncio
import time
from collections.abc import AsyncIterator

import pytest
from prometheus_client import CollectorRegistry
from sqlalchemy import create_engine

from gateway.cache.redis import RedisClient
from gateway.limits.ledger import BATCH_WORKERS, GATEWAYS, RedisLedger
from gateway.limits.running import RunningLimits
from gateway.limits.settings import LimitSettings


@pytest.fixture
async def client(redis_url: str) -> AsyncIterator[RedisClient]:
    made = RedisClient(redis_url, 2000)
    yield made
    await made.close()


async def test_a_wrong_clock_makes_nobody_vanish(
    client: RedisClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    ledger = RedisLedger(client)
    assert await ledger.count_gateways("a") == 1
    tomorrow = time.time() + 86_400
    monkeypatch.setattr(time, "time", lambda: tomorrow)
    assert await ledger.count_gateways("b") == 2


async def test_who_is_not_heard_of_any_more_does_not_count(client: RedisClient) -> None:
    now, _ = await client.call("TIME")
    await client.call("ZADD", GATEWAYS, int(now) - 31, "gone", int(now) + 86_400, "wrong clock")
    assert await RedisLedger(client).count_gateways("a") == 1


async def test_who_answers_batches_takes_nothing_of_shoppers_limits_and_nobody_lingers(
    client: RedisClient,
) -> None:
    async def counted() -> list[int]:
        return [await client.call("ZCARD", name) for name in (GATEWAYS, BATCH_WORKERS)]

    running = [
        RunningLimits.open(
            LimitSettings(), create_engine("sqlite://"), client, str, CollectorRegistry(), batches=b
        )
        for b in (False, False, True)
    ]
    for each in running:
        each._leasing.start()
    async with asyncio.timeout(60):
        while sum(await counted()) < 3:  # noqa: ASYNC110 - of Redis, which tells nobody
            await asyncio.sleep(0.02)
    assert await counted() == [2, 1]
    for each in running:
        await each._leasing.close()
    assert await counted() == [0, 0], "who leaves says so"
