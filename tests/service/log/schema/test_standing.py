"""`shopsight migrate` on databases that other versions have made."""

from datetime import UTC, date, datetime
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import (
    Column,
    Date,
    Engine,
    Float,
    Inspector,
    Integer,
    String,
    Table,
    func,
    insert,
    inspect,
    select,
    text,
)

import gateway.log.schema.privacy_tables  # noqa: F401 - adds its tables to the metadata
from gateway.cli import migrate
from gateway.log.rollups.tables import metadata
from gateway.log.schema.columns import UtcTime, UuidBytes
from loadtest.seed_log import fill
from tests.support.schema import described, downgrade, head, restore, rows_of, upgrade

# Tables that a database had at an old revision.
AT = {
    "0001": {"interactions"},
    "0015": {
        *("interactions", "images", "feedback", "dead_letters", "business_days", "rollup_state"),
        *("hourly_usage", "hourly_latency", "daily_reach", "daily_repeats", "daily_topics"),
    },
}
# The last of the old ones has all tables of the old head.
LAST = "0029"


@pytest.fixture(autouse=True)
def _settings(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", database_url)


def some(column: Column[Any]) -> object:
    samples = {
        UuidBytes: uuid4(),
        UtcTime: datetime(2026, 11, 2, 3, 4, 5, 678_000, UTC),
        Date: date(2026, 11, 2),
        Float: 0.5,
        Integer: 7,
        String: "something",
    }
    value = next(value for kind, value in samples.items() if isinstance(column.type, kind))
    return value[: column.type.length] if isinstance(value, str) else value


def _row(table: Table, there: Inspector) -> dict[str, object]:
    """In the columns that the table has at the old head."""
    names = {column["name"] for column in there.get_columns(table.name)}
    return {c.name: some(c) for c in table.columns if c.name in names}


@pytest.fixture
def old(engine: Engine) -> Engine:
    """At the old head, with rows in every table."""
    restore(engine)
    fill(engine, 200, days=2)
    there = inspect(engine)
    names = there.get_table_names()
    with engine.begin() as connection:
        for table in (table for name, table in metadata.tables.items() if name in names):
            if not connection.scalar(select(func.count()).select_from(table)):
                connection.execute(insert(table).inline(), _row(table, there))
    return engine


def at(engine: Engine, revision: str) -> None:
    with engine.begin() as connection:
        connection.execute(text(f"UPDATE alembic_version SET version_num = '{revision}'"))


def test_the_old_head_becomes_0001_and_goes_on_with_all_its_rows(
    old: Engine, capsys: pytest.CaptureFixture[str]
) -> None:
    schema, rows = described(old), rows_of(old)
    assert all(rows.values())
    assert rows.pop("alembic_version") == ["('0030',)"]
    assert migrate.run() == 0
    found = rows_of(old)
    assert found.pop("alembic_version") == [f"('{head()}',)"]
    assert not any(found[name] for name in found.keys() - rows.keys()), "of later revisions"
    for name, before in rows.items():  # later revisions have added columns at the end
        assert all(new.startswith(row[:-1]) for row, new in zip(before, found[name], strict=True))
    assert migrate.run() == 0, "and stays what it is"
    downgrade(old, "0001")
    assert described(old) == schema, "what later revisions have added is gone"
    assert rows_of(old) == rows | {"alembic_version": ["('0001',)"]}
    assert capsys.readouterr().err == ""
    upgrade(old)
    downgrade(old, "base")
    assert inspect(old).get_table_names() == ["alembic_version"], "as any database of today"


@pytest.mark.parametrize("revision", [*AT, LAST])
def test_an_older_one_is_told_to_go_to_the_old_head_first(
    old: Engine, revision: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with old.begin() as connection:
        if revision != LAST:
            for view in inspect(old).get_view_names():
                connection.execute(text(f"DROP VIEW {view}"))
        names = set(inspect(connection).get_table_names()) - {"alembic_version"}
        for table in names - AT.get(revision, names):
            connection.execute(text(f"DROP TABLE {table}"))
    at(old, revision)
    said = refused(old, capsys)
    assert revision in said
    assert "`shopsight migrate` of commit" in said


@pytest.mark.parametrize(
    "revision", [f"{int(head()) + 1:04}", f"{int(head()) + 2:04}", "0031", "5d3a91e0"]
)
def test_one_from_the_future_is_told_to_stay_with_its_version(
    engine: Engine, revision: str, capsys: pytest.CaptureFixture[str]
) -> None:
    upgrade(engine)
    fill(engine, 20)
    at(engine, revision)
    said = refused(engine, capsys)
    assert revision in said
    assert "newer" in said


def test_the_version_before_goes_on_with_one_from_the_future_where_it_is_told_to(
    engine: Engine, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """`TAG` leads one version back: in compose all waits for `migrate` to end with 0."""
    upgrade(engine)
    fill(engine, 20)
    at(engine, f"{int(head()) + 1:04}")
    schema, rows = described(engine), rows_of(engine)
    monkeypatch.setenv("GATEWAY_ACCOUNT", "nobody")  # not granted: its tables may be other ones
    assert migrate.run(newer_ok=True) == 0
    assert (described(engine), rows_of(engine)) == (schema, rows)
    said = capsys.readouterr()
    assert "newer" in said.err
    assert "stays as it is" in said.out


def test_an_old_one_is_refused_there_too(old: Engine, capsys: pytest.CaptureFixture[str]) -> None:
    at(old, LAST)
    assert migrate.run(newer_ok=True) == 1
    assert "`shopsight migrate` of commit" in capsys.readouterr().err


def refused(engine: Engine, capsys: pytest.CaptureFixture[str]) -> str:
    """What is said, in one line, about a database that is left as it was."""
    schema, rows = described(engine), rows_of(engine)
    assert migrate.run() == 1
    assert described(engine) == schema
    assert rows_of(engine) == rows
    said = capsys.readouterr()
    assert (said.out, said.err.count("\n")) == ("", 1)
    return said.err
