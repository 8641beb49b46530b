"""Alerts in a real Alertmanager scale a service, whose engine is a socket of ours."""

import json
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from gateway.cli.embedded import free_port
from ops.autoscaling.compose_service import ComposeService
from ops.autoscaling.docker import Docker, EngineFailed
from ops.autoscaling.policy import Fleet
from ops.autoscaling.settings import AutoscalingSettings
from ops.autoscaling.swarm_service import SwarmService
from tests.support.docker_api import FakeEngine, container, docker_socket
from tests.support.monitoring import alertmanager_server, answers
from tests.support.servers import running, wait_until


@pytest.fixture
def engine() -> FakeEngine:
    return FakeEngine()


@pytest.fixture
def socket(engine: FakeEngine) -> Iterator[Path]:
    with TemporaryDirectory() as folder, docker_socket(Path(folder) / "docker.sock", engine) as at:
        yield at


@dataclass
class Autoscaler:
    metrics_url: str
    log: Path

    def counted(self, name: str, **labels: str) -> float:
        families = text_string_to_metric_families(httpx.get(self.metrics_url).text)
        found = [sample for family in families for sample in family.samples if sample.name == name]
        return sum(each.value for each in found if labels.items() <= each.labels.items())

    def lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.log.read_text().splitlines()]


@contextmanager
def autoscaler(
    folder: Path, alertmanager: str, socket: Path, **settings: str
) -> Iterator[Autoscaler]:
    port = free_port()
    environment = {
        "ALERTMANAGER_URL": f"http://{alertmanager}",
        "DOCKER_SOCKET": str(socket),
        "AUTOSCALE_ENGINE": "swarm",
        "AUTOSCALE_PROJECT": "shop",
        "AUTOSCALE_OUT_COOLDOWN_S": "0.3",
        "AUTOSCALE_IN_COOLDOWN_S": "0.3",
        "AUTOSCALE_INTERVAL_S": "0.1",
        "AUTOSCALE_HOST": "127.0.0.1",
        "AUTOSCALE_PORT": str(port),
        **settings,
    }
    log = folder / "autoscaler.log"
    with running([sys.executable, "-m", "ops.autoscaling"], log, **environment):
        url = f"http://127.0.0.1:{port}/metrics"
        wait_until("the autoscaler", lambda: answers(url))
        yield Autoscaler(url, log)


@pytest.fixture
def alertmanager(tmp_path: Path) -> Iterator[str]:
    with alertmanager_server(tmp_path, free_port(), free_port()) as address:
        yield address


def fire(alertmanager: str, direction: str, *, ended: bool = False) -> None:
    """As Prometheus tells of an alert, and of its end."""
    now = datetime.now(UTC)
    ends = now - timedelta(seconds=1) if ended else now + timedelta(minutes=4)
    alert = {
        "labels": {"alertname": f"Replicas-{direction}", "scale": direction},
        "startsAt": (now - timedelta(minutes=1)).isoformat(),
        "endsAt": ends.isoformat(),
    }
    httpx.post(f"http://{alertmanager}/api/v2/alerts", json=[alert]).raise_for_status()


def test_alerts_scale_out_to_the_maximum_and_in_to_the_minimum(
    tmp_path: Path, alertmanager: str, engine: FakeEngine, socket: Path
) -> None:
    with autoscaler(tmp_path, alertmanager, socket) as scaler:
        wait_until("a round", lambda: scaler.counted("autoscaler_decisions_total") > 2)
        assert engine.replicas == 2
        fire(alertmanager, "out")
        wait_until("four", lambda: engine.replicas == 4)
        at_maximum = {"action": "hold", "reason": "maximum"}
        wait_until("rest", lambda: scaler.counted("autoscaler_decisions_total", **at_maximum) > 3)
        assert engine.replicas == 4
        fire(alertmanager, "out", ended=True)
        quiet = scaler.counted("autoscaler_decisions_total", reason="quiet")
        wait_until(
            "quiet",
            lambda: scaler.counted("autoscaler_decisions_total", reason="quiet") > quiet + 3,
        )
        assert engine.replicas == 4, "silence takes nothing away"
        fire(alertmanager, "in")
        wait_until("two", lambda: engine.replicas == 2)
        at_minimum = {"action": "hold", "reason": "minimum"}
        wait_until("rest", lambda: scaler.counted("autoscaler_decisions_total", **at_minimum) > 3)
        assert engine.replicas == 2
        assert scaler.counted("autoscaler_decisions_total", action="out") == 2
        assert scaler.counted("autoscaler_decisions_total", action="in") == 2
        assert scaler.counted("autoscaler_replicas", state="ready") == 2
        specs = [body for _, _, body in engine.said]
        images = {spec["TaskTemplate"]["ContainerSpec"]["Image"] for spec in specs}
        assert images == {"shopsight/inference:v1"}, "the rest of the service is as it was"
    told = [(line["action"], line["replicas"], line["target"]) for line in scaler.lines()
            if line["message"] == "autoscaling" and line["action"] != "hold"]  # fmt: skip
    assert told == [("out", 2, 3), ("out", 3, 4), ("in", 4, 3), ("in", 3, 2)]
    assert len(scaler.lines()) < 20, "rounds that change nothing are no lines"


