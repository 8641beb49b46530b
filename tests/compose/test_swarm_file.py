"""What Swarm is told is what compose says. Only Docker's command line is needed, no engine."""

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support import ROOT
from tests.support.missing import missing

CONVERT = [sys.executable, str(ROOT / "deploy/swarm/stack.py")]
OVERLAY = "deploy/swarm/docker-compose.swarm.yml"


def config(*files: str) -> dict[str, Any]:
    if shutil.which("docker") is None:
        missing("docker is not installed")
    command = ["docker", "compose", *(part for file in files for part in ("-f", file)), "config"]
    done = subprocess.run(
        [*command, "--format", "json"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def convert(whole: dict[str, Any], folder: Path) -> subprocess.CompletedProcess[str]:
    command = [*CONVERT, str(folder)]
    return subprocess.run(
        command, input=json.dumps(whole), capture_output=True, text=True, check=False
    )


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    return config("docker-compose.yml", OVERLAY)


@pytest.fixture(scope="module")
def told(compose: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> str:
    """What ops are told on standard error."""
    done = convert(compose, folder(tmp_path_factory))
    assert done.returncode == 0, done.stderr
    return done.stderr


def folder(factory: pytest.TempPathFactory) -> Path:
    return factory.getbasetemp() / "stack"


@pytest.fixture(scope="module")
def stack(told: str, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """As `docker stack` reads it: what it does not know is an error."""
    file = str(folder(tmp_path_factory) / "stack.json")
    done = subprocess.run(
        ["docker", "stack", "config", "-c", file], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = yaml.safe_load(done.stdout)
    return found


def test_every_service_keeps_its_limits_and_its_rights(
    compose: dict[str, Any], stack: dict[str, Any]
) -> None:
    assert stack["services"].keys() == compose["services"].keys()
    for name, service in stack["services"].items():
        before = compose["services"][name]
        limits = service["deploy"]["resources"]["limits"]
        assert limits["memory"] == before["mem_limit"], name
        assert limits["cpus"] == str(before["cpus"]), name
        assert limits["pids"] == before["pids_limit"], name
        for key in ("cap_drop", "read_only", "user", "init", "image"):
            assert service.get(key) == before.get(key), f"{name} {key}"
        assert service["stop_grace_period"] == "40s"
        memory = {each["target"] for each in service["volumes"] if each["type"] == "tmpfs"}
        assert memory == {line.partition(":")[0] for line in before["tmpfs"]}, name
        assert all(
            each["tmpfs"]["size"] > 0 for each in service["volumes"] if each["type"] == "tmpfs"
        )


def test_settings_secrets_and_health_checks_are_compose_s(
    compose: dict[str, Any], stack: dict[str, Any]
) -> None:
    for name, service in stack["services"].items():
        before = compose["services"][name]
        assert service.get("environment", {}) == before.get("environment", {}), name
        secrets = [each["source"] for each in service.get("secrets", ())]
        assert secrets == [each["source"] for each in before.get("secrets", ())], name
        asked, wanted = (each.get("healthcheck", {}).get("test") for each in (service, before))
        # The stack's own `$$` are read as `$`.
        assert asked == (wanted and [each.replace("$$", "$") for each in wanted]), name
        assert service["networks"].keys() == before["networks"].keys()


def test_balancers_see_every_address_and_updates_start_the_new_one_first(
    stack: dict[str, Any],
) -> None:
    services = stack["services"]
    assert {each["deploy"]["endpoint_mode"] for each in services.values()} == {"dnsrr"}
    for name in ("gateway", "inference"):
        update = services[name]["deploy"]["update_config"]
        assert (update["order"], update["failure_action"]) == ("start-first", "rollback"), name
    for name in ("mysql", "redis"):
        assert services[name]["deploy"]["placement"]["constraints"], name
    assert services["nginx"]["deploy"]["mode"] == "global"
    assert [port["mode"] for port in services["nginx"]["ports"]] == ["host"]
    assert services["migrate"]["deploy"]["restart_policy"]["condition"] == "on-failure"


def test_what_is_slow_to_start_is_not_killed_for_it(stack: dict[str, Any]) -> None:
    """Swarm kills what is unhealthy, and a MySQL killed at its first start may never start."""
    for name, service in stack["services"].items():
        check = service["healthcheck"]
        if not check.get("disable"):
            slow = name in ("mysql", "inference")
            assert check["start_period"] == ("30m0s" if slow else "10m0s"), name
            assert check["retries"] >= 6, name


def test_two_machines_have_a_gateway_and_a_replica_each_also_after_an_update(
    stack: dict[str, Any],
) -> None:
    """New tasks come before old ones go, and to where the fewest are. Of three, two are on each of
    two machines then. Of two, the new one may come to any, and both be on one afterwards."""
    for name in ("gateway", "inference"):
        deploy = stack["services"][name]["deploy"]
        assert deploy["replicas"] == 3
        assert deploy["placement"]["preferences"] == [{"spread": "node.id"}]


def test_networks_without_a_way_out_have_none_in_swarm(
    compose: dict[str, Any], stack: dict[str, Any]
) -> None:
    for name, network in stack["networks"].items():
        assert network["driver"] == "overlay"
        assert bool(network.get("internal")) == bool(compose["networks"][name].get("internal"))


def test_the_script_of_accounts_is_as_in_compose(
    told: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    written = (folder(tmp_path_factory) / "accounts").read_text()
    plain = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["configs"]["accounts"]
    assert written == plain["content"].replace("$$", "$")


def test_what_swarm_does_not_do_is_told(told: str) -> None:
    assert "gateway: stacks know no security_opt (no-new-privileges:true)" in told
    assert "nginx: port 8080 is published on every address of its machine" in told


def test_a_folder_of_this_machine_is_refused(tmp_path: Path) -> None:
    done = convert(config("docker-compose.yml"), tmp_path / "stack")
    assert done.returncode == 1
    assert "which other machines lack" in done.stderr
    assert not (tmp_path / "stack").exists()
