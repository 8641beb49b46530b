"""Behind Sentinels: the master dies under load, and what was deleted does not come back with the
replica that follows it."""

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import redis

from gateway.cache.redis import RedisClient, RedisUnavailableError
from tests.support.asking import chat, photo, post, text_of
from tests.support.redis_servers import Watched, redis_behind_sentinels
from tests.support.stub_replica import StubReplica

pytestmark = pytest.mark.long

Start = Callable[..., str]


@pytest.fixture
def watched(tmp_path: Path) -> Iterator[Watched]:
    folder = tmp_path / "redis"
    folder.mkdir()
    with redis_behind_sentinels(folder) as servers:
        yield servers


async def test_a_deletion_waits_for_the_replica(watched: Watched) -> None:
    client, other = RedisClient(watched.url, 2000), RedisClient(watched.url, 2000)
    (replica,) = (server for server in watched.servers if server is not watched.master())
    await client.call("SET", "erased", b"canary")
    os.kill(replica.process.pid, signal.SIGSTOP)
    try:
        with pytest.raises(RedisUnavailableError):
            await client.delete(["erased"])
        with pytest.raises(RedisUnavailableError):  # though the master has it no longer
            await other.delete(["erased"])
    finally:
        os.kill(replica.process.pid, signal.SIGCONT)
    await client.delete(["erased"])
    with redis.Redis.from_url(replica.url) as seen:
        assert seen.get("erased") is None
    await client.close()
    await other.close()


def test_a_fail_over_costs_no_answer(
    start_gateway: Start, stub: StubReplica, watched: Watched
) -> None:
    settings = {"replicas": stub.url, "redis_url": watched.url, "cache_budget_ms": 200}
    urls = [start_gateway(**settings) for _ in range(2)]
    stop = threading.Event()
    answers: list[tuple[float, int, str, str]] = []

    def shop(number: int) -> None:
        while not stop.is_set():
            answer = post(urls[number % 2], chat(f"what {number // 2}?", photo()))
            cached = answer.headers.get("x-cache", "")
            answers.append((time.monotonic(), answer.status_code, cached, text_of(answer)))
            time.sleep(0.02)

    old = watched.master()
    with ThreadPoolExecutor(4) as threads:
        shoppers = [threads.submit(shop, number) for number in range(4)]
        time.sleep(0.5)
        killed = time.monotonic()
        old.process.kill()
        while time.monotonic() < killed + 30:
            late = [cached for at, _, cached, _ in answers if at > killed + 0.5]
            if late[-12:].count("hit") == 12 and watched.master() is not old:
                break
            time.sleep(0.05)
        stop.set()
        for shopper in shoppers:
            shopper.result()
    again = next(at for at, _, cached, _ in answers if at > killed + 0.5 and cached == "hit")
    print(f"{len(answers)} answers, hits again after {again - killed:.1f} s")
    assert {status for _, status, _, _ in answers} == {200}
    assert len({text for _, _, _, text in answers}) == 2
    assert watched.master() is not old
    assert [cached for _, _, cached, _ in answers[-8:]] == ["hit"] * 8
    assert again - killed < 10