def test_a_dry_run_says_what_it_would_do_and_does_nothing(
    tmp_path: Path, alertmanager: str, engine: FakeEngine, socket: Path
) -> None:
    fire(alertmanager, "out")
    with autoscaler(tmp_path, alertmanager, socket, AUTOSCALE_DRY_RUN="true") as scaler:
        would = {"action": "out", "reason": "waiting", "dry_run": "true"}
        wait_until("a try", lambda: scaler.counted("autoscaler_decisions_total", **would) > 1)
        assert engine.said == []


def test_a_silence_pauses_it(
    tmp_path: Path, alertmanager: str, engine: FakeEngine, socket: Path
) -> None:
    now = datetime.now(UTC)
    silence = {
        "matchers": [{"name": "scale", "value": ".+", "isRegex": True}],
        "startsAt": now.isoformat(),
        "endsAt": (now + timedelta(hours=1)).isoformat(),
        "createdBy": "ops",
        "comment": "a sale",
    }
    fire(alertmanager, "out")
    httpx.post(f"http://{alertmanager}/api/v2/silences", json=silence).raise_for_status()
    ours = {"filter": 'scale="out"', "silenced": "false"}
    url = f"http://{alertmanager}/api/v2/alerts"
    wait_until("the silence", lambda: httpx.get(url, params=ours).json() == [])
    with autoscaler(tmp_path, alertmanager, socket) as scaler:
        wait_until("rounds", lambda: scaler.counted("autoscaler_decisions_total") > 8)
        assert scaler.counted("autoscaler_decisions_total", reason="quiet") > 8
        assert engine.said == []


def test_without_alertmanager_or_engine_it_stands_still_and_says_so(
    tmp_path: Path, engine: FakeEngine, socket: Path
) -> None:
    with alertmanager_server(tmp_path, free_port(), free_port()) as address:
        fire(address, "out")
        with autoscaler(tmp_path, address, socket, AUTOSCALE_MAX="9") as scaler:
            wait_until("a change", lambda: engine.replicas == 3)
            engine.answer = lambda *_: (503, {"message": "swarm has no leader"})  # type: ignore[method-assign]
            of_engine = {"whose": "engine"}
            wait_until("it", lambda: scaler.counted("autoscaler_failures_total", **of_engine) > 3)
    with autoscaler(tmp_path, address, socket) as scaler:  # whose port nobody has any more
        of_alerts = {"whose": "alerts"}
        wait_until("it", lambda: scaler.counted("autoscaler_failures_total", **of_alerts) > 3)
        assert scaler.counted("autoscaler_decisions_total") == 0
    warnings = [line for line in scaler.lines() if line["level"] == "warning"]
    assert [each.keys() & {"alerts", "engine"} for each in warnings] == [{"engine"}, {"alerts"}]
    assert "swarm has no leader" in warnings[0]["engine"]
    assert "ConnectError" in warnings[1]["alerts"]


def test_a_service_of_swarm_is_known_by_its_whole_name(engine: FakeEngine, socket: Path) -> None:
    docker = Docker(socket)
    engine.ready, engine.replicas = 1, 3
    assert SwarmService(docker, "shop_inference").fleet() == Fleet(3, 1)
    engine.update_state = "updating"
    assert SwarmService(docker, "shop_inference").fleet().updating
    with pytest.raises(EngineFailed, match="no replicated service shop"):
        SwarmService(docker, "shop").fleet()


def test_who_changes_the_service_meanwhile_wins(engine: FakeEngine, socket: Path) -> None:
    service = SwarmService(Docker(socket), "shop_inference")
    given = engine.answer

    def changed_in_between(method: str, url: str, body: Any) -> tuple[int, Any]:
        told = given(method, url, body)
        engine.version += 1
        return told

    engine.answer = changed_in_between  # type: ignore[method-assign]
    with pytest.raises(EngineFailed, match="out of sequence"):
        service.scale(3)
    assert engine.replicas == 2


