"""Revision 0001 makes the schema of the code's tables, which 29 revisions made before it."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import Engine, create_engine, inspect, text
from sqlalchemy.exc import DBAPIError

import gateway.log.schema.access_tables
import gateway.log.schema.batch_tables
import gateway.log.schema.canary_tables
import gateway.log.schema.privacy_tables  # noqa: F401 - they add their tables to the metadata
from gateway.log.rollups.tables import metadata
from gateway.log.schema.analysts import VIEWS
from gateway.log.schema.partitions import (
    existing_months,
    last_month_ahead,
    month_of,
    months,
    next_month,
    partition_clauses,
    partition_name,
)
from loadtest.seed_log import fill
from tests.support.schema import (
    check,
    described,
    downgrade,
    partition_rows,
    restore,
    tables_of,
    upgrade,
)


@pytest.fixture
def another(engine: Engine) -> Iterator[Engine]:
    """A second empty database of the same kind."""
    name = f"{(engine.url.database or '').removesuffix('.db')}_2"
    if engine.dialect.name == "sqlite":
        made = create_engine(engine.url.set(database=f"{name}.db"))
        yield made
        made.dispose()
        return
    with engine.begin() as connection:
        connection.execute(text(f"CREATE DATABASE `{name}` CHARACTER SET utf8mb4"))
    made = create_engine(engine.url.set(database=name))
    yield made
    made.dispose()
    with engine.begin() as connection:
        connection.execute(text(f"DROP DATABASE `{name}`"))


def test_it_makes_what_the_revisions_before_it_made(engine: Engine, another: Engine) -> None:
    restore(another)
    if another.dialect.name != "sqlite":  # they were run in another month
        now = datetime.now(UTC)
        clauses = partition_clauses(months(now, last_month_ahead(now)))
        by_month = f"RANGE COLUMNS (interaction_id) ({clauses})"
        with another.begin() as connection:
            connection.execute(text(f"ALTER TABLE interactions PARTITION BY {by_month}"))
    upgrade(engine, "0001")
    assert described(engine) == described(another)


def test_the_revisions_make_the_tables_and_the_views_of_the_code(
    engine: Engine, another: Engine
) -> None:
    upgrade(another)
    downgrade(another, "base")
    metadata.create_all(another)
    upgrade(engine)
    found = described(engine)
    assert tables_of(found) == tables_of(described(another))
    assert found.keys() == {*metadata.tables, *VIEWS}


def test_alembic_finds_nothing_to_add(engine: Engine) -> None:
    upgrade(engine)
    check(engine)


def test_down_leaves_nothing_and_up_makes_the_same_again(engine: Engine) -> None:
    upgrade(engine)
    made = described(engine)
    upgrade(engine)  # twice: nothing to do
    downgrade(engine, "base")
    assert inspect(engine).get_table_names() == ["alembic_version"]
    assert inspect(engine).get_view_names() == []
    upgrade(engine)
    assert described(engine) == made


def test_one_that_was_killed_halfway_is_simply_run_again(engine: Engine, another: Engine) -> None:
    with engine.begin() as connection:  # where a view is to be: all tables are made before
        connection.execute(text("CREATE TABLE latency_by_day (day INT)"))
    with pytest.raises(DBAPIError, match="latency_by_day"):
        upgrade(engine)
    if engine.dialect.name == "sqlite":
        assert inspect(engine).get_table_names() == ["latency_by_day"], "all of it or nothing"
    else:
        assert "daily_funnel" in inspect(engine).get_table_names()
    with engine.begin() as connection:
        connection.execute(text("DROP TABLE latency_by_day"))
    upgrade(engine)
    upgrade(another)
    assert described(engine) == described(another)


@pytest.mark.parametrize("database_url", ["mariadb"], indirect=True)  # a file has no partitions
def test_rows_lie_in_the_month_of_their_id(engine: Engine) -> None:
    upgrade(engine)
    this = month_of(datetime.now(UTC))
    following = next_month(this)
    with engine.connect() as connection:
        made = existing_months(connection)
    assert made == list(months(this, last_month_ahead(this))), "this month and those ahead"
    for seed, begin in enumerate(
        (this - timedelta(days=9), this, following, made[-1], next_month(made[-1]))
    ):
        fill(engine, 10, seed=seed, days=1, begin=begin)
    assert partition_rows(engine) == {
        partition_name(this): 20,
        partition_name(following): 10,
        partition_name(made[-1]): 10,
        "p_rest": 10,
    }
