"""What docker compose makes of the overlay files. Only its command line is needed, no engine."""

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from contract.turns import MAX_PHOTOS
from gateway.images.remote.settings import ImageUrlSettings
from gateway.pool.settings import PoolSettings
from gateway.pool.upstreams.upstream import Upstream
from tests.support import ROOT
from tests.support.missing import missing

AWQ = {
    "CHECKPOINT": "cyankiwi/Qwen3-VL-8B-Instruct-AWQ-4bit",
    "SERVED_NAME": "qwen3-vl-8b-awq",
    "IMAGE_PIXELS": "262144",
}
FETCHING = {
    "IMAGE_URL_HOSTS": "shop-a=cdn.shop-a.example *.img.example",
    "EGRESS_HOSTS": "cdn.shop-a.example .img.example",
}


def config(overlay: str, **variables: str) -> dict[str, Any]:
    """The services of docker-compose.yml with this overlay."""
    done = compose(overlay, **variables)
    assert done.returncode == 0, done.stderr
    whole = json.loads(done.stdout)
    services: dict[str, Any] = whole["services"]
    for service in services.values():
        service["internal"] = all(
            (whole["networks"][name] or {}).get("internal") for name in service["networks"]
        )
    return services


def compose(overlay: str, **variables: str) -> subprocess.CompletedProcess[str]:
    if shutil.which("docker") is None:
        missing("docker is not installed")
    files = ["-f", "docker-compose.yml", "-f", f"docker-compose.{overlay}.yml"]
    return subprocess.run(
        ["docker", "compose", *files, "config", "--format", "json"],
        cwd=ROOT,
        env={**os.environ, **variables},
        capture_output=True,
        text=True,
        check=False,
    )


def options(service: dict[str, Any]) -> dict[str, str]:
    pairs = (argument.partition("=") for argument in service["command"][1:])
    return {name: value for name, _, value in pairs}


@pytest.mark.parametrize("overlay", ["egress", "gpu", "tls", "vllm"])
def test_every_overlay_fits_the_compose_file(overlay: str) -> None:
    services = config(overlay, **FETCHING)
    assert {"nginx", "gateway", "worker", "redis", "mysql"} <= services.keys()
    for name, service in services.items():
        assert service["cap_drop"] == ["ALL"], name
        assert service["security_opt"] == ["no-new-privileges:true"], name


@pytest.mark.parametrize("variables", [{}, AWQ], ids=["bfloat16", "AWQ"])
def test_with_vllm_the_gateways_ask_it_for_what_it_serves(variables: dict[str, str]) -> None:
    services = config("vllm", **variables)
    vllm = services["vllm"]
    checkpoint = variables.get("CHECKPOINT", "Qwen/Qwen3-VL-8B-Instruct")
    assert vllm["command"][0] == checkpoint
    assert services["weights"]["environment"]["CHECKPOINT"] == checkpoint
    settings = PoolSettings.model_validate(
        {"upstreams": services["gateway"]["environment"]["UPSTREAMS"]}
    )
    (upstream,) = settings.all_upstreams
    assert (upstream.url, upstream.kind) == ("http://vllm:8000", "vllm")
    told = options(vllm)
    assert upstream.revision == told["--served-model-name"]
    assert upstream.revision == variables.get("SERVED_NAME", "qwen3-vl-8b")
    assert check_options(told, upstream) == int(variables.get("IMAGE_PIXELS", 1024 * 1024))
    gateways = services["gateway"]["deploy"]["replicas"]
    assert gateways * (upstream.concurrency or 0) == int(told["--max-num-seqs"])
    assert services["inference"]["deploy"]["replicas"] == 0


