"""Marks of requests under way, in a gateway's memory and in Redis: each request ends its own."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from redis import Redis

from gateway.cache.redis import RedisClient
from gateway.cache.retries import MemoryRetryStore, RedisRetryStore, Retries, RetryStore
from tests.support.servers import PATIENT_MS


async def begun(retries: Retries, key: str) -> bytes:
    earlier = await retries.begin("c", key, "f")
    assert earlier.state == "begun"
    return earlier.begun


@pytest.fixture(params=["memory", "redis"])
async def store(request: pytest.FixtureRequest) -> AsyncIterator[RetryStore]:
    if request.param == "memory":
        yield MemoryRetryStore()
        return
    client = RedisClient(request.getfixturevalue("redis_url"), PATIENT_MS)
    yield RedisRetryStore(client)
    await client.close()


async def test_what_another_has_begun_meanwhile_and_what_was_erased_is_left_alone(
    store: RetryStore,
) -> None:
    retries = Retries(store, "s", 30_000)
    late = await begun(retries, "k")
    await retries.forget("c")
    await retries.keep("c", "k", late, b"of who was erased")
    second = await begun(retries, "k")
    await retries.drop("c", "k", late)
    assert (await retries.begin("c", "k", "f")).state == "under way"
    await retries.keep("c", "k", late, b"late")
    await retries.keep("c", "k", second, b"second")
    assert (await retries.begin("c", "k", "f")).answer == b"second"
    third = await begun(retries, "l")
    await retries.drop("c", "l", third)
    assert await begun(retries, "l")


BUSY = """
local began = redis.call('TIME')
repeat
  local now = redis.call('TIME')
until (now[1] - began[1]) * 1000000 + now[2] - began[2] > 600000
"""


@pytest.mark.parametrize("end", ["kept", "dropped"])
async def test_a_request_whose_beginning_redis_did_late_ends(redis_url: str, end: str) -> None:
    """Its reply was lost, and the mark stood for a minute: whoever sent it again was told 409."""
    client = RedisClient(redis_url, 50)
    retries = Retries(RedisRetryStore(client), "s", 30_000)
    await retries.drop("c", "first", await begun(retries, "first"))  # Redis has the scripts now
    with Redis.from_url(redis_url) as redis:
        busy = asyncio.create_task(asyncio.to_thread(redis.eval, BUSY, 0))
        await asyncio.sleep(0.1)
        earlier = await retries.begin("c", "k", "f")
        if end == "kept":
            await retries.keep("c", "k", earlier.begun, b"an answer")
        else:
            await retries.drop("c", "k", earlier.begun)
        await busy
        if retries._ending:
            await asyncio.wait(retries._ending)
        later = await retries.begin("c", "k", "f")
        assert (later.state, later.answer) == (
            ("answered", b"an answer") if end == "kept" else ("begun", b"")
        )
    await client.close()
