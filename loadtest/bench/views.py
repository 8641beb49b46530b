"""`make bench-views`: times of the analysts' views and roll-ups for logs of several sizes. Each log
covers the same sixty days, on MariaDB with MySQL's default buffer pool. The last line is
`RESULT {json}`."""

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
from gateway.log.rollups.roll_up import DETAIL_TABLES, HOURLY, roll_up
from gateway.log.schema.analysts import VIEWS
from gateway.log.schema.database import open_database
from gateway.log.schema.tables import interactions
from loadtest.seed_log import BEGIN, fill
from tests.support.migrating import migrate
from tests.support.servers import mariadb_server
from tests.support.views_from_rows import FROM_ROWS

ZONE = ZoneInfo("Asia/Shanghai")
DAYS = 60
# MySQL's default. The largest log is many times that size.
BUFFER_POOL = 128 * 1024 * 1024
SPANS = {
    "a day": "WHERE business_day = '2026-11-20'",
    "a week": "WHERE business_day BETWEEN '2026-11-20' AND '2026-11-26'",
}
DIFFERENT_SESSIONS = """(SELECT COUNT(DISTINCT session_id) FROM interactions
    WHERE asked_at >= (SELECT starts_at FROM business_days WHERE business_day = '2026-11-20')
    AND asked_at < (SELECT ends_at FROM business_days WHERE business_day = '2026-11-26')) AS v"""
# The query on views that may have as many rows as the log.
TOP = """(SELECT {key}, MIN({shown}), SUM(asked) AS asked FROM {source} {condition}
    GROUP BY {key} ORDER BY asked DESC LIMIT 5) AS top"""
KEYS = {"questions_by_day": ("question_hash", "question"), "images_by_day": 2 * ("image_digest",)}
WORDS_LAST = """(SELECT i.question, most.asked FROM
    (SELECT MIN(example_id) AS example_id, SUM(asked) AS asked FROM daily_questions
    WHERE business_day BETWEEN '2026-11-20' AND '2026-11-26'
    GROUP BY question_hash ORDER BY asked DESC LIMIT 5) AS most
    LEFT JOIN interactions AS i ON i.interaction_id = most.example_id) AS v"""
LONG_AGO = datetime(2026, 1, 1, tzinfo=UTC)
# New values of a copied row. The id begins with six bytes of milliseconds, which move with
# asked_at. Each copy has new sessions. Half of its photos and a third of its questions occur in one
# session only.
NEW = {
    "interaction_id": "UNHEX(CONCAT(LPAD(HEX(CONV(HEX(SUBSTR(interaction_id, 1, 6)), 16, 10)"
    " + seq * 1777), 12, '0'), HEX(SUBSTR(interaction_id, 7))))",
    "asked_at": "asked_at + INTERVAL seq * 1777000 MICROSECOND",
    "session_id": "MD5(CONCAT(session_id, seq))",
    "image_digest": "IF(CRC32(session_id) % 2,"
    " CONVERT(SHA2(CONCAT(image_digest, session_id, seq), 256) USING ascii), image_digest)",
    "question_hash": "IF(CRC32(request_id) % 3, question_hash,"
    " CONVERT(MD5(CONCAT(question_hash, request_id, seq)) USING ascii))",
}
COPY = """
    INSERT INTO interactions ({columns}) SELECT {values} FROM base, {copies}
    WHERE asked_at >= :begin AND asked_at < :end ORDER BY interaction_id, seq
"""


def mark_as_settled(engine: Engine) -> None:
    """Let all rows have arrived long ago, so that no roll-up is due for them."""
    with engine.begin() as connection:
        connection.execute(interactions.update().values(arrived_at=LONG_AGO))


