"""Months of the log: partitions on MariaDB, rows of a file."""

from datetime import UTC, datetime, timedelta

import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import Engine, func, select, text

from gateway.log.schema.partitions import drop_before, extend, first_id_at, present
from gateway.log.schema.tables import interactions
from loadtest.seed_log import fill
from tests.support import ROOT
from tests.support.schema import migrate

OCTOBER = datetime(2026, 10, 1, tzinfo=UTC)
# The generator's days are of this month, the ones that it is told to make of others.
NOVEMBER = datetime(2026, 11, 1, tzinfo=UTC)


def count(engine: Engine) -> int:
    with engine.connect() as connection:
        return connection.scalar(select(func.count()).select_from(interactions)) or 0


def to(engine: Engine, revision: str) -> None:
    config = Config(ROOT / "migrations" / "alembic.ini")
    with engine.connect() as connection:
        config.attributes["connection"] = connection
        if revision == "head":
            command.upgrade(config, revision)
        else:
            command.downgrade(config, revision)


def partition_rows(engine: Engine) -> dict[str, int]:
    with engine.connect() as connection:
        names = connection.scalars(
            text(
                "SELECT partition_name FROM information_schema.partitions WHERE table_schema ="
                " DATABASE() AND table_name = 'interactions'"
            )
        ).all()
        found = {
            name: connection.scalar(text(f"SELECT COUNT(*) FROM interactions PARTITION ({name})"))
            for name in names
        }
    return {name: rows for name, rows in found.items() if rows}


@pytest.fixture
def log(database_url: str, engine: Engine) -> Engine:
    """100 rows of October, 100 of November, made before the table had partitions."""
    migrate(database_url)
    to(engine, "0007")
    with engine.begin() as connection:  # the schema of 0007 lacks nothing that a row has
        assert connection.scalar(select(func.count()).select_from(interactions)) == 0
    fill(engine, 100, seed=1, days=20, begin=OCTOBER)
    fill(engine, 100, seed=2, days=20, begin=NOVEMBER)
    to(engine, "head")
    return engine


def test_rows_survive_the_way_up_and_down_and_lie_in_their_month(log: Engine) -> None:
    assert count(log) == 200
    if log.dialect.name != "sqlite":
        assert partition_rows(log) == {"p202610": 100, "p202611": 100}
    to(log, "0004")
    assert count(log) == 200
    to(log, "head")
    assert count(log) == 200


def test_months_are_made_ahead_and_once(log: Engine) -> None:
    in_a_year = datetime(2027, 11, 22, tzinfo=UTC)
    made = extend(log, in_a_year)
    if log.dialect.name == "sqlite":
        assert made == []
        return
    assert made[-1] == "p202802"
    assert extend(log, in_a_year) == []
    with log.connect() as connection:
        assert present(connection)[-1] == datetime(2028, 2, 1, tzinfo=UTC)


def test_a_row_beyond_the_last_month_is_kept_and_moves_to_its_month(log: Engine) -> None:
    fill(log, 10, seed=3, days=1, begin=datetime(2027, 6, 10, tzinfo=UTC))
    assert count(log) == 210
    extend(log, datetime(2027, 6, 1, tzinfo=UTC))
    if log.dialect.name != "sqlite":
        assert partition_rows(log)["p202706"] == 10


def test_whole_months_are_dropped_and_the_rest_stays(log: Engine) -> None:
    assert drop_before(log, datetime(2026, 10, 31, tzinfo=UTC)) == 0
    assert count(log) == 200, "October is not over"
    assert drop_before(log, NOVEMBER + timedelta(days=3)) > 0
    assert count(log) == 100
    assert drop_before(log, NOVEMBER + timedelta(days=3)) == 0


@pytest.mark.parametrize("database_url", ["mariadb"], indirect=True)  # a file has no partitions
def test_an_id_reads_one_partition(log: Engine) -> None:
    low, high = first_id_at(NOVEMBER).hex, first_id_at(NOVEMBER + timedelta(days=9)).hex
    with log.connect() as connection:
        plan = connection.execute(
            text(
                "EXPLAIN PARTITIONS SELECT COUNT(*) FROM interactions WHERE interaction_id >="
                f" X'{low}' AND interaction_id < X'{high}'"
            )
        ).mappings()
        assert [row["partitions"] for row in plan] == ["p202611"]
