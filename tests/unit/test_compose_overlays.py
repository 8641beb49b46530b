"""How a stack with overlays is started. A file given by `-f` is missing in the next command, which
then puts the demo checkpoint in the place of real weights, or takes TLS away."""

import re
import subprocess
from pathlib import Path

import pytest
import yaml

from tests.support import ROOT

OVERLAYS = ["gpu", "vllm", "tls", "s3", "egress", "autoscale", "probes"]
# Swarm's stack is made from what both files say, and changed by `docker stack deploy` alone.
ELSEWHERE = ("deploy/swarm/", "tests/")
BY_OPTION = re.compile(r"docker compose[^`\n]*\s-f[\s=]*\S*docker-compose")


def shipped() -> list[str]:
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True)
    return [name for name in listed.stdout.splitlines() if not name.startswith(ELSEWHERE)]


def test_nobody_is_told_to_give_an_overlay_by_an_option() -> None:
    found = []
    for name in shipped():
        if name.endswith((".md", ".yml", ".yaml", ".py", ".example")) or name.startswith("bin/"):
            found += [name] if BY_OPTION.search((ROOT / name).read_text()) else []
    assert found == []


@pytest.mark.parametrize("name", OVERLAYS)
def test_each_says_how_it_is_named_for_good(name: str) -> None:
    text = (ROOT / f"docker-compose.{name}.yml").read_text()
    head = text[: re.search(r"^[^#]", text, re.MULTILINE).start()]  # type: ignore[union-attr]
    assert f"COMPOSE_FILE=docker-compose.yml:docker-compose.{name}.yml" in head
    assert ".env" in head


def test_what_starts_and_stops_a_stack_leaves_its_files_to_env() -> None:
    for name in ("Makefile", "bin/where", "bin/pin"):
        lines = (ROOT / name).read_text().splitlines()
        commands = [each for each in lines if "docker compose" in each and each.lstrip()[0] != "#"]
        assert commands
        assert not [each for each in commands if re.search(r"\s(-f|--file)\b", each)]


def test_the_runbook_says_so_before_its_first_command() -> None:
    for name in ("operations.md", "operations.zh-CN.md"):
        text = (ROOT / "docs" / name).read_text()
        alerts = text[text.index("\n### Watchdog") - 900 : text.index("\n### Watchdog")]
        assert "COMPOSE_FILE" in alerts
    attacked = (ROOT / "SECURITY.md").read_text().partition("## While somebody attacks")[2]
    assert "COMPOSE_FILE" in attacked.partition("docker compose up")[0]


@pytest.mark.parametrize("name", ["operations.md", "operations.zh-CN.md"])
def test_the_list_of_erasures_outlives_the_container_while_there_is_no_database(name: str) -> None:
    """It is the only one then. /tmp goes with a restart."""
    compose = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
    volumes = {place.split(":")[1] for place in compose["services"]["worker"]["volumes"]}
    text = (ROOT / "docs" / name).read_text()
    files = re.findall(r"exec worker shopsight erasures --(?:save|load) (\S+)", text)
    assert len(files) == 2
    assert len({*files}) == 1
    assert str(Path(files[0]).parent) in volumes
