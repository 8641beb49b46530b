"""Questions of the batch lane at the pool, and stand-ins on the wire that are its replicas."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from contract.completion import CompletionRequest, Turn
from contract.errors import DeadlineExceeded, Overloaded
from contract.response import Delta
from contract.wire import Priority
from gateway.pool.pool import Pool
from gateway.pool.settings import PoolSettings
from gateway.pool.telemetry import PoolMetrics
from gateway.pool.upstreams.upstream import Upstream
from tests.support.foreign_replica import foreign_replica
from tests.support.stub_replica import StubReplica, stub_replica


@pytest.fixture
def replica() -> Iterator[StubReplica]:
    with stub_replica() as stub:
        yield stub


@asynccontextmanager
async def started(
    *replicas: StubReplica, registry: CollectorRegistry | None = None, **settings: Any
) -> AsyncIterator[Pool]:
    given = PoolSettings(replicas=tuple(replica.url for replica in replicas), **settings)
    metrics = PoolMetrics(registry or CollectorRegistry())
    pool = Pool(given, metrics, deadline_ms=30_000, redis_url=None, secret="s")
    await pool.start()
    try:
        yield pool
    finally:
        await pool.close()


async def as_it_is(asked: CompletionRequest, max_pixels: int | None) -> CompletionRequest:
    """There is no photo."""
    return asked


async def ask(
    pool: Pool, question: str, priority: Priority = "interactive", within_s: float = 10.0
) -> str:
    pieces = pool.complete(
        CompletionRequest((Turn("user", question),), None, stream=True),
        revision=pool.choose_revision(""),
        affinity="",
        headers={},
        show=as_it_is,
        deadline=time.monotonic() + within_s,
        priority=priority,
    )
    return "".join([piece.text async for piece in pieces if isinstance(piece, Delta)])


async def test_the_lane_takes_none_of_shoppers_places(replica: StubReplica) -> None:
    replica.first_delay_s = 1.5
    registry = CollectorRegistry()

    def metric(name: str, **labels: str) -> float | None:
        return registry.get_sample_value(f"gateway_pool_{name}", labels)

    async with started(
        replica, registry=registry, replica_concurrency=1, replica_batch_concurrency=2
    ) as pool:
        lines = [asyncio.create_task(ask(pool, f"patience {n}", "batch")) for n in range(3)]
        await asyncio.sleep(0.3)
        assert len(replica.calls) == 2, "the third waits in the gateway"
        assert metric("batch_in_flight", replica=replica.url) == 2
        assert metric("batch_waiting") == 1
        began = time.monotonic()
        assert "now" in await ask(pool, "now")
        assert time.monotonic() - began < 1
        assert metric("in_flight", replica=replica.url) == metric("waiting") == 0
        for n, line in enumerate(lines):
            assert f"patience {n}" in await line
        assert pool.replicas[0].places.taken("batch") == 0
    told = [headers["x-priority"] for headers in replica.headers]
    assert sorted(told) == ["batch", "batch", "batch", "interactive"]
    assert all(int(headers["x-deadline-ms"]) > 0 for headers in replica.headers)


async def test_a_line_that_waits_for_long_does_not_make_its_replica_hung_or_slow(
    replica: StubReplica,
) -> None:
    replica.first_delay_s = 1.0
    with stub_replica() as other:
        other.first_delay_s = 1.0
        async with started(replica, other, replica_silence_s=0.2) as pool:
            lines = [ask(pool, f"patience {n}", "batch") for n in range(12)]
            answers = await asyncio.gather(*lines)
            assert all("patience" in answer for answer in answers)
            assert len(replica.calls) + len(other.calls) == 12, "none was asked twice"
            for each in pool.replicas:
                assert each.state == "ready"
                assert not each.health._first_bytes_s
                assert not each.health._intervals_s


async def test_the_end_of_a_line_s_time_is_no_fault_of_the_replica(replica: StubReplica) -> None:
    replica.first_delay_s = 3.0
    async with started(replica, replica_silence_s=0.2, eject_failures=1) as pool:
        with pytest.raises(DeadlineExceeded):
            await ask(pool, "patience", "batch", within_s=0.6)
        assert [success for _, success in pool.replicas[0].health._successes] == []
        assert pool.replicas[0].state == "ready"


async def test_a_full_lane_is_not_a_full_replica(replica: StubReplica) -> None:
    """Another one is asked, and shoppers' questions go where they went before."""
    with stub_replica() as other:
        async with started(replica, other, retry_floor_per_s=100.0) as pool:
            await ask(pool, "who?")
            usual, spare = (replica, other) if replica.calls else (other, replica)
            usual.refusal, usual.refusal_status = {"code": "batch_lane_full"}, 503
            assert "line" in await ask(pool, "line", "batch")
            assert (len(usual.calls), len(spare.calls)) == (2, 1)
            usual.refusal = None
            for _ in range(5):
                await ask(pool, "still?")
            assert (len(usual.calls), len(spare.calls)) == (7, 1)
            spare.refusal, spare.refusal_status = {"code": "batch_lane_full"}, 503
            usual.refusal = spare.refusal
            with pytest.raises(Overloaded) as refused:
                await ask(pool, "line", "batch")
            assert (refused.value.retry_after_s or 0) >= 1


@pytest.mark.parametrize(("kind", "shopper", "line"), [("vllm", 0, 1), ("sglang", 1, 0)])
async def test_a_server_of_another_kind_is_told_what_can_wait(
    kind: Any, shopper: int, line: int
) -> None:
    with foreign_replica("qwen") as server:
        for priorities, told in ((True, [shopper, line]), (False, [None, None])):
            server.calls.clear()
            upstream = Upstream(url=server.url, kind=kind, priorities=priorities)
            async with started(upstreams=(upstream,)) as pool:
                await ask(pool, "now?")
                await ask(pool, "later?", "batch")
            assert [call.get("priority") for call in server.calls] == told
