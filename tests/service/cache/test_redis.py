"""The answer cache on a real Redis: shared by gateways, and never a reason to fail."""

import asyncio
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import redis

from gateway.cache import servers
from gateway.cache.answers import PREFIX
from gateway.cache.redis import BREAK_S, RedisClient, RedisStore, RedisUnavailableError
from gateway.cli.embedded import free_port
from tests.support.asking import chat, photo, post, text_of
from tests.support.servers import redis_server, wait_until
from tests.support.stub_replica import StubReplica

Start = Callable[..., str]


@pytest.fixture
def client(redis_url: str) -> redis.Redis:
    return redis.Redis.from_url(redis_url)


def test_two_gateways_share_their_answers(
    start_gateway: Start, stub: StubReplica, redis_url: str, client: redis.Redis
) -> None:
    one = start_gateway(replicas=stub.url, redis_url=redis_url)
    two = start_gateway(replicas=stub.url, redis_url=redis_url)
    first = post(one, chat("what?", photo()))
    second = post(two, chat("what?", photo()))
    assert [first.headers["x-cache"], second.headers["x-cache"]] == ["miss", "hit"]
    assert text_of(first) == text_of(second)
    (name,) = client.keys(f"{PREFIX}:*")  # type: ignore[misc]
    assert 7.9 * 86_400 < client.ttl(name) <= 8.1 * 86_400  # type: ignore[operator]


@pytest.mark.parametrize("value", [b"", b"{", b"[]", b"\xff\xfe", b'{"key": {}, "text": "poison"}'])
def test_a_poisoned_value_is_a_miss(
    start_gateway: Start, stub: StubReplica, redis_url: str, client: redis.Redis, value: bytes
) -> None:
    gateway = start_gateway(replicas=stub.url, redis_url=redis_url)
    post(gateway, chat("what?", photo()))
    client.set(client.keys(f"{PREFIX}:*")[0], value)  # type: ignore[index]
    answer = post(gateway, chat("what?", photo()))
    assert answer.headers["x-cache"] == "miss"
    assert "poison" not in text_of(answer)


def test_a_gateway_outlives_its_redis_and_finds_it_again(
    start_gateway: Start, stub: StubReplica, tmp_path: Path
) -> None:
    port = free_port()
    gateway = start_gateway(replicas=stub.url, redis_url=f"redis://127.0.0.1:{port}/0")

    def is_hit(question: str) -> bool:
        return post(gateway, chat(question, photo())).headers["x-cache"] == "hit"

    assert text_of(post(gateway, chat("never up", photo())))
    with redis_server(tmp_path, port):
        wait_until("hits", lambda: is_hit("up"), 10)
    assert text_of(post(gateway, chat("down", photo())))
    with redis_server(tmp_path, port):
        wait_until("hits again", lambda: is_hit("back"), 10)


async def test_a_frozen_redis_costs_its_budget_and_then_nothing(tmp_path: Path) -> None:
    with redis_server(tmp_path) as server:
        store = RedisStore(RedisClient(server.url, budget_ms=50))
        # Not by the store: on a busy machine its call may take longer than the 50 ms.
        with redis.Redis.from_url(server.url) as admin:
            admin.set("a", b"1")
        os.kill(server.process.pid, signal.SIGSTOP)
        try:
            spent = []
            for _ in range(10):
                begun = time.monotonic()
                assert await store.get("a") is None
                spent.append(time.monotonic() - begun)
        finally:
            os.kill(server.process.pid, signal.SIGCONT)
        # Three calls use up their 50 ms, then the breaker is open.
        assert sorted(spent)[6] < 0.05
        assert max(spent) < 0.5
        deadline = time.monotonic() + 20
        found = None
        while found is None and time.monotonic() < deadline:
            await asyncio.sleep(BREAK_S)  # on a busy machine the first call may miss its 50 ms too
            found = await store.get("a")
        assert found == b"1"
        await store.close()


async def test_a_connection_may_take_longer_than_a_call(
    redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """TCP, TLS, password and database are some round trips, a call is one."""
    monkeypatch.setattr(servers, "FIND_S", 20)
    answering = asyncio.Event()
    connections = 0

    async def pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(65_536):
            await answering.wait()
            writer.write(data)
        writer.close()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal connections
        connections += 1
        to_redis = await asyncio.open_connection(parts.hostname, parts.port)
        await asyncio.gather(pass_on(reader, to_redis[1]), pass_on(to_redis[0], writer))

    parts = urlsplit(redis_url)
    async with await asyncio.start_server(serve, "127.0.0.1", 0) as proxy:
        port = proxy.sockets[0].getsockname()[1]
        # The database is another round trip.
        client = RedisClient(f"redis://127.0.0.1:{port}/1", budget_ms=100)
        with pytest.raises(RedisUnavailableError):
            await client.call("PING")
        client._round_trip_timeout_s = 20  # a busy machine takes its time
        answering.set()
        assert await client.call("PING") == b"PONG"
        assert connections == 1
        await client.close()


async def test_a_reply_that_comes_late_is_no_later_call_s(tmp_path: Path) -> None:
    with redis_server(tmp_path) as server, redis.Redis.from_url(server.url) as admin:
        admin.mset({"a": b"of a", "b": b"of b"})
        client = RedisClient(server.url, budget_ms=2000)
        assert await client.call("GET", "a") == b"of a"
        os.kill(server.process.pid, signal.SIGSTOP)
        try:
            with pytest.raises(RedisUnavailableError):
                await client.call("GET", "a")
        finally:
            os.kill(server.process.pid, signal.SIGCONT)
        calls = (client.call("GET", name) for name in ("b", "a", "none"))
        assert await asyncio.gather(*calls) == [b"of b", b"of a", None]
        await client.close()


async def test_a_full_redis_is_a_miss_not_an_error(tmp_path: Path) -> None:
    with redis_server(tmp_path) as server:
        store = RedisStore(RedisClient(server.url, budget_ms=2000))
        await store.put("before", b"1", 60)
        admin = redis.Redis.from_url(server.url)
        admin.config_set("maxmemory-policy", "noeviction")
        admin.config_set("maxmemory", 1)
        await store.put("after", b"1", 60)
        assert await store.get("after") is None
        assert await store.get("before") == b"1"
        await store.close()


def test_a_password_is_asked_for_and_brought_along(
    start_gateway: Start, stub: StubReplica, tmp_path: Path
) -> None:
    with redis_server(tmp_path) as server, redis.Redis.from_url(server.url) as client:
        client.config_set("requirepass", "s3cret/@:")
        known, unknown = {"redis_password": "s3cret/@:"}, {}
        for settings, outcomes in ((known, ["miss", "hit"]), (unknown, ["miss", "miss"])):
            urls = [
                start_gateway(replicas=stub.url, redis_url=server.url, **settings) for _ in range(2)
            ]
            answers = [post(url, chat(f"with {len(settings)}?")) for url in urls]
            assert [answer.headers["x-cache"] for answer in answers] == outcomes
