"""Administration: on a port of its own, which no other machine and no page of a stranger's reaches
unless somebody opens it, and then with a token."""

import socket
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from gateway.api.server import is_loopback, own_address
from gateway.cli import admin
from tests.support.asking import chat, post, text_of
from tests.support.command_line import shopsight
from tests.support.servers import Server, gateway_process, running
from tests.support.stub_replica import StubReplica

TOKEN = "t0ken"


@pytest.fixture
def gateway(tmp_path: Path, stub: StubReplica) -> Iterator[Server]:
    with gateway_process(tmp_path, REPLICAS=stub.url, ADMIN_TOKEN=TOKEN) as server:
        yield server


def test_the_token_is_asked_for(gateway: Server) -> None:
    for headers, status in (
        ({}, 401),
        ({"authorization": "Bearer wrong"}, 401),
        ({"authorization": TOKEN}, 401),
        ({"authorization": f"Bearer {TOKEN}"}, 200),
    ):
        answer = httpx.get(f"{gateway.admin}/weights", headers=headers)
        assert answer.status_code == status
    assert httpx.delete(f"{gateway.admin}/answers", params={"revision": "x"}).status_code == 401


@pytest.mark.parametrize(
    ("host", "status"),
    [("127.0.0.1:9101", 200), ("localhost", 200), ("ops", 200), ("evil.example", 400)],
)
def test_a_page_that_rebinds_its_name_gets_nowhere(gateway: Server, host: str, status: int) -> None:
    headers = {"authorization": f"Bearer {TOKEN}", "host": host}
    assert httpx.get(f"{gateway.admin}/weights", headers=headers).status_code == status
    metrics = httpx.get(f"http://127.0.0.1:{gateway.port}/metrics", headers={"host": host})
    assert metrics.status_code == status


def test_administration_is_on_its_own_port_alone(gateway: Server) -> None:
    headers = {"authorization": f"Bearer {TOKEN}"}
    for url in (gateway.url, f"http://127.0.0.1:{gateway.port}"):
        assert httpx.get(f"{url}/admin/weights", headers=headers).status_code == 404
    assert httpx.get(f"{gateway.admin.removesuffix('/admin')}/metrics").status_code == 404


def test_the_commands_bring_the_token(gateway: Server, tmp_path: Path) -> None:
    port = gateway.admin.removesuffix("/admin").rpartition(":")[2]
    environment = {"ADMIN_PORT": port, "ADMIN_TOKEN": TOKEN}
    told = shopsight("admin", "weights", "stub-1=0.9", "other=0.1", **environment)
    assert '"stub-1": 0.9' in told.stdout, told.stderr
    assert told.stderr == "No ready replica serves other, which has a weight.\n"
    assert '"weights": {}' not in shopsight("admin", "weights", **environment).stdout
    assert shopsight("admin", "weights", "--reset", **environment).returncode == 0
    assert text_of(post(gateway.url, chat("what?")))
    purged = shopsight("admin", "purge", "--revision", "stub-1", **environment)
    assert '"purged": 1' in purged.stdout
    refused = shopsight("admin", "purge", **environment)
    assert (refused.returncode, "invalid_field" in refused.stderr) == (1, True)
    wrong = shopsight("admin", "weights", **{**environment, "ADMIN_TOKEN": "wrong"})
    assert (wrong.returncode, "invalid_api_key" in wrong.stderr) == (1, True)
    assert shopsight("admin", "weights", "half", **environment).returncode == 2


def test_an_erasure_that_is_not_done_everywhere_is_no_success(
    gateway: Server, tmp_path: Path
) -> None:
    port = gateway.admin.removesuffix("/admin").rpartition(":")[2]
    environment = {"ADMIN_PORT": port, "ADMIN_TOKEN": TOKEN}
    assert shopsight("admin", "erase", "public", "her", **environment).returncode == 0
    (tmp_path / "spool" / "old.damaged").mkdir(parents=True)
    told = shopsight("admin", "erase", "public", "her", **environment)
    assert (told.returncode, "old.damaged" in told.stdout) == (1, True)
    assert "send it again" in told.stderr


def test_who_has_waited_long_enough_learns_that_it_goes_on(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        monkeypatch.setenv("ADMIN_PORT", str(silent.getsockname()[1]))
        monkeypatch.setattr(admin, "TIMEOUT_S", 0.2)
        assert admin.erase("public", "her") == 1
    said = capsys.readouterr().err
    assert "goes on there" in said
    assert "sent again" in said
    assert "Is a gateway running" not in said


def test_a_network_is_not_given_administration_without_a_token(
    tmp_path: Path, stub: StubReplica
) -> None:
    environment = {"ADMIN_HOST": "0.0.0.0", "REPLICAS": stub.url, "SPOOL_DIR": str(tmp_path)}
    log = tmp_path / "gateway.log"
    with running([sys.executable, "-m", "gateway"], log, **environment) as process:
        assert process.wait(timeout=60) != 0
    assert "set ADMIN_TOKEN" in log.read_text()


def test_of_a_name_s_addresses_it_is_served_at_this_machine_s() -> None:
    assert own_address("127.0.0.1") == "127.0.0.1"
    assert own_address("0.0.0.0") == "0.0.0.0"
    assert is_loopback(own_address("localhost"))
    assert not is_loopback("0.0.0.0")
