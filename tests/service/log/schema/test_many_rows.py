"""Many rows by one statement are the rows that SQLAlchemy's own `insert` makes of them."""

import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from sqlalchemy import Column, Engine, Integer, MetaData, Table, insert, select
from sqlalchemy.exc import IntegrityError, StatementError

from gateway.log.faults import Fault, fault_of
from gateway.log.schema.columns import UtcTime, UuidBytes, code, unicode_text
from gateway.log.schema.many_rows import insert_many

TABLE = Table(
    "many rows %s",  # what has to be quoted is
    MetaData(),
    Column("id", UuidBytes, primary_key=True),
    Column("at", UtcTime),
    Column("said", unicode_text()),
    Column("order", Integer),
    Column("mood", code(8), server_default="calm"),
)
NOTHING: dict[str, Any] = {"at": None, "said": None, "order": None, "mood": None}
SHANGHAI = timezone(timedelta(hours=8))
ROWS = [
    {"id": uuid.UUID(int=1), **NOTHING, "said": "100 %s 👜'\\; ?", "order": 7},
    {"id": uuid.UUID(int=2), **NOTHING, "at": datetime(2026, 11, 1, 7, tzinfo=SHANGHAI)},
]


@pytest.fixture
def engine(engine: Engine) -> Iterator[Engine]:
    TABLE.create(engine)
    yield engine
    TABLE.drop(engine)


def read(engine: Engine) -> list[dict[str, Any]]:
    with engine.connect() as connection:
        found = connection.execute(select(TABLE).order_by(TABLE.c.id))
        return [dict(row) for row in found.mappings()]


def test_rows_are_those_that_one_by_one_inserts_make(engine: Engine) -> None:
    with engine.begin() as connection:
        insert_many(connection, TABLE, ROWS, always=["mood"])
    many = read(engine)
    assert many[1]["at"] == datetime(2026, 10, 31, 23, tzinfo=UTC)
    with engine.begin() as connection:
        connection.execute(TABLE.delete())
        connection.execute(insert(TABLE), ROWS)
    assert many == read(engine)


def test_what_no_row_fills_takes_its_default_unless_it_is_always_sent(engine: Engine) -> None:
    with engine.begin() as connection:
        insert_many(connection, TABLE, ROWS)
    assert [row["mood"] for row in read(engine)] == ["calm", "calm"]


def test_rows_need_not_name_the_same_columns(engine: Engine) -> None:
    few = {"id": uuid.UUID(int=3), "said": "少"}
    with engine.begin() as connection:
        insert_many(connection, TABLE, [*ROWS, few], always=["mood"])
    assert [row["mood"] for row in read(engine)] == [None, None, "calm"]


def test_a_row_may_name_one_column_only(engine: Engine) -> None:
    with engine.begin() as connection:
        insert_many(connection, TABLE, [{"id": uuid.UUID(int=4)}])
    assert [row["id"].int for row in read(engine)] == [4]


@pytest.mark.parametrize("said", ["0001-01-01T00:00:00+08:00", "9999-12-31T23:59:59-08:00"])
def test_a_value_that_no_column_takes_is_the_row_s_fault(engine: Engine, said: str) -> None:
    """Not the server's, which would be asked for ever."""
    there = datetime.fromisoformat(said)
    with pytest.raises(StatementError) as raised, engine.begin() as connection:
        insert_many(connection, TABLE, [*ROWS, {**ROWS[0], "id": uuid.UUID(int=5), "at": there}])
    assert fault_of(raised.value) is Fault.EVENT
    assert "100 %" not in str(raised.value)
    assert read(engine) == []


def test_of_rows_with_one_that_is_there_already_none_is_added(engine: Engine) -> None:
    with engine.begin() as connection:
        insert_many(connection, TABLE, ROWS[:1])
    with pytest.raises(IntegrityError), engine.begin() as connection:
        insert_many(connection, TABLE, ROWS[::-1])
    assert len(read(engine)) == 1
