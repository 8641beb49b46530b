"""Several revisions behind one gateway: who gets which, and who remembers it."""

import json
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import httpx
import pytest
import redis

from gateway.identity.callers import hash_key
from tests.support.asking import chat, photo, post, text_of
from tests.support.servers import Server, gateway_process, redis_server, wait_until
from tests.support.stub_replica import StubReplica, stub_replica

Start = Callable[..., Server]


@pytest.fixture
def old() -> Iterator[StubReplica]:
    with stub_replica("old") as replica:
        yield replica


@pytest.fixture
def new() -> Iterator[StubReplica]:
    with stub_replica("new") as replica:
        yield replica


@pytest.fixture
def start(tmp_path: Path, old: StubReplica, new: StubReplica) -> Iterator[Start]:
    with ExitStack() as stack:
        count = 0

        def begin(**settings: str) -> Server:
            nonlocal count
            count += 1
            folder = tmp_path / str(count)
            folder.mkdir()
            env = {
                "REPLICAS": f"{old.url},{new.url}",
                "PROBE_INTERVAL_S": "0.1",
                "SESSION_SECRET": "the same everywhere",
                **settings,
            }
            return stack.enter_context(gateway_process(folder, **env))

        yield begin


def admin(gateway: Server) -> str:
    return f"{gateway.admin}/weights"


def put(gateway: Server, **weights: float) -> httpx.Response:
    return httpx.put(admin(gateway), json={"weights": weights})


def weights(gateway: Server) -> dict[str, float]:
    found: dict[str, float] = httpx.get(admin(gateway)).json()["weights"]
    return found


def passed_over(gateway: Server) -> bool:
    metrics = httpx.get(f"http://127.0.0.1:{gateway.port}/metrics").text
    return "\ngateway_pool_weights_passed_over 1.0\n" in metrics


def visit(gateway: Server, number: int) -> str:
    """The revision that a new shopper's question gets."""
    return post(gateway.url, chat(f"question {number}?")).headers["x-model-revision"]


def test_callers_are_shared_out_by_weight_and_stay_where_they_are(start: Start) -> None:
    """Whatever they ask, and whatever photo they show: the same ones are shown by all of them."""
    gateway = start(REVISION_WEIGHTS="old=0.75,new=0.25")
    assert weights(gateway) == {"old": 0.75, "new": 0.25}
    seen = Counter()
    for number in range(60):
        with httpx.Client(base_url=gateway.url) as shopper:
            mine = {
                shopper.post(
                    "/v1/chat/completions", json=chat(f"{number} {again}?", shown)
                ).headers["x-model-revision"]
                for again, shown in enumerate((None, photo(1), photo(2)))
            }
        (revision,) = mine
        seen[revision] += 1
    assert 4 <= seen["new"] <= 27  # 15 expected; outside with a chance of 1 in 2,000


def test_weights_change_at_run_time_and_a_revision_of_none_is_left_out(start: Start) -> None:
    gateway = start()
    assert {visit(gateway, number) for number in range(20)} == {"old", "new"}
    answer = put(gateway, old=1)
    assert answer.status_code == 200
    assert answer.json()["version"] > 1_700_000_000_000, "the time of day in milliseconds"
    assert {visit(gateway, number) for number in range(10)} == {"old"}
    put(gateway, old=0, new=3)
    assert {visit(gateway, number) for number in range(10)} == {"new"}
    assert httpx.delete(admin(gateway)).json()["weights"] == {}
    assert {visit(gateway, 100 + number) for number in range(20)} == {"old", "new"}


@pytest.mark.parametrize("bad", [{}, {"old": 0}, {"old": -1}, {"a b": 1}, {"old": "NaN"}])
def test_weights_that_make_no_sense_are_refused(start: Start, bad: dict[str, object]) -> None:
    gateway = start()
    answer = httpx.put(admin(gateway), json={"weights": bad})
    assert answer.status_code == 400
    assert weights(gateway) == {}


def test_weights_are_not_on_the_public_port(start: Start) -> None:
    gateway = start()
    assert httpx.get(f"{gateway.url}/admin/weights").status_code == 404


def test_a_revision_that_was_rolled_back_gets_nobody_even_when_the_other_is_down(
    start: Start, old: StubReplica, new: StubReplica
) -> None:
    gateway = start(REVISION_WEIGHTS="old=1,new=0")
    known = post(gateway.url, chat("known?", photo()))
    old.ready = False
    wait_until("down", lambda: len(models(gateway)) == 1)
    refused = post(gateway.url, chat("new?", photo()))
    assert (refused.status_code, refused.json()["error"]["code"]) == (503, "no_replica")
    assert not new.calls
    assert text_of(post(gateway.url, chat("known?", photo()))) == text_of(known)