def check_options(told: dict[str, str], upstream: Upstream) -> int:
    """Those that our contract needs. Answers the pixels that a photo may have on both sides."""
    schemas = json.loads(told["--structured-outputs-config"])
    assert schemas == {"backend": "guidance", "disable_any_whitespace": True}
    assert told["--generation-config"] == "vllm"
    assert upstream.priorities == (told["--scheduling-policy"] == "priority")
    processor = json.loads(told["--mm-processor-kwargs"])
    assert processor["images_kwargs"]["size"]["longest_edge"] == upstream.max_image_pixels
    assert json.loads(told["--limit-mm-per-prompt"]) == {"image": MAX_PHOTOS, "video": 0}
    return upstream.max_image_pixels


def test_vllm_reads_its_weights_only_and_reaches_nothing() -> None:
    services = config("vllm")
    vllm = services["vllm"]
    assert vllm["internal"]
    assert [name for name, each in services.items() if not each["internal"]] == ["nginx", "weights"]
    (volume,) = vllm["volumes"]
    assert (volume["target"], volume["read_only"]) == ("/weights", True)
    assert vllm["read_only"]
    assert vllm["user"] == "10001:10001"
    assert "ports" not in vllm
    assert vllm["environment"]["HF_HUB_OFFLINE"] == "1"
    assert vllm["image"].rpartition(":")[2].startswith("v0."), "pinned"
    assert vllm["healthcheck"]["start_period"] == "30m0s"
    assert vllm["depends_on"]["weights"]["condition"] == "service_completed_successfully"


def test_photos_are_fetched_through_a_proxy_which_alone_has_a_way_out() -> None:
    services = config("egress", **FETCHING)
    assert [name for name, each in services.items() if not each["internal"]] == ["egress", "nginx"]
    egress = services.pop("egress")
    assert set(egress["networks"]) == {"egress", "fetch"}
    assert egress["read_only"]
    assert egress["user"] == "proxy"
    assert egress.keys() & {"ports", "volumes", "secrets", "environment"} == set()
    asking = {name for name, each in services.items() if "fetch" in each["networks"]}
    assert asking == {"batch", "gateway"}
    for name in asking:
        given = services[name]["environment"]
        settings = ImageUrlSettings.model_validate(
            {key.lower(): value for key, value in given.items() if key.startswith("IMAGE_URL")}
        )
        assert settings.image_url_proxy == "http://egress:3128"
        assert settings.image_url_hosts == {"shop-a": ("cdn.shop-a.example", "*.img.example")}
        assert given["REPLICAS"], "the rest is as it was"


def test_the_proxy_s_hosts_are_those_that_ops_name() -> None:
    squid = json.loads(compose("egress", **FETCHING).stdout)["configs"]["squid"]["content"]
    assert "acl hosts dstdomain -n cdn.shop-a.example .img.example\n" in squid
    assert "acl ports port 443\n" in squid


@pytest.mark.parametrize("name", FETCHING)
def test_without_a_list_of_hosts_the_proxy_does_not_start(name: str) -> None:
    variables = {**FETCHING, name: ""}
    done = compose("egress", **variables)
    assert done.returncode != 0
    assert name in done.stderr


def test_what_has_no_overlay_fetches_nothing() -> None:
    services = config("tls")
    assert "egress" not in services
    assert not [name for each in services.values() for name in each.get("environment") or {}
                if name.startswith("IMAGE_URL")]  # fmt: skip


@pytest.mark.parametrize("overlay", ["gpu", "tls"])
def test_named_in_env_it_counts_for_every_command(overlay: str, tmp_path: Path) -> None:
    """Of the runbook, and `make up` and `make down`: none of them names a file."""
    by_option = compose(overlay)
    for file in ROOT.glob("docker-compose*.yml"):
        shutil.copy(file, tmp_path)
    example = f"COMPOSE_FILE=docker-compose.yml:docker-compose.{overlay}.yml"
    (tmp_path / ".env").write_text(example + "\n")
    done = subprocess.run(
        ["docker", "compose", "config", "--format", "json"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    whole = done.stdout.replace(str(tmp_path), str(ROOT))
    assert json.loads(whole) == json.loads(by_option.stdout)
