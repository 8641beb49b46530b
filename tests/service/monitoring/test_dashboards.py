"""The dashboards as Grafana would read them, and their SQL on MariaDB. There is no Grafana here."""

import datetime
import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from sqlalchemy import Connection, create_engine, text

from gateway.log.schema.analysts import TABLES, VIEWS
from tests.service.log.test_analysts_document import seeded
from tests.support.monitoring import MONITORING
from tests.support.queries import DASHBOARDS, Panel, panels
from tests.support.servers import mariadb_server

PROVISIONING = MONITORING / "grafana" / "provisioning"
# A day of the seeded log, in the middle.
TODAY = "2026-11-06 12:00:00"


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Connection]:
    """A seeded log in its last week, as the analysts' account sees it."""
    with mariadb_server(tmp_path_factory.mktemp("mariadb")) as server:
        seeded(server.url).dispose()
        engine = create_engine(server.url, connect_args={"sql_mode": "ONLY_FULL_GROUP_BY"})
        with engine.connect() as connection:
            connection.execute(text("SET timestamp = UNIX_TIMESTAMP(:day)"), {"day": TODAY})
            yield connection
        engine.dispose()


@pytest.mark.parametrize("panel", panels("mysql"), ids=lambda panel: panel[1])
def test_each_sql_panel_shows_rows(log: Connection, panel: Panel) -> None:
    found = log.execute(text(panel[2]))
    columns, rows = list(found.keys()), found.fetchall()
    assert rows, panel
    if columns[0] == "time":
        assert all(isinstance(row[0], datetime.datetime) for row in rows)
        assert [row[0] for row in rows] == sorted(row[0] for row in rows)


def test_sql_panels_read_what_analysts_may() -> None:
    for *_, query in panels("mysql"):
        assert set(re.findall(r"\b(?:FROM|JOIN) (\w+)", query)) <= {*VIEWS, *TABLES}


def test_dashboards_name_provisioned_datasources_only() -> None:
    file = PROVISIONING / "datasources" / "datasources.yml"
    sources = yaml.safe_load(file.read_text())["datasources"]
    known = {(source["type"], source["uid"]) for source in sources}
    boards = [json.loads(path.read_text()) for path in DASHBOARDS]
    assert {board["title"] for board in boards} == {"Service", "Model", "Shoppers"}
    assert len({board["uid"] for board in boards}) == len(boards)
    for board in boards:
        asked = [panel["datasource"] for panel in board["panels"]]
        asked += [target["datasource"] for panel in board["panels"] for target in panel["targets"]]
        assert {(each["type"], each["uid"]) for each in asked} <= known
        assert all(panel["type"] in ("timeseries", "stat", "table") for panel in board["panels"])


@pytest.mark.parametrize("path", DASHBOARDS, ids=lambda path: path.stem)
def test_no_panel_lies_on_another(path: Path) -> None:
    taken: set[tuple[int, int]] = set()
    for panel in json.loads(path.read_text())["panels"]:
        at = panel["gridPos"]
        assert at["x"] + at["w"] <= 24
        columns = range(at["x"], at["x"] + at["w"])
        cells = {(x, y) for x in columns for y in range(at["y"], at["y"] + at["h"])}
        assert not cells & taken, panel["title"]
        taken |= cells
