"""Months of the log: partitions on MariaDB, rows of a file."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import Engine, func, select, text

from gateway.log.schema.partitions import (
    add_months_ahead,
    drop_months_before,
    existing_months,
    first_id_at,
    last_month_ahead,
    months,
    partition_clauses,
)
from gateway.log.schema.tables import interactions
from loadtest.seed_log import fill
from tests.support.migrating import migrate
from tests.support.schema import partition_rows

OCTOBER = datetime(2026, 10, 1, tzinfo=UTC)
# The generator's days are of this month, the ones that it is told to make of others.
NOVEMBER = datetime(2026, 11, 1, tzinfo=UTC)


def count(engine: Engine) -> int:
    with engine.connect() as connection:
        return connection.scalar(select(func.count()).select_from(interactions)) or 0


@pytest.fixture
def log(database_url: str, engine: Engine) -> Engine:
    """100 rows of October, 100 of November, each in its month: on a server as if the schema had
    been made in October, whenever this runs."""
    migrate(database_url)
    if engine.dialect.name != "sqlite":
        partitions = partition_clauses(months(OCTOBER, last_month_ahead(datetime.now(UTC))))
        change = f"PARTITION BY RANGE COLUMNS (interaction_id) ({partitions})"
        with engine.begin() as connection:
            connection.execute(text(f"ALTER TABLE interactions {change}"))
    fill(engine, 100, seed=1, days=20, begin=OCTOBER)
    fill(engine, 100, seed=2, days=20, begin=NOVEMBER)
    return engine


def test_rows_lie_in_their_month(log: Engine) -> None:
    assert count(log) == 200
    if log.dialect.name != "sqlite":
        assert partition_rows(log) == {"p202610": 100, "p202611": 100}


def test_months_are_made_ahead_and_once(log: Engine) -> None:
    in_a_year = datetime(2027, 11, 22, tzinfo=UTC)
    made = add_months_ahead(log, in_a_year)
    if log.dialect.name == "sqlite":
        assert made == []
        return
    assert made[-1] == "p202802"
    assert add_months_ahead(log, in_a_year) == []
    with log.connect() as connection:
        assert existing_months(connection)[-1] == datetime(2028, 2, 1, tzinfo=UTC)


def test_a_row_beyond_the_last_month_is_kept_and_moves_to_its_month(log: Engine) -> None:
    fill(log, 10, seed=3, days=1, begin=datetime(2027, 6, 10, tzinfo=UTC))
    assert count(log) == 210
    add_months_ahead(log, datetime(2027, 6, 1, tzinfo=UTC))
    if log.dialect.name != "sqlite":
        assert partition_rows(log)["p202706"] == 10


def test_whole_months_are_dropped_and_the_rest_stays(log: Engine) -> None:
    assert drop_months_before(log, datetime(2026, 10, 31, tzinfo=UTC)) == 0
    assert count(log) == 200, "October is not over"
    assert drop_months_before(log, NOVEMBER + timedelta(days=3)) > 0
    assert count(log) == 100
    assert drop_months_before(log, NOVEMBER + timedelta(days=3)) == 0


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
