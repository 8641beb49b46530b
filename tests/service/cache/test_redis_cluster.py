"""The answer cache, leases, limits and weights in a Redis Cluster, which refuses commands and
scripts whose keys have different slots, and whose nodes each know a part of the names."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import redis
from redis.crc import key_slot

from contract.response import Delta, Finished
from gateway.cache.answers import AnswerCache, answer_name
from gateway.cache.key import AnswerKey
from gateway.cache.lease import Leases
from gateway.cache.redis import RedisClient, RedisStore
from gateway.cache.retries import RedisRetryStore
from gateway.cache.shared import SharedAnswers
from gateway.limits.ledger import RedisLedger
from gateway.limits.share import Ask
from gateway.log.given_answers import GivenAnswer
from gateway.pool.weights import Weights
from tests.support.asking import chat, photo, post, text_of
from tests.support.redis_servers import Cluster, redis_cluster
from tests.support.stub_replica import StubReplica

Start = Callable[..., str]
# No test here is about it, and a busy machine has held up a node for a second.
BUDGET_MS = 20_000
# So many that each of three nodes has some.
KEYS = [AnswerKey("n", "r{1}", "p", f"photo{n % 2}", f"q{n}", (), ()) for n in range(24)]


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    with redis_cluster(tmp_path_factory.mktemp("cluster")) as cluster:
        yield cluster


@pytest.fixture
def cluster(running: Cluster) -> Cluster:
    """An empty one for each test."""
    for node in running.nodes:
        with redis.Redis.from_url(node.url) as client:
            client.flushall()
    return running


@pytest.fixture
async def client(cluster: Cluster) -> AsyncIterator[RedisClient]:
    made = RedisClient(cluster.url, BUDGET_MS)
    yield made
    await made.close()


def test_gateways_share_answers_and_computations(
    start_gateway: Start, stub: StubReplica, cluster: Cluster
) -> None:
    urls = [start_gateway(replicas=stub.url, redis_url=cluster.url) for _ in range(2)]
    stub.delay_s = 0.1
    with ThreadPoolExecutor(8) as threads:
        for question in ("what?", "of what?", "for whom?", "how old?"):
            stub.calls.clear()
            asked = [
                threads.submit(post, urls[n % 2], chat(question, photo(), stream=n % 4 == 0))
                for n in range(8)
            ]
            texts = {text_of(one.result()) for one in asked}
            assert (len(texts), len(stub.calls)) == (1, 1)
            assert post(urls[1], chat(question, photo())).headers["x-cache"] == "hit"


async def test_every_script_of_a_lease_is_accepted_for_any_key(client: RedisClient) -> None:
    leases = Leases(client)
    for key in KEYS:
        claim = await leases.claim(key.digest, answer_name(key), True)
        assert claim.state == "leading"
        assert (await leases.claim(key.digest, answer_name(key), True)).state == "following"
        await leases.publish(
            key.digest, claim.token, [Delta("荔"), Finished("stop")], before=0, end=False
        )
        pieces, _, alive = await leases.read(key.digest, claim.token, "0")
        assert (len(pieces), alive) == (2, True)
        assert not await leases.release_unless_followed(key.digest, claim.token)
        await leases.withhold(key.digest, claim.token)
        assert (await leases.claim(key.digest, answer_name(key), True)).state == "alone"


async def test_deletions_reach_all_nodes(cluster: Cluster, client: RedisClient) -> None:
    shared = SharedAnswers(AnswerCache(RedisStore(client), 60, 60), Leases(client), client)
    for key in KEYS:
        await shared.answers.put(key, Delta("荔枝"), Finished("stop"), "1")
        await Leases(client).publish(key.digest, "t", [Delta("荔")], before=0, end=False)
    used = {key_slot(answer_name(key).encode()) * len(cluster.nodes) // 16_384 for key in KEYS}
    assert len(used) == len(cluster.nodes)
    assert len(cluster.names()) == 2 * len(KEYS)
    assert await shared.answers.purge(image="photo0", revision="r{1}") == len(KEYS) // 2
    given = [GivenAnswer(key.revision, key.image, key.digest) for key in KEYS]
    assert await shared.delete(given) == len(KEYS) // 2
    assert cluster.names() == []


async def test_what_an_older_version_left_on_any_node_is_deleted(
    cluster: Cluster, client: RedisClient
) -> None:
    old = [f"shopsight:answer2:rev:{'d' * 64}:{n:064}" for n in range(12)]
    old += [f"shopsight:flight2:{n:064}:{'f' * 32}" for n in range(12)]
    await asyncio.gather(*(client.call("SET", name, "canary") for name in [*old, "shopsight:w"]))
    shared = SharedAnswers(AnswerCache(RedisStore(client), 60, 60), Leases(client), client)
    deleting = asyncio.create_task(shared.delete_old_forms())
    async with asyncio.timeout(10):
        while len(cluster.names()) > 1:  # noqa: ASYNC110 - of servers, which tell nobody
            await asyncio.sleep(0.02)
    deleting.cancel()
    assert cluster.names() == [b"shopsight:w"]


async def test_limits_retries_and_weights_are_shared(cluster: Cluster, client: RedisClient) -> None:
    ledger = RedisLedger(client)
    ask = Ask("tenant x", rate=1, burst=10, want=8, debt=0)
    assert [(await ledger.lease(ask)).amount for _ in range(2)] == [8, 2]
    assert [await ledger.count_gateways(name) for name in "ab"] == [1, 2]
    store = RedisRetryStore(client)
    begun = b"%d:mark:0token" % (time.time() + 60)
    assert await store.begin("caller", "field", begun) == b""
    assert await store.begin("caller", "field", b"another") == begun
    one, two = Weights({}, cluster.url), Weights({}, cluster.url)
    await one.start()
    await one.change({"new": 1.0})
    await two.start()
    async with asyncio.timeout(10):
        while two.in_force != {"new": 1.0}:  # noqa: ASYNC110 - of servers, which tell nobody
            await asyncio.sleep(0.02)
    await one.close()
    await two.close()


def test_slots_that_move_are_followed(
    start_gateway: Start, stub: StubReplica, cluster: Cluster
) -> None:
    gateway = start_gateway(replicas=stub.url, redis_url=cluster.url)
    post(gateway, chat("what?", photo()))
    (name,) = cluster.names("shopsight:answer*")
    slot = key_slot(name)
    was = slot * len(cluster.nodes) // 16_384
    now = (was + 1) % len(cluster.nodes)
    try:
        cluster.move(slot, was, now)
        again = post(gateway, chat("what?", photo()))
        assert again.headers["x-cache"] == "hit"
    finally:
        cluster.move(slot, now, was)


async def test_slots_of_a_dead_node_are_found_at_another(tmp_path: Path) -> None:
    with redis_cluster(tmp_path) as cluster:
        client = RedisClient(cluster.url, 2000)
        names = [answer_name(key) for key in KEYS]
        for name in names:
            await client.call("SET", name, b"1")
        cluster.lose(0, taking=1)
        store = RedisStore(client)
        async with asyncio.timeout(10):
            for name in names:
                while await store.get(name) != b"2":
                    await store.put(name, b"2", 60)
                    await asyncio.sleep(0.02)
        await client.close()
