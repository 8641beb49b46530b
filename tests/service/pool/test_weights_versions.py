"""Of two versions of the weights the newer one counts, wherever it is met first. With a real Redis
and a real table, without gateways."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import redis
from sqlalchemy import create_engine

from gateway.canary.weights_table import WeightsTable
from gateway.pool import weights
from gateway.pool.weights import REDIS_KEY, Weights, WeightsVersion
from tests.support.canaries import seconds_until
from tests.support.migrating import migrate

OLD, BOTH, NEW = {"old": 1.0}, {"old": 0.9, "new": 0.1}, {"new": 1.0}
# Of the promise that a decision is in force at every gateway.
IN_FORCE_S = 5.0


def in_force(gateways: Sequence[Weights], expected: dict[str, float]) -> bool:
    return all(each.in_force == expected for each in gateways)


@asynccontextmanager
async def gateways(
    place: str, redis_url: str, folder: Path, number: int = 2
) -> AsyncIterator[list[Weights]]:
    """The weights of so many gateways, which share one place."""
    url = f"sqlite:///{folder / 'log.db'}"
    migrate(url)
    engines = [create_engine(url) for _ in range(number)]
    tables = [WeightsTable(engine, folder / str(n)) for n, engine in enumerate(engines)]
    made = [
        Weights(OLD, redis_url) if place == "redis" else Weights(OLD, None, table)
        for table in tables
    ]
    for each in made:
        await each.start()
    try:
        yield made
    finally:
        for each in made:
            await each.close()
        for table, engine in zip(tables, engines, strict=True):
            table.close()
            engine.dispose()


@pytest.mark.parametrize("place", ["redis", "table"])
async def test_each_change_is_in_force_at_every_gateway_within_five_seconds(
    redis_url: str, tmp_path: Path, place: str
) -> None:
    """Not the first one alone: who asks once would keep a canary that was rolled back."""
    async with gateways(place, redis_url, tmp_path, 3) as (one, two, three):
        for changed, by in ((BOTH, one), (NEW, two), (OLD, one)):
            await by.change(changed)
            others = [each for each in (one, two, three) if each is not by]
            seen = partial(in_force, others, changed)
            took_s = await asyncio.to_thread(seconds_until, "in force", seen, 30)
            assert took_s < IN_FORCE_S


def stored(redis_url: str) -> WeightsVersion | None:
    with redis.Redis.from_url(redis_url) as client:
        value = client.get(REDIS_KEY)
    return WeightsVersion.read(value) if isinstance(value, bytes) else None


def put(redis_url: str, version: WeightsVersion) -> None:
    with redis.Redis.from_url(redis_url) as client:
        client.set(REDIS_KEY, version.dump())


async def test_an_older_version_in_redis_is_replaced_and_not_taken(redis_url: str) -> None:
    """As after an outage: Redis comes back with what it had on its disk."""
    one = Weights(OLD, redis_url)
    await one.change(NEW)
    newest = stored(redis_url)
    put(redis_url, WeightsVersion(one.version - 1, BOTH))
    await one.start()
    assert one.in_force == NEW
    assert stored(redis_url) == newest
    await one.close()


async def test_a_newer_version_in_redis_is_taken_and_not_replaced(redis_url: str) -> None:
    """As by a gateway that was cut off, and has missed a rollback."""
    one = Weights(OLD, redis_url)
    await one.change(NEW)
    newer = WeightsVersion(one.version + 1, BOTH)
    put(redis_url, newer)
    await one.start()
    assert (one.in_force, one.version) == (BOTH, newer.number)
    assert stored(redis_url) == newer
    await one.close()


@dataclass
class SlowPlace:
    """Answers a question with what it knew when it was asked."""

    known: WeightsVersion
    asked: asyncio.Event = field(default_factory=asyncio.Event)
    may_answer: asyncio.Event = field(default_factory=asyncio.Event)

    async def exchange(self, ours: WeightsVersion) -> WeightsVersion:
        before = self.known
        self.known = max(before, ours, key=lambda version: version.number)
        if not self.asked.is_set():
            self.asked.set()
            await self.may_answer.wait()
        return before


async def test_an_answer_of_the_table_that_was_under_way_undoes_no_change() -> None:
    place = SlowPlace(WeightsVersion(5, BOTH))
    one = Weights(OLD, None, place)
    late = asyncio.create_task(one.start())
    await place.asked.wait()
    await one.change(NEW)
    place.may_answer.set()
    await late
    assert one.in_force == NEW
    await one.close()


async def test_an_answer_of_redis_that_was_under_way_undoes_no_change(
    redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(weights, "REDIS_TIMEOUT_S", 20.0)
    one = Weights(OLD, redis_url)
    await one.change(BOTH)
    assert one._servers is not None
    client, answered, may_arrive = one._servers.client, asyncio.Event(), asyncio.Event()
    ask = client.eval

    async def delayed(*question: Any) -> Any:
        answer = await ask(*question)
        if not answered.is_set():
            answered.set()
            await may_arrive.wait()
        return answer

    monkeypatch.setattr(client, "eval", delayed)
    late = asyncio.create_task(one._ask_redis())
    await answered.wait()
    await one.change(NEW)
    may_arrive.set()
    await late
    assert one.in_force == NEW
    await one.close()