def grow(engine: Engine, rows: int) -> None:
    """Copy the base rows until there are `rows`, each copy 1.777 s later than the one before. They
    are inserted day by day and in the order of the key, as a log grows."""
    names = interactions.c.keys()
    values = ", ".join(NEW.get(name, name) for name in names)
    with engine.connect() as connection:
        have = connection.scalar(select(func.count()).select_from(interactions)) or 0
        base = connection.scalar(text("SELECT COUNT(*) FROM base")) or 0
        copies = f"seq_{have // base}_to_{rows // base - 1}"
        if have >= rows:
            return
        statement = text(COPY.format(columns=", ".join(names), values=values, copies=copies))
        for day in range(DAYS + 5):
            begin = (BEGIN + timedelta(days=day)).replace(tzinfo=None)
            connection.execute(statement, {"begin": begin, "end": begin + timedelta(days=1)})
            connection.commit()


def seconds_of(work: Callable[[], object]) -> float:
    started_at = time.perf_counter()
    work()
    return round(time.perf_counter() - started_at, 3)


def read(engine: Engine, source: str) -> Callable[[], object]:
    def rows() -> object:
        with engine.connect() as connection:
            return connection.execute(text(f"SELECT * FROM {source}")).all()  # noqa: S608

    return rows


def measure(engine: Engine) -> dict[str, float]:
    with engine.begin() as connection:
        for table in ("rollup_state", "rollup_due"):
            connection.execute(text(f"DELETE FROM {table}"))  # noqa: S608
        connection.execute(text("ANALYZE TABLE interactions"))
    figures = {"roll up all": seconds_of(lambda: roll_up(engine, ZONE))}
    last = BEGIN + timedelta(days=DAYS - 1, hours=12)
    fill(engine, 20, seed=int(time.time()), days=0.01, begin=last)
    figures["roll up the hour"] = seconds_of(lambda: roll_up(engine, ZONE, HOURLY))
    figures["roll up hour and day"] = seconds_of(lambda: roll_up(engine, ZONE))
    again = "UPDATE interactions SET arrived_at = :at WHERE arrived_at > :at"
    with engine.begin() as connection:
        connection.execute(text(again), {"at": LONG_AGO.replace(tzinfo=None)})
    for view in VIEWS:
        sources = {"": view}
        if view in FROM_ROWS:
            sources[" from rows"] = f"({FROM_ROWS[view]}) AS v"
        for origin, source in sources.items():
            for span, condition in SPANS.items() if "_by_day" in view else [("all", "")]:
                wanted = f"{source} {condition}"
                if view in KEYS:
                    key, shown = KEYS[view]
                    wanted = TOP.format(key=key, shown=shown, source=source, condition=condition)
                figures[f"{view}{origin}, {span}"] = seconds_of(read(engine, wanted))
    figures["most asked, words last, a week"] = seconds_of(read(engine, WORDS_LAST))
    figures["different sessions, a week"] = seconds_of(read(engine, DIFFERENT_SESSIONS))
    for table in DETAIL_TABLES:
        with engine.connect() as connection:
            count = connection.scalar(select(func.count()).select_from(table))
        figures[f"{table.name}, its rows"] = count or 0
    return figures


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, nargs="+", default=[100_000, 1_000_000])
    given = parser.parse_args()
    results = {}
    with (
        tempfile.TemporaryDirectory(prefix="shopsight-views-") as folder,
        mariadb_server(Path(folder), durable=True) as server,
    ):
        migrate(server.url)
        engine = open_database(Settings(_env_file=None, database_url=server.url))  # type: ignore[call-arg]
        with engine.begin() as connection:
            connection.execute(text(f"SET GLOBAL innodb_buffer_pool_size = {BUFFER_POOL}"))
        print(f"base: {seconds_of(lambda: fill(engine, given.rows[0], days=DAYS))} s", flush=True)
        mark_as_settled(engine)
        with engine.begin() as connection:
            connection.execute(text("CREATE TABLE base AS SELECT * FROM interactions"))
        for rows in given.rows:
            print(f"{rows} rows, grown in {seconds_of(lambda: grow(engine, rows))} s", flush=True)  # noqa: B023
            results[str(rows)] = measure(engine)
            for name, figure in results[str(rows)].items():
                print(f"  {name:45} {figure:10}", flush=True)
        engine.dispose()
    print("RESULT " + json.dumps(results))


if __name__ == "__main__":
    main()
