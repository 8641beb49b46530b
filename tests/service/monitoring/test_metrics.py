"""What rules and panels ask for is there: a real Prometheus scrapes a real gateway, a real replica
and the exporters, while questions are asked. Of GPUs NVIDIA's exporter is missing here."""

import math
from collections.abc import Iterator
from contextlib import ExitStack
from urllib.parse import urlsplit

import httpx
import pymysql
import pytest
import yaml
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from gateway.cli.embedded import Stack
from inference.gpu import _NvmlCollector
from tests.support import ROOT
from tests.support.asking import chat, photo, post, text_of
from tests.support.edge import edge
from tests.support.monitoring import Prometheus, exporter, prometheus_server
from tests.support.nvml import Driver
from tests.support.queries import Panel, asked_metrics, panels, rules
from tests.support.servers import mariadb_server, redis_server, wait_until
from tests.support.voting import Shopper

# https://docs.nvidia.com/datacenter/dcgm: the exporter's default counters.
DCGM = {"DCGM_FI_DEV_GPU_UTIL", "DCGM_FI_DEV_FB_USED", "DCGM_FI_DEV_FB_FREE"}
OWN_OF_PROMETHEUS = {"ALERTS", "up"}
ENDINGS = {
    "counter": ("_total",),
    "histogram": ("_bucket", "_sum", "_count"),
    "summary": ("", "_sum", "_count"),
}


def place(url: str) -> str:
    return urlsplit(url).netloc


@pytest.fixture(scope="module")
def targets(
    embedded_stack: Stack, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[str, list[str]]]:
    """The jobs of prometheus.yml and who is scraped in each; `probed`: nginx's addresses."""
    folder = tmp_path_factory.mktemp("exporters")
    with ExitStack() as stack:
        enter = stack.enter_context
        redis = enter(redis_server(folder))
        mysql = enter(mariadb_server(folder))
        here = enter(edge(folder))
        with pymysql.connect(host="127.0.0.1", port=mysql.port, user="root") as root:
            root.cursor().execute("CREATE USER monitor@'%' IDENTIFIED BY 'secret'")  # no rights
        account = f"[client]\nuser=monitor\npassword=secret\nhost=127.0.0.1\nport={mysql.port}\n"
        (folder / "my.cnf").write_text(account)
        compose = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
        options = compose["services"]["mysqld-exporter"]["command"]
        options = [each for each in options if each.startswith("--no-collect.")]
        options.append(f"--config.my-cnf={folder / 'my.cnf'}")
        scrape = f"--nginx.scrape-uri=http://{here.status}/status"
        blackbox = f"--config.file={ROOT / 'monitoring' / 'blackbox.yml'}"
        probe = enter(exporter(folder, "blackbox", blackbox))
        yield {
            "gateway": [place(embedded_stack.internal_url)],
            "inference": [place(embedded_stack.replica_url)],
            "redis": [enter(exporter(folder, "redis", REDIS_ADDR=redis.url))],
            "mysql": [enter(exporter(folder, "mysqld", *options))],
            "nginx": [enter(exporter(folder, "nginx", scrape))],
            "page": [probe],
            "certificate": [probe],
            "probed": [here.page, here.tls],
        }


@pytest.fixture(scope="module")
def prometheus(
    targets: dict[str, list[str]],
    embedded_stack: Stack,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Prometheus]:
    """After two rounds of questions, each of which it has seen."""
    page, tls = targets["probed"]
    scraped = {job: places for job, places in targets.items() if job != "probed"}
    probed = {"nginx:8080": page, "nginx:8443": tls}
    folder = tmp_path_factory.mktemp("prometheus") / "data"
    with prometheus_server(folder, scraped, probed=probed) as server:
        answered = first_tokens(embedded_stack)
        for number in (1, 2, 3):
            answers = [ask(embedded_stack, number) for _ in range(2)]
            assert [each.headers["x-cache"] for each in answers] == ["miss", "hit"]
            # Each job has a rhythm of its own: a rate needs samples on both sides of a question.
            for what in (
                f'sum(gateway_requests_total{{cache="hit"}}) >= {number}',
                f"sum(inference_ttft_seconds_count) >= {answered + number}",
            ):
                wait_until("a scrape", lambda what=what: bool(server.ask(what)))
        for rule in ("shopsight:answer_seconds:p99_5m", "shopsight:first_token_seconds:p95_5m"):
            wait_until("the rules", lambda rule=rule: bool(server.ask(f"{rule} > 0")))
        yield server


def first_tokens(stack: Stack) -> float:
    """How many answers the replica has begun before."""
    text = httpx.get(f"{stack.replica_url}/metrics").text
    samples = [each for family in text_string_to_metric_families(text) for each in family.samples]
    return sum(each.value for each in samples if each.name == "inference_ttft_seconds_count")


def ask(stack: Stack, number: int) -> httpx.Response:
    shopper = Shopper(stack.url)
    answer = shopper.ask(chat("What is it made of?", photo(number), max_tokens=8))
    assert text_of(answer)
    shopper.vote(answer, "up")
    # And a request that is refused, with its code.
    assert post(stack.url, {"prompt": "?"}).status_code == 400
    return answer


def exported(text: str) -> set[str]:
    """The names of all metrics of an exposition, also of those that have not counted yet."""
    names = set()
    for family in text_string_to_metric_families(text):
        names |= {family.name + ending for ending in ENDINGS.get(family.type, ("",))}
        names |= {sample.name for sample in family.samples}
    return names


@pytest.mark.long
def test_each_metric_that_is_asked_for_is_exported(
    targets: dict[str, list[str]], prometheus: Prometheus
) -> None:
    gpu = CollectorRegistry()
    gpu.register(_NvmlCollector(Driver(), "GPU-1"))
    known = exported(generate_latest(gpu).decode()) | DCGM | OWN_OF_PROMETHEUS
    for job in ("gateway", "inference", "redis", "mysql", "nginx"):
        known |= exported(httpx.get(f"http://{targets[job][0]}/metrics").text)
    known |= {name for name in prometheus.metrics() if name.startswith("probe_")}
    assert asked_metrics() - known == set()


def test_every_target_is_up(prometheus: Prometheus) -> None:
    up = {series["metric"]["job"]: series["value"][1] for series in prometheus.ask("up")}
    assert set(up.values()) == {"1"}, up


def test_each_panel_shows_something(prometheus: Prometheus) -> None:
    empty = [panel for panel in panels("prometheus") if not shows(prometheus, panel)]
    assert empty == []


def shows(prometheus: Prometheus, panel: Panel) -> bool:
    """Whether there is a number, or no GPU that there could be one of."""
    values = [float(series["value"][1]) for series in prometheus.ask(panel[2])]
    return "gpu" in panel[2] or not all(map(math.isnan, values))


def test_each_rule_records_something(prometheus: Prometheus) -> None:
    names = [rule["record"] for rule in rules() if "record" in rule]
    assert [name for name in names if not prometheus.ask(name) and "gpu" not in name] == []