def test_weights_that_fit_no_ready_replica_do_not_silence_those_that_are_there(
    start: Start, tmp_path: Path
) -> None:
    """Such as after a promotion, once the next revision has taken its place, or mistyped ones."""
    gateway = start()
    answer = put(gateway, odl=1).json()
    assert (answer["weights"], answer["not_ready"]) == ({"odl": 1}, ["odl"])
    assert {visit(gateway, number) for number in range(20)} == {"old", "new"}
    wait_until("told", lambda: passed_over(gateway))
    lines = map(json.loads, (tmp_path / "1" / "gateway.log").read_text().splitlines())
    (line,) = [each for each in lines if each["message"] == "no ready replica has a weight"]
    assert (line["weights"], line["ready"]) == ({"odl": 1}, ["new", "old"])
    assert httpx.get(f"{gateway.url}/readyz").status_code == 200

    put(gateway, odl=1, new=0)
    assert {visit(gateway, 20 + number) for number in range(20)} == {"old"}, "0 is 0"
    answer = put(gateway, old=1).json()
    assert answer["not_ready"] == []
    assert {visit(gateway, 40 + number) for number in range(10)} == {"old"}
    wait_until("over", lambda: not passed_over(gateway))


def test_a_gateway_is_not_ready_where_whoever_is_there_has_a_weight_of_0(
    start: Start, old: StubReplica, new: StubReplica
) -> None:
    gateway = start(REVISION_WEIGHTS="old=1,new=0")
    old.ready = False
    wait_until("so", lambda: httpx.get(f"{gateway.url}/readyz").status_code == 503)
    new.ready, old.ready = False, True
    wait_until("ready", lambda: httpx.get(f"{gateway.url}/readyz").status_code == 200)


def models(gateway: Server) -> list[str]:
    data = httpx.get(f"{gateway.url}/v1/models").json()["data"]
    return [model["model_revision"] for model in data]


def test_all_gateways_share_the_weights_and_they_survive_a_redis_that_forgets(
    start: Start, redis_url: str
) -> None:
    client = redis.Redis.from_url(redis_url)
    client.delete("shopsight:weights")
    one, two = start(REDIS_URL=redis_url), start(REDIS_URL=redis_url)
    put(one, old=0.9, new=0.1)
    wait_until("the other knows", lambda: weights(two) == {"old": 0.9, "new": 0.1}, 5)
    put(two, old=1)
    wait_until("and back", lambda: weights(one) == {"old": 1}, 5)
    client.flushall()
    wait_until("written back", lambda: client.exists("shopsight:weights") == 1, 5)
    three = start(REDIS_URL=redis_url)
    assert [weights(gateway) for gateway in (one, two, three)] == [{"old": 1}] * 3


@pytest.mark.parametrize(
    "value",
    ["no json", "[]", '{"version": 9, "weights": {"old": "x"}}', '{"version": "a", "weights": {}}'],
)
def test_what_somebody_else_wrote_there_is_not_taken_for_weights(
    start: Start, redis_url: str, value: str
) -> None:
    client = redis.Redis.from_url(redis_url)
    client.set("shopsight:weights", value)
    gateway = start(REDIS_URL=redis_url, REVISION_WEIGHTS="new=1")
    assert weights(gateway) == {"new": 1}
    put(gateway, old=1)
    stored = json.loads(client.get("shopsight:weights"))
    assert stored["weights"] == {"old": 1}


def test_without_redis_weights_live_in_the_process_and_are_shared_when_it_is_back(
    start: Start, tmp_path: Path
) -> None:
    with redis_server(tmp_path) as server:
        port = int(server.url.rsplit(":", 1)[1].split("/")[0])
    one = start(REDIS_URL=f"redis://127.0.0.1:{port}/0")
    two = start(REDIS_URL=f"redis://127.0.0.1:{port}/0")
    begun = time.monotonic()
    assert put(one, new=1).json()["weights"] == {"new": 1}
    assert time.monotonic() - begun < 3
    assert {visit(one, number) for number in range(5)} == {"new"}
    assert weights(two) == {}
    with redis_server(tmp_path, port):
        wait_until("shared", lambda: weights(two) == {"new": 1}, 10)


def test_the_user_of_a_question_stays_whatever_browser_or_key_it_comes_with(
    start: Start, tmp_path: Path
) -> None:
    keys = f"shop {hash_key('one')}\nshop {hash_key('two')}"
    gateway = start(API_KEYS=keys)

    def revision(user: str | None, **headers: str) -> str:
        return post(gateway.url, chat("what?", user=user), **headers).headers["x-model-revision"]

    first, second = ({"authorization": f"Bearer {key}"} for key in ("one", "two"))
    by_user = {f"user-{n}": revision(f"user-{n}", **first) for n in range(24)}
    assert set(by_user.values()) == {"old", "new"}, "a tenant's users are shared out"
    assert {user: revision(user, **second) for user in by_user} == by_user
    # Without a key, each request here comes with a new session.
    by_user = {f"user-{n}": revision(f"user-{n}") for n in range(24)}
    assert set(by_user.values()) == {"old", "new"}
    assert {user: revision(user) for user in by_user} == by_user
