"""Rows as events and back; what an error of a database says about an event."""

import json
import sqlite3
import uuid
from datetime import UTC, datetime
from typing import Any

import pymysql
import pytest
from sqlalchemy.exc import DataError, IntegrityError, OperationalError, StatementError

from gateway.log.event import VERSION, BadEvent, TableShape, id_of, pseudonym_of, to_event
from gateway.log.faults import Fault, fault_of, reason_of
from gateway.log.schema.tables import interactions

ROW: dict[str, Any] = {
    "interaction_id": uuid.UUID("0190a0b0-0000-7000-8000-000000000001"),
    "asked_at": datetime(2026, 11, 22, 16, 30, 1, 123_000, tzinfo=UTC),
    "question": "这是真皮吗?👜",
    "user_pseudonym": "ab" * 16,
    "image_width": 64,
    "total_ms": 1.25,
    "answer": None,
}
COLUMNS = list(ROW)


def test_a_row_comes_back_as_it_was() -> None:
    assert TableShape.of(interactions, COLUMNS).row(to_event(ROW)) == (ROW, set())


def test_an_event_says_its_version_and_leaves_out_what_is_empty() -> None:
    fields = json.loads(to_event(ROW))
    assert fields["v"] == VERSION
    assert "answer" not in fields


def test_an_event_is_ascii_whatever_people_and_models_say() -> None:
    assert to_event({**ROW, "answer": "好 \ud83d \x00"}).isascii()


def test_a_number_that_json_does_not_have_is_an_error_here_not_in_the_database() -> None:
    with pytest.raises(ValueError, match="JSON"):
        to_event({**ROW, "total_ms": float("nan")})


def test_only_columns_that_the_database_has_are_sent_and_the_others_named() -> None:
    event = to_event({**ROW, "mood": "pleased"})
    columns = ["interaction_id", "question", "weather"]
    row, unknown_fields = TableShape.of(interactions, columns).row(event)
    assert row == {
        "interaction_id": ROW["interaction_id"],
        "question": ROW["question"],
        "weather": None,
    }
    assert unknown_fields == {"asked_at", "user_pseudonym", "image_width", "total_ms", "mood"}


@pytest.mark.parametrize("text", ["", "[]", "null", "{}", '{"v":1}', '{"v":1,"interaction_id":7}'])
def test_what_is_no_event_is_said_to_be_none(text: str) -> None:
    with pytest.raises(BadEvent):
        TableShape.of(interactions, COLUMNS).row(text)
    assert id_of(text) == id_of(text) != id_of(text + " ")
    assert pseudonym_of(text) is None


def test_an_event_names_its_interaction_and_its_user() -> None:
    assert id_of(to_event(ROW)) == ROW["interaction_id"]
    assert pseudonym_of(to_event(ROW)) == ROW["user_pseudonym"]


def mysql(kind: type[Any], code: int, *, lost: bool = False) -> Exception:
    original = pymysql.err.OperationalError(code, "words of the server")
    error: Exception = kind("INSERT …", {}, original, connection_invalidated=lost)
    return error


@pytest.mark.parametrize(
    ("error", "fault"),
    [
        (mysql(IntegrityError, 1062), Fault.DUPLICATE),
        (mysql(OperationalError, 1213), Fault.CONFLICT),
        (mysql(OperationalError, 1205), Fault.CONFLICT),
        (mysql(OperationalError, 1054), Fault.SCHEMA),
        (mysql(DataError, 1406), Fault.EVENT),
        (mysql(IntegrityError, 1048), Fault.EVENT),
        (mysql(OperationalError, 4025), Fault.EVENT),
        (mysql(OperationalError, 2003), Fault.SERVER),
        (mysql(OperationalError, 2013), Fault.SERVER),
        *((mysql(OperationalError, code), Fault.SERVER) for code in (1290, 1792, 1836)),
        (mysql(DataError, 1406, lost=True), Fault.SERVER),
        (mysql(OperationalError, 1999), Fault.UNKNOWN),
        (BadEvent("x"), Fault.EVENT),
        (UnicodeEncodeError("utf-8", "\ud83d", 0, 1, "surrogate"), Fault.EVENT),
        (StatementError("cannot bind", "INSERT …", {}, ValueError()), Fault.EVENT),
        (MemoryError(), Fault.UNKNOWN),
    ],
)
def test_an_error_says_whose_fault_it_is(error: Exception, fault: Fault) -> None:
    assert fault_of(error) is fault


@pytest.mark.parametrize(
    ("statement", "fault"),
    [
        ("INSERT INTO one VALUES (1)", Fault.DUPLICATE),
        ("INSERT INTO one VALUES (NULL)", Fault.EVENT),
        ("INSERT INTO two VALUES (1)", Fault.SERVER),
        ("INSERT INTO one (b) VALUES (1)", Fault.SCHEMA),
    ],
)
def test_sqlite_says_it_too(statement: str, fault: Fault) -> None:
    connection = sqlite3.connect(":memory:")
    connection.executescript(
        "CREATE TABLE one (a TEXT NOT NULL UNIQUE); INSERT INTO one VALUES (1)"
    )
    with pytest.raises(sqlite3.Error) as raised:
        connection.execute(statement)
    kind = IntegrityError if isinstance(raised.value, sqlite3.IntegrityError) else OperationalError
    assert fault_of(kind(statement, {}, raised.value)) is fault


def test_a_reason_holds_what_the_database_said_and_not_what_people_said() -> None:
    error = DataError("INSERT …", {"q": "secret"}, pymysql.err.DataError(1406, "too long for 'q'"))
    assert reason_of(error) == "DataError: (1406, \"too long for 'q'\")"
