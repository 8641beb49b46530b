"""Replicas are killed: an alert fires, comes to the receiver by webhook and by mail, and ends."""

from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from gateway.cli.embedded import free_port
from tests.support.monitoring import alert_receiver, alertmanager_server, prometheus_server
from tests.support.servers import gateway_process, wait_until
from tests.support.stub_process import stub_process


@pytest.mark.long
def test_killed_replicas_are_told_of_and_so_is_their_return(tmp_path: Path) -> None:
    ports = free_port(), free_port()
    replicas = ",".join(f"http://127.0.0.1:{port}" for port in ports)
    with ExitStack() as stack:
        stubs = [stack.enter_context(stub_process(tmp_path, port)) for port in ports]
        settings = {"REPLICAS": replicas, "PROBE_INTERVAL_S": "0.2"}
        gateway = stack.enter_context(gateway_process(tmp_path, **settings))
        receiver = stack.enter_context(alert_receiver(tmp_path))
        alertmanager = stack.enter_context(
            alertmanager_server(tmp_path, receiver.webhook_port, receiver.mail_port)
        )
        targets = {"gateway": [f"127.0.0.1:{gateway.port}"]}
        prometheus = stack.enter_context(
            prometheus_server(tmp_path / "prometheus", targets, [alertmanager])
        )
        wait_until("a scrape", lambda: ready(prometheus) == 2)

        def told(way: str, status: str) -> list[dict[str, Any]]:
            return [each for each in receiver.told() if told_of(each, way, status)]

        assert "NoReplicaReady" not in prometheus.firing()
        for stub in stubs:
            stub.process.kill()
        wait_until("the alert by webhook", lambda: bool(told("webhook", "firing")))
        wait_until("the alert by mail", lambda: bool(told("mail", "FIRING")))
        assert "NoReplicaReady" in prometheus.firing()
        (alert,) = told("webhook", "firing")
        assert alert["labels"]["severity"] == "page"
        assert alert["annotations"]["runbook_url"] == "docs/operations.md#noreplicaready"
        assert not told("webhook", "resolved")

        for port in ports:
            stack.enter_context(stub_process(tmp_path, port))
        wait_until("its end by webhook", lambda: bool(told("webhook", "resolved")))
        wait_until("its end by mail", lambda: bool(told("mail", "RESOLVED")))
        assert "NoReplicaReady" not in prometheus.firing()


def ready(prometheus: Any) -> int:
    found = prometheus.ask("shopsight:replicas_ready:max")
    return int(found[0]["value"][1]) if found else 0


def told_of(notice: dict[str, Any], way: str, status: str) -> bool:
    if notice["by"] != way:
        return False
    if way == "mail":
        return status in notice["subject"] and "NoReplicaReady" in notice["subject"]
    return notice["status"] == status and notice["labels"]["alertname"] == "NoReplicaReady"