def test_a_replica_of_compose_is_made_as_its_siblings_are(engine: FakeEngine, socket: Path) -> None:
    service = ComposeService(Docker(socket), "shop", "inference")
    assert service.fleet() == Fleet(2, 2)
    service.scale(3)
    _, path, body = engine.said[0]
    assert path == "/containers/create"
    sibling = container(1)
    assert "Hostname" not in body
    assert body["Image"] == "sha256:abc", "a tag may be another image by now"
    assert body["Env"] == sibling["Config"]["Env"]
    assert body["HostConfig"] == sibling["HostConfig"]
    assert body["Labels"]["com.docker.compose.container-number"] == "3"
    (place,) = body["NetworkingConfig"]["EndpointsConfig"].values()
    assert place == {"Aliases": ["inference"]}
    assert engine.said[1][1].endswith("/start")
    assert service.fleet() == Fleet(3, 3)


def test_the_highest_number_of_compose_is_stopped_before_it_is_removed(
    engine: FakeEngine, socket: Path
) -> None:
    ComposeService(Docker(socket), "shop", "inference").scale(1)
    second = f"/containers/{container(2)['Id']}"
    assert [(how, path) for how, path, _ in engine.said] == [
        ("POST", f"{second}/stop"),
        ("DELETE", second),
    ]


def test_a_replica_has_the_time_that_it_was_given_to_finish_its_answers(
    engine: FakeEngine, socket: Path
) -> None:
    """The engine answers once it has stopped. An ordinary call is not waited for as long."""
    given = engine.answer

    def answered_late(method: str, url: str, body: Any) -> tuple[int, Any]:
        if "/stop" in url:
            time.sleep(0.6)
        return given(method, url, body)

    engine.answer = answered_late  # type: ignore[method-assign]
    ComposeService(Docker(socket, timeout_s=0.2), "shop", "inference").scale(1)
    assert [how for how, _, _ in engine.said] == ["POST", "DELETE"]


def test_bounds_that_cross_end_the_start() -> None:
    with pytest.raises(ValueError, match="AUTOSCALE_MIN"):
        AutoscalingSettings(autoscale_min=5, autoscale_max=4)


def test_a_stopped_container_is_no_replica_and_keeps_its_number(
    engine: FakeEngine, socket: Path
) -> None:
    engine.containers[container(2)["Id"]]["State"] = {"Running": False}
    service = ComposeService(Docker(socket), "shop", "inference")
    assert service.fleet() == Fleet(1, 1)
    service.scale(2)
    assert container(3)["Id"] in engine.containers


def test_a_replica_that_starts_is_not_ready(engine: FakeEngine, socket: Path) -> None:
    engine.containers[container(2)["Id"]]["State"]["Health"]["Status"] = "starting"
    assert ComposeService(Docker(socket), "shop", "inference").fleet() == Fleet(2, 1)


def test_a_replica_with_a_gpu_is_not_copied(engine: FakeEngine, socket: Path) -> None:
    for number in (1, 2):
        gpu = container(number, DeviceRequests=[{"Driver": "nvidia", "Count": 1}])
        engine.containers[gpu["Id"]] = gpu
    with pytest.raises(EngineFailed, match="device"):
        ComposeService(Docker(socket), "shop", "inference").scale(3)
    assert engine.said == []


def test_a_copy_that_cannot_be_started_leaves_nothing_behind(
    engine: FakeEngine, socket: Path
) -> None:
    given = engine.answer

    def no_start(method: str, url: str, body: Any) -> tuple[int, Any]:
        if url.endswith("/start"):
            return 500, {"message": "port is already allocated"}
        return given(method, url, body)

    engine.answer = no_start  # type: ignore[method-assign]
    for _ in range(2):
        with pytest.raises(EngineFailed, match="already allocated"):
            ComposeService(Docker(socket), "shop", "inference").scale(3)
        assert list(engine.containers) == [container(1)["Id"], container(2)["Id"]]


def test_a_copy_that_started_after_all_stays(engine: FakeEngine, socket: Path) -> None:
    """The engine refuses to remove what runs. The first error is the one that is told."""
    given = engine.answer

    def late(method: str, url: str, body: Any) -> tuple[int, Any]:
        if url.endswith("/start"):
            return 504, {"message": "too late"}
        if method == "DELETE":
            return 409, {"message": "it is running"}
        return given(method, url, body)

    engine.answer = late  # type: ignore[method-assign]
    with pytest.raises(EngineFailed, match="too late"):
        ComposeService(Docker(socket), "shop", "inference").scale(3)
    assert container(3)["Id"] in engine.containers
