"""`make pin`: bin/pin, here with a `docker` that only tells what compose has read, and digests."""

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import yaml

from tests.support import ROOT

DIGEST = "sha256:" + "0" * 64
DOCKER = f"""#!/bin/sh
case "$*" in
  'compose --profile * config --format json') cat compose.json ;;
  'buildx imagetools inspect '*) echo "$4" >> asked; echo '{{"digest": "{DIGEST}"}}' ;;
  *) exit 9 ;;
esac
"""


def composed(*names: str) -> dict[str, Any]:
    services: dict[str, Any] = {}
    for name in names:
        for service, each in yaml.safe_load((ROOT / name).read_text())["services"].items():
            services[service] = {**services.get(service, {}), **each}
    for each in services.values():
        if "build" in each:
            each["build"].setdefault("context", ".")
    return services


def pin(folder: Path, services: dict[str, Any]) -> dict[str, Any]:
    (folder / "bin").mkdir()
    shutil.copy(ROOT / "bin/pin", folder / "bin/pin")
    for name in ("gateway", "inference", "nginx"):
        (folder / name).mkdir()
        shutil.copy(ROOT / name / "Dockerfile", folder / name / "Dockerfile")
    (folder / "compose.json").write_text(json.dumps({"services": services}))
    (folder / "docker").write_text(DOCKER)
    (folder / "docker").chmod(0o755)
    environment = {**os.environ, "PATH": f"{folder}:{os.environ['PATH']}"}
    subprocess.run([folder / "bin/pin"], env=environment, check=True, capture_output=True)
    found: dict[str, Any] = yaml.safe_load((folder / "docker-compose.pinned.yml").read_text())
    return found["services"]


def test_everything_that_comes_from_a_registry_has_a_digest(tmp_path: Path) -> None:
    """Also what only a profile or an overlay starts, and what our own images begin with."""
    services = composed("docker-compose.yml", "docker-compose.egress.yml")
    services["redis"]["image"] += f"@{DIGEST}"  # of an earlier `make pin`
    found = pin(tmp_path, services)
    built = {each["image"] for each in services.values() if "build" in each}
    for name, each in services.items():
        if "build" in each:
            contexts = found[name]["build"]["additional_contexts"]
            assert contexts, name
            assert all(
                place == f"docker-image://{base}@{DIGEST}" for base, place in contexts.items()
            )
        elif each["image"] not in built:
            assert found[name] == {"image": f"{each['image'].partition('@')[0]}@{DIGEST}"}
        else:
            assert name not in found, "made here, as alert-receiver is"
    assert {"prometheus", "grafana", "mysqld-exporter", "batch", "egress"} <= found.keys()
    asked = (tmp_path / "asked").read_text().splitlines()
    assert len(asked) == len(set(asked)), "each once"
