"""`make bench-questions`: what roll-ups and the questions of docs/analysts.md cost at ROWS rows in
sixty days, on SQLite and on MariaDB with MySQL's default buffer pool: seconds of CPU, the
database's and the client's. The last line is `RESULT {json}`."""

import argparse
import json
import re
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from zoneinfo import ZoneInfo

import psutil
from sqlalchemy import Engine, text

from gateway.cli.sql import answer
from gateway.config import Settings
from gateway.log.rollups.calendar import Price
from gateway.log.rollups.roll_up import ALL_ROLLUPS, JOURNEYS, roll_up
from gateway.log.schema.database import open_database
from loadtest.bench.views import BUFFER_POOL, DAYS, grow, mark_as_settled
from loadtest.seed_log import fill
from tests.support import ROOT
from tests.support.migrating import migrate
from tests.support.servers import mariadb_server

ZONE = ZoneInfo("Asia/Shanghai")
PRICE = Price(0.0007, "USD")
QUERY = re.compile(r"\*\*(\d+)\. (.*?)\*\*.*?```sql\n(.*?)\n```", re.DOTALL)
# What analysts asked of the log every day before it had columns and tables for it.
EVERYDAY = (3, 24, 25, 26, 27, 28, 29, 30)
# The steps of sessions alone, which the roll-up of journeys begins with.
STEPS = replace(JOURNEYS, name="steps", replaced=())
# Rows that MariaDB's log is grown from.
BASE_ROWS = 100_000


def cpu_seconds(server: int | None) -> float:
    """Used so far by this process, in which SQLite runs, and by a server's, in s."""
    used = time.process_time()
    if server is not None:
        times = psutil.Process(server).cpu_times()
        used += times.user + times.system
    return used


def measure(engine: Engine, server: int | None) -> dict[str, float]:
    figures = {}

    def timed(name: str, work: Callable[[], object]) -> None:
        before = cpu_seconds(server)
        work()
        figures[name] = round(cpu_seconds(server) - before, 3)
        print(f"  {name:70} {figures[name]:9}", flush=True)

    for rollup in (STEPS, *ALL_ROLLUPS):
        each = f"roll up {rollup.name}, sixty days"
        timed(each, lambda: roll_up(engine, ZONE, rollup, price=PRICE))  # noqa: B023
    for number, title, query in QUERY.findall((ROOT / "docs" / "analysts.md").read_text()):
        everyday = "*" if int(number) in EVERYDAY else " "
        timed(f"{everyday}{number}. {title}", lambda: answer(engine, query))  # noqa: B023
    return figures


def opened(url: str) -> Engine:
    migrate(url)
    return open_database(Settings(_env_file=None, database_url=url))  # type: ignore[call-arg]


def on_sqlite(rows: int, folder: Path) -> dict[str, float]:
    engine = opened(f"sqlite:///{folder / 'log.db'}")
    fill(engine, rows, days=DAYS)
    mark_as_settled(engine)
    figures = measure(engine, None)
    engine.dispose()
    return figures


def on_mariadb(rows: int, folder: Path) -> dict[str, float]:
    with mariadb_server(folder, durable=True) as server:
        engine = opened(server.url)
        fill(engine, min(rows, BASE_ROWS), days=DAYS)
        mark_as_settled(engine)
        with engine.begin() as connection:
            connection.execute(text(f"SET GLOBAL innodb_buffer_pool_size = {BUFFER_POOL}"))
            connection.execute(text("CREATE TABLE base AS SELECT * FROM interactions"))
        grow(engine, rows)
        with engine.begin() as connection:
            connection.execute(text("ANALYZE TABLE interactions"))
        figures = measure(engine, server.process.pid)
        engine.dispose()
    return figures


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--only", choices=("sqlite", "mariadb"))
    given = parser.parse_args()
    results = {}
    for name, measured in (("sqlite", on_sqlite), ("mariadb", on_mariadb)):
        if given.only in (None, name):
            print(f"{name}, {given.rows} rows", flush=True)
            with tempfile.TemporaryDirectory(prefix="shopsight-questions-") as folder:
                results[name] = measured(given.rows, Path(folder))
    print("RESULT " + json.dumps(results))


if __name__ == "__main__":
    main()
