"""How the analysts' views and roll-ups grow with the log: times at several sizes of the same sixty
days, on MariaDB with MySQL's default buffer pool. Ends with one line `RESULT {json}`."""

import argparse
import json
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from sqlalchemy import Engine, func, select, text

from gateway.config import Settings
from gateway.log.analysts import VIEWS
from gateway.log.database import open_database
from gateway.log.rollups import HOURLY, roll_up
from gateway.log.tables import interactions
from loadtest.seed_log import BEGIN, fill
from tests.service.servers import mariadb_server, migrate

ZONE = ZoneInfo("Asia/Shanghai")
DAYS = 60
# MySQL's own default; the log at the largest size is many times that.
BUFFER_POOL = 128 * 1024 * 1024
LONG_AGO = datetime(2026, 1, 1, tzinfo=UTC)
# The id begins with six bytes of milliseconds: they are moved with the time.
COPY = """
    INSERT INTO interactions ({columns})
    SELECT UNHEX(CONCAT(LPAD(HEX(CONV(HEX(SUBSTR(interaction_id, 1, 6)), 16, 10) + {ms}), 12, '0'),
            HEX(SUBSTR(interaction_id, 7)))),
        asked_at + INTERVAL {ms} * 1000 MICROSECOND, {others}
    FROM base
"""


def settled(engine: Engine) -> None:
    with engine.begin() as connection:
        connection.execute(interactions.update().values(arrived_at=LONG_AGO))


def grow(engine: Engine, rows: int) -> None:
    """Copies of the first rows, each a few seconds later than the last, until there are so many."""
    others = [c.name for c in interactions.c if c.name not in ("interaction_id", "asked_at")]
    statement = COPY.format(
        columns=", ".join(("interaction_id", "asked_at", *others)),
        others=", ".join(others),
        ms="{ms}",
    )
    with engine.connect() as connection:
        have = connection.scalar(select(func.count()).select_from(interactions)) or 0
        base = connection.scalar(text("SELECT COUNT(*) FROM base")) or 0
        while have < rows:
            connection.execute(text(statement.format(ms=have // base * 1_777)))
            connection.commit()
            have += base


def timed(work: Callable[[], object]) -> float:
    begun = time.perf_counter()
    work()
    return round(time.perf_counter() - begun, 3)


def read(engine: Engine, view: str, condition: str = "") -> Callable[[], object]:
    def rows() -> object:
        with engine.connect() as connection:
            return connection.execute(text(f"SELECT * FROM {view} {condition}")).all()  # noqa: S608

    return rows


def measure(engine: Engine) -> dict[str, float]:
    with engine.begin() as connection:
        connection.execute(text("DELETE FROM rollup_state"))
        connection.execute(text("ANALYZE TABLE interactions"))
    found = {"roll up all": timed(lambda: roll_up(engine, ZONE))}
    last = BEGIN + timedelta(days=DAYS - 1, hours=12)
    fill(engine, 20, seed=int(time.time()), days=0.01, begin=last)
    found["roll up the hour"] = timed(lambda: roll_up(engine, ZONE, HOURLY))
    found["roll up hour and day"] = timed(lambda: roll_up(engine, ZONE))
    again = "UPDATE interactions SET arrived_at = :at WHERE arrived_at > :at"
    with engine.begin() as connection:
        connection.execute(text(again), {"at": LONG_AGO.replace(tzinfo=None)})
    for view in VIEWS:
        if view.endswith("_by_day"):
            found[f"{view}, a day"] = timed(read(engine, view, "WHERE business_day = '2026-11-20'"))
            found[f"{view}, a week"] = timed(
                read(engine, view, "WHERE business_day BETWEEN '2026-11-20' AND '2026-11-26'")
            )
        else:
            found[view] = timed(read(engine, view))
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, nargs="+", default=[100_000, 1_000_000])
    given = parser.parse_args()
    results = {}
    with (
        tempfile.TemporaryDirectory(prefix="shopsight-views-") as folder,
        mariadb_server(Path(folder)) as server,
    ):
        migrate(server.url)
        engine = open_database(Settings(_env_file=None, database_url=server.url))  # type: ignore[call-arg]
        with engine.begin() as connection:
            connection.execute(text(f"SET GLOBAL innodb_buffer_pool_size = {BUFFER_POOL}"))
        print(f"base: {timed(lambda: fill(engine, given.rows[0], days=DAYS))} s", flush=True)
        settled(engine)
        with engine.begin() as connection:
            connection.execute(text("CREATE TABLE base AS SELECT * FROM interactions"))
        for rows in given.rows:
            print(f"{rows} rows, grown in {timed(lambda: grow(engine, rows))} s", flush=True)  # noqa: B023
            results[str(rows)] = measure(engine)
            for name, seconds in results[str(rows)].items():
                print(f"  {name:32} {seconds:8.3f} s", flush=True)
        engine.dispose()
    print("RESULT " + json.dumps(results))


if __name__ == "__main__":
    main()
