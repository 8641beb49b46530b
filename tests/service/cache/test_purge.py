"""Cached answers forgotten by the administration."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest
from sqlalchemy import create_engine, select

from gateway.log.schema.privacy_tables import audit
from tests.support.asking import chat, photo, post, rows
from tests.support.servers import Server, gateway_process, wait_until
from tests.support.stub_replica import StubReplica

Start = Callable[..., str]


@pytest.fixture(params=["redis", "memory"])
def gateway(request: pytest.FixtureRequest, tmp_path: Path, stub: StubReplica) -> Iterator[Server]:
    redis_url = request.getfixturevalue("redis_url") if request.param == "redis" else ""
    environment = {"REPLICAS": stub.url, "REDIS_URL": redis_url}
    with gateway_process(tmp_path, **environment) as server:
        yield server


def purge(gateway: Server, **wanted: str) -> httpx.Response:
    return httpx.delete(f"{gateway.admin}/answers", params=wanted)


def outcomes(gateway: Server) -> list[str]:
    bodies = [chat("what?", photo(1)), chat("and?", photo(1)), chat("what?", photo(2)), chat("hi")]
    return [post(gateway.url, body).headers["x-cache"] for body in bodies]


def test_purging_a_photo_forgets_all_about_it_and_nothing_else(
    gateway: Server, tmp_path: Path
) -> None:
    assert outcomes(gateway) == ["miss"] * 4
    digest = rows(f"sqlite:///{tmp_path / 'log.db'}")[0]["image_digest"]
    assert purge(gateway, image=digest).json() == {"purged": 2}
    assert outcomes(gateway) == ["miss", "miss", "hit", "hit"]


def test_purging_a_revision_forgets_all_of_it(gateway: Server) -> None:
    outcomes(gateway)
    assert purge(gateway, revision="stub-*").json() == {"purged": 0}  # a name, not a pattern
    assert purge(gateway, revision="stub-1").json() == {"purged": 4}
    assert outcomes(gateway) == ["miss"] * 4


def test_purging_an_interaction_forgets_the_answer_it_got(gateway: Server, tmp_path: Path) -> None:
    outcomes(gateway)
    asked = post(gateway.url, chat("what?", photo(1))).headers["x-interaction-id"]
    wait_until("its row", lambda: bool(rows(f"sqlite:///{tmp_path / 'log.db'}", asked)))
    assert purge(gateway, interaction=asked).json() == {"purged": 1}
    engine = create_engine(f"sqlite:///{tmp_path / 'log.db'}")
    with engine.connect() as connection:
        (entry,) = connection.execute(select(audit)).all()
    engine.dispose()
    assert (entry.actor, entry.action) == ("internal", "answers purged")
    assert json.loads(entry.details)["purged"] == 1
    assert outcomes(gateway) == ["miss", "hit", "hit", "hit"]


@pytest.mark.parametrize(
    ("wanted", "status"),
    [
        ({}, 400),
        ({"image": "*"}, 400),
        ({"interaction": "0190a0a0-0000-7000-8000-000000000000"}, 404),
    ],
)
def test_a_purge_of_nothing_in_particular_is_refused(
    gateway: Server, wanted: dict[str, str], status: int
) -> None:
    assert purge(gateway, **wanted).status_code == status


def test_the_public_port_purges_nothing(gateway: Server) -> None:
    assert httpx.delete(f"{gateway.url}/admin/answers?revision=stub-1").status_code == 404


def test_a_purge_that_was_not_done_is_an_error(tmp_path: Path, stub: StubReplica) -> None:
    with gateway_process(tmp_path, REPLICAS=stub.url, REDIS_URL="redis://127.0.0.1:9/0") as gateway:
        answer = purge(gateway, revision="stub-1")
    assert answer.status_code == 503
    assert answer.json()["error"]["code"] == "cache_unavailable"
