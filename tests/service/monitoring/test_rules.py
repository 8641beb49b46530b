"""What Prometheus and Alertmanager are configured with, by their own tools."""

import re
import subprocess

import pytest
import yaml

from tests.support import ROOT
from tests.support.monitoring import MONITORING, RULES, RUNBOOK, alerts
from tests.support.servers import program
from tests.unit.test_documents import anchors

CASES = ROOT / "tests" / "service" / "monitoring" / "alerts.yml"
NOTES = {"summary", "description", "runbook_url"}


def accepted(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_configuration_is_accepted() -> None:
    promtool = program("promtool")
    accepted(promtool, "check", "rules", "--lint-fatal", *map(str, RULES.iterdir()))
    prometheus = str(MONITORING / "prometheus" / "prometheus.yml")
    accepted(promtool, "check", "config", "--syntax-only", prometheus)
    accepted(program("amtool"), "check-config", str(MONITORING / "alertmanager/alertmanager.yml"))
    blackbox = str(MONITORING / "blackbox.yml")
    accepted(program("prometheus-blackbox-exporter"), f"--config.file={blackbox}", "--config.check")


@pytest.mark.long
def test_each_alert_is_silent_and_fires_when_it_should() -> None:
    accepted(program("promtool"), "test", "rules", str(CASES))


def test_what_an_alert_asks_of_is_there_without_an_overlay() -> None:
    """Else it would be silent in the monitoring that most have, such as about an nginx that is
    down."""
    services = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]
    names = set(services)
    for service in services.values():
        networks = service.get("networks", ())
        for network in networks if isinstance(networks, dict) else ():
            names |= {*((networks[network] or {}).get("aliases", ()))}
    config = yaml.safe_load((MONITORING / "prometheus" / "prometheus.yml").read_text())
    targets = {
        job["job_name"]: job["dns_sd_configs"][0]["names"]
        for job in config["scrape_configs"]
        if "dns_sd_configs" in job
    }
    asked = {job for rule in alerts().values() for job in re.findall(r'job="(\w+)"', rule["expr"])}
    assert {"gateway", "worker", "page"} <= asked
    assert {job: targets[job] for job in asked if not names.issuperset(targets[job])} == {}


def test_each_alert_has_a_case_in_which_it_fires() -> None:
    cases = yaml.safe_load(CASES.read_text())["tests"]
    tests = [test for case in cases for test in case["alert_rule_test"]]
    fired = {test["alertname"] for test in tests if test["exp_alerts"]}
    assert fired == alerts().keys()


@pytest.mark.parametrize("name", alerts())
def test_each_alert_has_a_section_that_says_what_to_do(name: str) -> None:
    rule = alerts()[name]
    assert rule["annotations"].keys() == NOTES
    assert rule["labels"]["severity"] in ("page", "ticket", "none")
    document, _, anchor = rule["annotations"]["runbook_url"].partition("#")
    assert ROOT / document == RUNBOOK
    assert anchor in anchors(RUNBOOK)
    section = re.split(r"\n#{2,3} ", RUNBOOK.read_text().split(f"\n### {name}\n")[1])[0]
    assert "- **Means**: " in section
    assert "**Do**: " in section or "and **do**: " in section
