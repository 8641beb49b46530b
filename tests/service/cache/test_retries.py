"""Marks of requests under way, in a gateway's memory and in Redis: each request ends its own."""

from collections.abc import AsyncIterator

import pytest

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
