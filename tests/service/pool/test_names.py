"""A name with several addresses is several replicas, and they come and go. The name server is the
hosts file, in a mount namespace of the gateway's own."""

import asyncio
import logging
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from prometheus_client import CollectorRegistry

from gateway.cli.embedded import free_port
from gateway.pool import membership
from gateway.pool.addresses import resolve
from gateway.pool.settings import PoolSettings
from gateway.pool.telemetry import PoolMetrics
from gateway.pool.upstreams.salts import Salts
from tests.service.pool.test_lane import ask as ask_pool
from tests.service.pool.test_lane import started
from tests.support.asking import chat, post, text_of
from tests.support.load import PHOTOS
from tests.support.migrating import migrate
from tests.support.missing import missing
from tests.support.servers import Server, program, running, wait_until
from tests.support.stub_process import stub_process
from tests.support.stub_replica import StubReplica

NAME = "inference.test"
IN_NAMESPACE = 'mount --bind "$0" /etc/hosts && exec "$@"'


@pytest.fixture
def hosts(tmp_path: Path) -> Path:
    path = tmp_path / "hosts"
    path.touch()
    trial = [program("unshare"), "-rm", "sh", "-c", IN_NAMESPACE, str(path), "true"]
    if subprocess.run(trial, capture_output=True).returncode:
        missing("mount namespaces are not allowed here")
    return path


@contextmanager
def gateway_with(hosts: Path, **environment: str) -> Iterator[Server]:
    folder = hosts.parent
    url, port, internal = f"sqlite:///{folder / 'log.db'}", free_port(), free_port()
    migrate(url)
    command = [program("unshare"), "-rm", "sh", "-c", IN_NAMESPACE, str(hosts)]
    ports = {"GATEWAY_PORT": str(port), "INTERNAL_PORT": str(internal)}
    ports["ADMIN_PORT"] = str(free_port())
    env = {**ports, "DATABASE_URL": url, "WEB_DIR": "", "PROBE_INTERVAL_S": "0.3", **environment}
    with running([*command, sys.executable, "-m", "gateway"], folder / "gateway.log", **env) as it:
        server = Server(f"http://127.0.0.1:{port}", it, internal)

        def up() -> bool:
            assert it.poll() is None, (folder / "gateway.log").read_text()
            try:
                return httpx.get(f"{server.url}/healthz").status_code == 200
            except httpx.TransportError:
                return False

        wait_until("gateway", up)
        yield server


def replicas(gateway: Server) -> dict[str, int]:
    """Replicas by state."""
    text = httpx.get(f"http://127.0.0.1:{gateway.port}/metrics").text
    lines = [line for line in text.splitlines() if line.startswith("gateway_pool_replicas{")]
    return {line.split('"')[1]: int(float(line.split()[-1])) for line in lines}


def ask(gateway: Server, questions: range) -> None:
    for number in questions:
        body = chat(f"question {number}?", PHOTOS[number % len(PHOTOS)])
        assert text_of(post(gateway.url, body)) == f"关于「Question {number}?」:好"


@pytest.mark.long
def test_new_addresses_of_a_name_are_used_and_gone_ones_are_not(
    hosts: Path, tmp_path: Path
) -> None:
    port = free_port()
    with (
        stub_process(tmp_path, port, host="127.0.0.2") as one,
        stub_process(tmp_path, port, host="127.0.0.3") as two,
        gateway_with(hosts, REPLICAS=f"http://{NAME}:{port}") as gateway,
    ):
        assert replicas(gateway) == {"ready": 0, "ejected": 0, "down": 0}
        hosts.write_text(f"127.0.0.2 {NAME}\n")
        wait_until("the first", lambda: replicas(gateway)["ready"] == 1, 10)
        ask(gateway, range(10))
        assert (one.calls(), two.calls()) == (10, 0)
        hosts.write_text(f"127.0.0.2 {NAME}\n127.0.0.3 {NAME}\n")
        wait_until("both", lambda: replicas(gateway)["ready"] == 2, 10)
        ask(gateway, range(10, 30))
        assert two.calls() > 0
        hosts.write_text(f"127.0.0.3 {NAME}\n")
        wait_until("one is gone", lambda: replicas(gateway)["ready"] == 1, 10)
        before = one.calls()
        ask(gateway, range(30, 40))
        assert one.calls() == before
        # The name server has a hiccup: who was known stays.
        hosts.write_text("")
        time.sleep(1)
        ask(gateway, range(40, 50))
        assert replicas(gateway)["ready"] == 1
        metrics = httpx.get(f"http://127.0.0.1:{gateway.port}/metrics").text
        assert f"127.0.0.2:{port}" not in metrics


async def test_a_url_becomes_one_for_each_address() -> None:
    assert await resolve("http://localhost:81/base") == ["http://127.0.0.1:81/base"]
    assert await resolve("http://127.0.0.5") == ["http://127.0.0.5:80"]
    assert await resolve("https://models.example/base") == ["https://models.example/base"]
    assert await resolve("http://[::1]:8081") == ["http://[::1]:8081"]
    assert await resolve("http://no-such-host.invalid:1") == []


async def test_nothing_is_shown_of_a_replica_that_is_gone_though_it_still_answers(
    stub: StubReplica,
) -> None:
    registry = CollectorRegistry()
    stub.held = {"slowly"}
    async with started(stub, registry=registry) as pool:
        waiting = asyncio.create_task(ask_pool(pool, "slowly"))
        while not stub.calls:  # noqa: ASYNC110 - another thread's
            await asyncio.sleep(0.01)
        pool.replicas[0].close()
        stub.held.clear()
        assert "slowly" in await waiting
        name = "gateway_pool_first_byte_seconds_count"
        assert registry.get_sample_value(name, {"replica": stub.url}) is None


async def test_a_name_without_an_address_is_told_once(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    addresses: dict[str, list[str]] = {}

    async def look_up(url: str) -> list[str]:
        return addresses.get(url, [])

    monkeypatch.setattr(membership, "resolve", look_up)
    caplog.set_level(logging.INFO, membership.__name__)
    urls = ("http://one:81", "http://two:81")
    settings, metrics = PoolSettings(replicas=urls), PoolMetrics(CollectorRegistry())
    members = membership.Membership(settings, metrics, 1.0, Salts(""), lambda: None)
    for found in ([], [], [urls[1]], list(urls), list(urls)):
        addresses.update({url: ["http://127.0.0.1:9"] for url in found})
        await members._resolve_names()
    await members.close()
    told = [(record.levelname, record.__dict__["fields"]["names"]) for record in caplog.records]
    assert told == [("WARNING", ["one:81", "two:81"]), ("WARNING", ["one:81"]), ("INFO", [])]
