"""Redis killed, frozen, full and emptied while shoppers ask: nobody gets an error, and all is well
again by itself."""

import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from statistics import median

import pytest
import redis

from gateway.cache.redis import BREAK_S
from gateway.cli.embedded import free_port
from tests.support.asking import chat, photo, post
from tests.support.load import Load
from tests.support.servers import Server, gateway_process, redis_server, wait_until
from tests.support.stub_replica import StubReplica

pytestmark = pytest.mark.long

PER_S = 30.0
BUDGET_MS = 50


class Cache:
    """A Redis that comes and goes on one port."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._port = free_port()
        self._stack = ExitStack()
        self.url = f"redis://127.0.0.1:{self._port}/0"
        self.start()

    def start(self) -> None:
        self.server = self._stack.enter_context(redis_server(self._folder, self._port))

    def kill(self) -> None:
        self.server.process.kill()
        self.server.process.wait()

    @property
    def client(self) -> redis.Redis:
        return redis.Redis.from_url(self.url)

    def close(self) -> None:
        self._stack.close()


@pytest.fixture
def cache(tmp_path: Path) -> Iterator[Cache]:
    made = Cache(tmp_path)
    yield made
    made.close()


@pytest.fixture
def gateway(tmp_path: Path, stub: StubReplica, cache: Cache) -> Iterator[Server]:
    environment = {"REPLICAS": stub.url, "REDIS_URL": cache.url, "CACHE_BUDGET_MS": str(BUDGET_MS)}
    with gateway_process(tmp_path, **environment) as server:
        yield server


def killed(cache: Cache) -> Callable[[], None]:
    cache.kill()
    return cache.start


def frozen(cache: Cache) -> Callable[[], None]:
    process = cache.server.process.pid
    os.kill(process, signal.SIGSTOP)
    return lambda: os.kill(process, signal.SIGCONT)


def full(cache: Cache) -> Callable[[], None]:
    cache.client.config_set("maxmemory-policy", "noeviction")
    cache.client.config_set("maxmemory", 1)
    return lambda: bool(cache.client.config_set("maxmemory", 0)) and None


def emptied(cache: Cache) -> Callable[[], None]:
    for _ in range(20):
        cache.client.flushall()
        time.sleep(0.05)
    return lambda: None


@pytest.mark.parametrize("fault", [killed, frozen, full, emptied])
def test_redis_in_trouble_under_load_is_nobody_s_error(
    gateway: Server, cache: Cache, fault: Callable[[Cache], Callable[[], None]]
) -> None:
    with Load(gateway.url, PER_S) as load:
        time.sleep(1.5)
        before = [one.seconds for one in load.asked]
        begun = time.monotonic()
        repair = fault(cache)
        try:
            time.sleep(2)
        finally:
            repair()
        ended = time.monotonic()
        time.sleep(BREAK_S + 1)
    assert not load.failed
    assert not load.wrong
    during = sorted(one.seconds for one in load.asked if begun <= one.at <= ended)
    assert len(during) > PER_S
    # A look-up, a claim, a store: each within the budget, until the breaker opens. A busy machine
    # holds single ones up, whatever Redis does.
    assert median(during) < median(before) + BUDGET_MS / 1000
    assert during[int(0.9 * len(during))] < max(before) + 4 * BUDGET_MS / 1000 + 0.5

    def hit() -> bool:
        return post(gateway.url, chat("again", photo())).headers["x-cache"] == "hit"

    wait_until("hits again", hit, 2 * BREAK_S + 3)
