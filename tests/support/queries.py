"""What rules and dashboards ask for: PromQL and SQL, and the names of metrics in them."""

import json
import re
from typing import Any

import yaml

from tests.support.monitoring import MONITORING, RULES

DASHBOARDS = sorted((MONITORING / "grafana" / "dashboards").glob("*.json"))
Panel = tuple[str, str, str]
"""Dashboard, title and one query of a panel."""


def panels(datasource: str) -> list[Panel]:
    """Of all dashboards, those that ask the datasource of this uid."""
    found = []
    for file in DASHBOARDS:
        for panel in json.loads(file.read_text())["panels"]:
            for target in panel["targets"]:
                if target["datasource"]["uid"] == datasource:
                    query = target["expr"] if datasource == "prometheus" else target["rawSql"]
                    found.append((file.stem, panel["title"], query))
    return found


def rules() -> list[dict[str, Any]]:
    """Alerts and what is recorded."""
    files = [yaml.safe_load(file.read_text()) for file in RULES.iterdir()]
    return [rule for file in files for group in file["groups"] for rule in group["rules"]]


def metrics_in(query: str) -> set[str]:
    """The names of metrics of a PromQL query: what is no function, label or duration."""
    bare = re.sub(r'"[^"]*"', '""', query)
    bare = re.sub(r"\{[^}]*\}|\[[^\]]*\]", "", bare)
    bare = re.sub(r"\b(?:by|on|without|ignoring)\s*\([^)]*\)", "", bare)
    names = re.findall(r"[a-zA-Z_][\w:]*(?![\w:]*\s*\()", bare)
    return {name for name in names if "_" in name or ":" in name or name in ("up", "ALERTS")}


def asked_metrics() -> set[str]:
    """All that rules and panels read, but for what rules record."""
    queries = [rule["expr"] for rule in rules()] + [query for *_, query in panels("prometheus")]
    recorded = {rule["record"] for rule in rules() if "record" in rule}
    return set().union(*map(metrics_in, queries)) - recorded
