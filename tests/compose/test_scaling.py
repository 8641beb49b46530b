"""Gateways and replicas come, go and start again while shoppers ask, and no question fails."""

import json
import re
import time
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from tests.compose.conftest import Stack, docker
from tests.compose.shoppers import Shoppers
from tests.support.servers import wait_until

pytestmark = pytest.mark.timeout(1800)


@pytest.fixture(autouse=True)
def as_before(stack: Stack) -> Iterator[None]:
    yield
    for service in ("gateway", "inference"):
        stack.scale(service, 2)
    wait_until("the replicas", lambda: stack.replicas_ready() == {2}, 60)


def gateways_that_answer(stack: Stack, since: str) -> set[str]:
    logged = docker("logs", "--since", since, f"{stack.project}-nginx-1").splitlines()
    requests = [json.loads(line) for line in logged if line.startswith("{")]
    # Of several that nginx tried the last one answered: ` : ` stands before what @again has tried.
    tried = [re.split(" : |, ", request["gateway"]) for request in requests if request["gateway"]]
    asked = [gateways[-1] for gateways in tried]
    return {gateway for gateway in asked if gateway != "-"}


def lost(stack: Stack, shoppers: Shoppers) -> int:
    """Answers that came and have no row, or more than one, once all spools are empty."""

    def empty() -> bool:
        told = stack.run("worker", "shopsight", "log", "status").splitlines()
        return all("  0 waiting" in line for line in told if line.endswith("waiting"))

    wait_until("the spools", empty, 60)
    ids = ", ".join(f"'{each}'" for each in shoppers.request_ids)
    query = (
        f"SELECT COUNT(*), COUNT(DISTINCT request_id) FROM interactions WHERE request_id IN ({ids})"
    )
    rows, different = map(int, stack.sql(query).split())
    asked = len(shoppers.request_ids)
    return max(asked - different, rows - different)


def test_gateways_and_replicas_come_and_go_under_load(stack: Stack) -> None:
    def answer() -> set[str]:
        return gateways_that_answer(stack, since)

    with Shoppers(stack.url, 4) as shoppers:
        wait_until("questions", lambda: len(shoppers.ended) > 20, 60)
        stack.scale("gateway", 4)
        since = datetime.now(UTC).isoformat()
        wait_until("four gateways", lambda: len(answer()) == 4, 60)
        stack.scale("inference", 3)
        wait_until("three replicas", lambda: stack.replicas_ready() == {3}, 60)
        stack.scale("gateway", 1)
        time.sleep(1)
        since = datetime.now(UTC).isoformat()
        before = len(shoppers.ended)
        wait_until("more questions", lambda: len(shoppers.ended) > before + 40, 60)
        assert len(answer()) == 1, answer()
        stack.scale("inference", 2)
    assert not shoppers.failed, shoppers.told
    assert lost(stack, shoppers) == 0


def test_each_container_is_started_again_without_a_failed_question(stack: Stack) -> None:
    """But nginx, through which all questions come, and MySQL, of which test_compose tells."""
    services = ("gateway", "inference", "redis", "worker", "batch")
    with Shoppers(stack.url, 3) as shoppers:
        for name in [found["Name"].strip("/") for found in stack.containers(*services)]:
            docker("restart", name)
            health = ("inspect", "--format", "{{.State.Health.Status}}", name)
            wait_until(name, lambda health=health: docker(*health) == "healthy", 240)
            wait_until("the gateways", lambda: stack.replicas_ready() == {2}, 60)
    assert not shoppers.failed, shoppers.told
    assert len(shoppers.ended) > 100
    assert lost(stack, shoppers) == 0
