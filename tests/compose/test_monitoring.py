"""The profile `monitoring` beside the stack: metrics come together, an alert is told and ends, and
alerts scale. Prometheus and Alertmanager are real ones. Grafana's image may be a stand-in."""

import json
import os
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote

import httpx
import pytest

from tests.compose.conftest import Stack, docker
from tests.compose.shoppers import Shoppers
from tests.support.asking import chat, photo, post, text_of
from tests.support.servers import wait_until

pytestmark = pytest.mark.timeout(1800)

SERVICES = ("prometheus", "alertmanager", "alert-receiver", "grafana")
SERVICES += ("redis-exporter", "mysqld-exporter")
PROFILE = ("--profile", "monitoring")
AUTOSCALE = ("-f", "docker-compose.yml", "-f", "docker-compose.autoscale.yml", *PROFILE)
SOCKET = "/var/run/docker.sock"


@pytest.fixture(scope="module", autouse=True)
def monitored(stack: Stack) -> Iterator[None]:
    up = ("up", "--detach", "--no-build", "--no-deps", "--no-recreate", "--wait")
    stack.compose(*PROFILE, *up, *SERVICES)
    yield
    stack.compose(*PROFILE, "rm", "--force", "--stop", *SERVICES)


def ask(stack: Stack, query: str) -> list[dict[str, Any]]:
    """Prometheus is in networks that nobody outside reaches."""
    url = f"http://127.0.0.1:9090/api/v1/query?query={quote(query)}"
    answer = json.loads(stack.run("prometheus", "wget", "-qO-", url))
    found: list[dict[str, Any]] = answer["data"]["result"]
    return found


def told(stack: Stack, alert: str) -> set[tuple[str, str]]:
    """Ways and states of an alert that came to the sample receiver."""
    logged = docker("logs", f"{stack.project}-alert-receiver-1").splitlines()
    found = set()
    for notice in (json.loads(line) for line in logged if line.startswith("{")):
        if notice["by"] == "mail" and alert in notice["subject"]:
            found.add(("mail", "resolved" if "RESOLVED" in notice["subject"] else "firing"))
        elif notice["by"] == "webhook" and notice["labels"]["alertname"] == alert:
            found.add(("webhook", notice["status"]))
    return found


def test_every_part_is_scraped(stack: Stack) -> None:
    parts = {"gateway": 2, "inference": 2, "worker": 1, "batch": 1, "redis": 1, "mysql": 1}
    parts |= {"alertmanager": 1, "prometheus": 1}

    def up() -> dict[str, int]:
        found = ask(stack, "sum by (job) (up)")
        return {series["metric"]["job"]: int(series["value"][1]) for series in found}

    wait_until("all of them", lambda: up() == parts, 60)
    for exporter in ("redis_up", "mysql_up"):
        wait_until(exporter, lambda of=exporter: bool(ask(stack, f"{of} == 1")), 60)


def test_a_question_is_in_prometheus(stack: Stack) -> None:
    assert text_of(post(stack.url, chat("Is it counted?", photo(77), max_tokens=4)))
    counted = 'sum(gateway_requests_total{outcome="answered"}) > 0'
    wait_until("the gateways' count", lambda: bool(ask(stack, counted)), 60)
    wait_until("the replicas'", lambda: bool(ask(stack, "sum(inference_tokens_total) > 0")), 60)
    wait_until("a rule", lambda: bool(ask(stack, "shopsight:replicas_ready:max == 2")), 60)


def test_killed_replicas_are_told_of_and_so_is_their_return(stack: Stack) -> None:
    replicas = [found["Name"].strip("/") for found in stack.containers("inference")]
    assert told(stack, "NoReplicaReady") == set()
    docker("kill", *replicas)
    fired = {("webhook", "firing"), ("mail", "firing")}
    try:
        # 10 s each to scrape and to evaluate, 30 s as the rule says, 10 s for what comes together.
        wait_until("the alert", lambda: told(stack, "NoReplicaReady") == fired, 180)
    finally:
        docker("start", *replicas)
    ended = {("webhook", "resolved"), ("mail", "resolved")}
    wait_until("its end", lambda: told(stack, "NoReplicaReady") == fired | ended, 240)


@pytest.fixture
def autoscaled(stack: Stack) -> Iterator[None]:
    stack.environment |= {
        "DOCKER_GROUP": str(os.stat(SOCKET).st_gid),
        "AUTOSCALE_MAX": "3",
        "AUTOSCALE_OUT_COOLDOWN_S": "5",
        "AUTOSCALE_IN_COOLDOWN_S": "5",
    }
    up = ("up", "--detach", "--no-build", "--no-deps", "--no-recreate", "--wait")
    stack.compose(*AUTOSCALE, *up, "autoscaler")
    yield
    stack.compose(*AUTOSCALE, "rm", "--force", "--stop", "autoscaler")
    stack.scale("inference", 2)
    wait_until("two replicas", lambda: stack.replicas_ready() == {2}, 60)


def give(stack: Stack, direction: str, *, ended: bool = False) -> None:
    """An alert to Alertmanager, as Prometheus gives it, whose rules look at ten minutes and are
    tried by promtool."""
    ends = datetime.now(UTC) + timedelta(minutes=-1 if ended else 10)
    starts = datetime.now(UTC) - timedelta(minutes=2)
    alert = {
        "labels": {"alertname": f"By hand: {direction}", "scale": direction},
        "startsAt": starts.isoformat(),
        "endsAt": ends.isoformat(),
    }
    url = f"http://127.0.0.1:{stack.environment['ALERTMANAGER_PORT']}/api/v2/alerts"
    httpx.post(url, json=[alert]).raise_for_status()


def test_alerts_scale_replicas_out_and_in_and_no_question_fails(
    stack: Stack, autoscaled: None
) -> None:
    with Shoppers(stack.url, 2) as shoppers:
        give(stack, "out")
        wait_until("three replicas", lambda: stack.replicas_ready() == {3}, 300)
        give(stack, "out", ended=True)
        there = {found["Name"]: found for found in stack.containers("inference")}
        first, third = (there[f"/{stack.project}-inference-{number}"] for number in (1, 3))
        for what in ("CapDrop", "Memory", "NanoCpus", "ReadonlyRootfs", "PidsLimit", "Tmpfs"):
            assert third["HostConfig"][what] == first["HostConfig"][what], what
        assert third["Config"]["User"] == first["Config"]["User"]
        assert third["Image"] == first["Image"]
        give(stack, "in")
        wait_until("two replicas", lambda: stack.replicas_ready() == {2}, 240)
        wait_until("it is gone", lambda: len(stack.containers("inference")) == 2, 90)
    assert not shoppers.failed
    assert len(shoppers.request_ids) > 50
    decided = 'autoscaler_decisions_total{action!="hold"}'
    wait_until("its metrics", lambda: len(ask(stack, decided)) == 2, 60)
