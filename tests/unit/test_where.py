"""`make up` ends with what is where: bin/where, here with a `docker` that only tells what runs."""

import os
import re
import subprocess
from pathlib import Path

import pytest
import yaml

from tests.support import ROOT

TEXT = (ROOT / "bin" / "where").read_text()
COMPOSE = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
ALWAYS = {name for name, each in COMPOSE["services"].items() if "profiles" not in each}
MONITORING = {
    name for name, each in COMPOSE["services"].items() if each.get("profiles") == ["monitoring"]
}
PROJECT = "label=com.docker.compose.project"
PORTS = {"nginx 8080": "0.0.0.0:8099", "grafana 3000": "127.0.0.1:3001"}
PORTS |= {"alertmanager 9093": "127.0.0.1:9094", "mysql-port 3306": "127.0.0.1:3307"}


def where(
    folder: Path, running: set[str], ports: dict[str, str] = PORTS
) -> subprocess.CompletedProcess[str]:
    answers = {
        "compose ps --services --status running": "\n".join(sorted(running)),
        "compose ps --format {{.Project}} nginx": "shop" if "nginx" in running else "",
        f"volume ls --quiet --filter {PROJECT}=shop": "shop_mysql\nshop_spool",
        **{f"compose port {of}": place for of, place in ports.items()},
    }
    cases = "\n".join(f"  '{asked}') echo '{told}' ;;" for asked, told in answers.items())
    docker = folder / "docker"
    docker.write_text(f'#!/bin/sh\ncase "$*" in\n{cases}\n  *) exit 9 ;;\nesac\n')
    docker.chmod(0o755)
    environment = {**os.environ, "PATH": f"{folder}:{os.environ['PATH']}"}
    command = [ROOT / "bin" / "where"]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


def told(folder: Path, running: set[str]) -> dict[str, str]:
    done = where(folder, running)
    assert done.returncode == 0, done.stderr
    lines = (line[2:] for line in done.stdout.splitlines() if line.startswith("  "))
    return {line[:16].strip(): line[17:] for line in lines}


def test_ports_are_those_in_force_and_monitoring_is_told_how_to_start(tmp_path: Path) -> None:
    said = told(tmp_path, ALWAYS)
    assert said["page"] == "http://127.0.0.1:8099", "no browser finds 0.0.0.0 everywhere"
    assert "gateway-ops:9100" in said["metrics"]
    assert said["data"].split()[-2:] == ["shop_mysql", "shop_spool"]
    assert "docker compose logs" in said["logs"]
    assert "--profile monitoring" in said["monitoring"]
    assert not {"Grafana", "Prometheus", "Alertmanager", "MySQL"} & said.keys()


@pytest.mark.parametrize("unpublished", [{}, {"nginx 8080": ":0"}], ids=["fails", "is 0"])
def test_with_tls_the_page_is_where_tls_is(tmp_path: Path, unpublished: dict[str, str]) -> None:
    """Of a port that is not published, one version of compose says nothing, another one `:0`."""
    done = where(tmp_path, ALWAYS, {**unpublished, "nginx 8443": "0.0.0.0:8443"})
    assert (done.returncode, done.stderr) == (0, "")
    assert "page             https://127.0.0.1:8443\n" in done.stdout


def test_monitoring_and_an_analyst_s_port_are_told_where_they_run(tmp_path: Path) -> None:
    said = told(tmp_path, ALWAYS | MONITORING | {"mysql-port"})
    assert said["Grafana"].startswith("http://127.0.0.1:3001, account admin")
    assert said["Alertmanager"] == "http://127.0.0.1:9094"
    assert said["MySQL"].startswith("127.0.0.1:3307")
    assert "monitoring" not in said


def test_where_nothing_is_up_it_says_so(tmp_path: Path) -> None:
    done = where(tmp_path, set())
    assert (done.returncode, done.stdout) == (1, "Nothing is up: make up\n")


def test_make_up_ends_with_it() -> None:
    command = ["make", "--no-print-directory", "--dry-run", "up"]
    planned = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert planned.splitlines()[-1] == "bin/where"


@pytest.mark.parametrize(
    "name", re.findall(r"^[^#\n]*?\b(?:runs|published) ([\w-]+)", TEXT, re.MULTILINE)
)
def test_what_it_asks_about_is_in_the_compose_file(name: str) -> None:
    assert name in COMPOSE["services"]


def test_files_and_networks_that_it_names_are_there() -> None:
    made = (ROOT / "bin" / "make-secrets").read_text()
    for secret in re.findall(r"secrets/(\w+)", TEXT):
        assert secret in made
    assert "gateway-ops" in COMPOSE["services"]["gateway"]["networks"]["ops"]["aliases"]
    assert (ROOT / "docs" / "operations.md").exists()
