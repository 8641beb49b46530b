"""Real Prometheus, Alertmanager, exporters and the sample receiver, with the configuration that
compose mounts, hurried: what takes seconds there takes one here."""

import json
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import yaml

from gateway.cli.embedded import free_port
from tests.support import ROOT
from tests.support.servers import program, running, wait_until

MONITORING = ROOT / "monitoring"
RULES = MONITORING / "prometheus" / "rules"
RUNBOOK = ROOT / "docs" / "operations.md"

Targets = Mapping[str, Sequence[str]]
"""Addresses (host:port) of each job of prometheus.yml, in the place of names that DNS knows."""


def alerts() -> dict[str, dict[str, Any]]:
    """Every alert rule by its name."""
    groups = yaml.safe_load((RULES / "alerts.yml").read_text())["groups"]
    return {rule["alert"]: rule for group in groups for rule in group["rules"]}


@dataclass
class Prometheus:
    url: str

    def ask(self, query: str) -> list[dict[str, Any]]:
        """The series of an instant query. Raises for one that Prometheus does not understand."""
        answer = httpx.get(f"{self.url}/api/v1/query", params={"query": query}).json()
        assert answer["status"] == "success", answer
        found: list[dict[str, Any]] = answer["data"]["result"]
        return found

    def metrics(self) -> set[str]:
        """The names of all metrics that it has ever seen."""
        answer = httpx.get(f"{self.url}/api/v1/label/__name__/values").json()
        return set(answer["data"])

    def firing(self) -> set[str]:
        found = self.ask('ALERTS{alertstate="firing"}')
        return {series["metric"]["alertname"] for series in found}


@contextmanager
def prometheus_server(
    folder: Path,
    targets: Targets,
    alertmanagers: Sequence[str] = (),
    probed: Mapping[str, str] | None = None,
) -> Iterator[Prometheus]:
    """With the rules of compose, evaluated each second, and `for:` a second at most. `probed`: what
    is asked in the place of nginx's addresses."""
    folder.mkdir(parents=True, exist_ok=True)
    port = free_port()
    text = (MONITORING / "prometheus" / "prometheus.yml").read_text()
    for ours, here in (probed or {}).items():
        assert ours in text
        text = text.replace(ours, here)
    config = yaml.safe_load(text)
    config["global"] = {"scrape_interval": "1s", "evaluation_interval": "1s"}
    rules = folder / "rules"
    rules.mkdir()
    for file in RULES.iterdir():
        hurried = re.sub(r"^(\s+for): \w+$", r"\1: 1s", file.read_text(), flags=re.MULTILINE)
        (rules / file.name).write_text(hurried)
    config["rule_files"] = [f"{rules}/*.yml"]
    config["alerting"] = {"alertmanagers": [{"static_configs": [{"targets": [*alertmanagers]}]}]}
    unknown = targets.keys() - {job["job_name"] for job in config["scrape_configs"]}
    assert not unknown, f"prometheus.yml has no job {unknown}"
    for job in config["scrape_configs"]:
        job.pop("dns_sd_configs", None)
        job.pop("scrape_interval", None)
        job["static_configs"] = [{"targets": [*targets.get(job["job_name"], ())]}]
    file = folder / "prometheus.yml"
    file.write_text(yaml.safe_dump(config))
    command = [program("prometheus"), f"--config.file={file}"]
    command += [f"--storage.tsdb.path={folder / 'data'}", f"--web.listen-address=127.0.0.1:{port}"]
    log = folder / "prometheus.log"
    with running(command, log):
        url = f"http://127.0.0.1:{port}"
        wait_until("Prometheus", lambda: answers(f"{url}/-/ready"))
        yield Prometheus(url)


@contextmanager
def alertmanager_server(folder: Path, webhook_port: int, mail_port: int) -> Iterator[str]:
    """Its address. It tells the receiver at these ports, without waiting for more to tell."""
    port = free_port()
    text = (MONITORING / "alertmanager" / "alertmanager.yml").read_text()
    for ours, here in (
        ("alert-receiver:2525", f"127.0.0.1:{mail_port}"),
        ("alert-receiver:9095", f"127.0.0.1:{webhook_port}"),
        ("group_wait: 10s", "group_wait: 0s"),
        ("group_interval: 1m", "group_interval: 1s"),
    ):
        assert ours in text
        text = text.replace(ours, here)
    file = folder / "alertmanager.yml"
    file.write_text(text)
    command = [program("prometheus-alertmanager"), f"--config.file={file}"]
    command += [f"--storage.path={folder / 'alertmanager'}", "--cluster.listen-address="]
    command += [f"--web.listen-address=127.0.0.1:{port}"]
    with running(command, folder / "alertmanager.log"):
        wait_until("Alertmanager", lambda: answers(f"http://127.0.0.1:{port}/-/ready"))
        yield f"127.0.0.1:{port}"


@dataclass
class AlertReceiver:
    webhook_port: int
    mail_port: int
    log: Path

    def told(self) -> list[dict[str, Any]]:
        """What it has printed so far."""
        return [json.loads(line) for line in self.log.read_text().splitlines()]


@contextmanager
def alert_receiver(folder: Path) -> Iterator[AlertReceiver]:
    receiver = AlertReceiver(free_port(), free_port(), folder / "receiver.log")
    ports = [str(receiver.webhook_port), str(receiver.mail_port)]
    with running([sys.executable, str(MONITORING / "receiver.py"), *ports], receiver.log):
        wait_until("receiver", lambda: answers(f"http://127.0.0.1:{receiver.webhook_port}"))
        yield receiver


@contextmanager
def exporter(folder: Path, name: str, *arguments: str, **environment: str) -> Iterator[str]:
    """The address of Debian's exporter of this name."""
    port = free_port()
    command = [program(f"prometheus-{name}-exporter"), *arguments]
    command.append(f"--web.listen-address=127.0.0.1:{port}")
    with running(command, folder / f"{name}-exporter.log", **environment):
        wait_until(f"{name} exporter", lambda: answers(f"http://127.0.0.1:{port}/metrics"))
        yield f"127.0.0.1:{port}"


def answers(url: str) -> bool:
    try:
        return httpx.get(url).status_code == 200
    except httpx.TransportError:
        return False
