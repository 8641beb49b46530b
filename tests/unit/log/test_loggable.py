"""What of an error may stand in a log file."""

import pymysql
import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.exc import DataError, OperationalError, SQLAlchemyError, StatementError

from gateway.config import Settings
from gateway.log.faults import loggable
from gateway.log.schema.database import open_database

STATEMENT = "INSERT INTO interactions (question) VALUES (%s)"


def of(kind: type[SQLAlchemyError], original: Exception) -> str:
    return loggable(kind(STATEMENT, ("canary",), original))  # type: ignore[call-arg]


def test_why_a_server_is_away_is_said() -> None:
    away = pymysql.err.OperationalError(2003, "Can't connect to MySQL server on 'mysql'")
    assert of(OperationalError, away) == f"OperationalError: {away}"


@pytest.mark.parametrize(
    "original",
    [
        pymysql.err.DataError(1366, "Incorrect string value: 'canary' for column 'question'"),
        pymysql.err.OperationalError(1644, "trigger: canary"),
    ],
)
def test_what_is_said_of_a_row_is_not(original: Exception) -> None:
    assert of(DataError, original) == f"{type(original).__name__} {original.args[0]}"


def test_a_value_that_cannot_be_bound_is_not_quoted() -> None:
    original = ValueError("Invalid isoformat string: 'canary'")
    assert loggable(StatementError("canary", STATEMENT, ("canary",), original)) == "ValueError"


def test_a_stack_trace_holds_no_row() -> None:
    engine = open_database(Settings(_env_file=None, database_url="sqlite://"))  # type: ignore[call-arg]
    with pytest.raises(OperationalError) as raised, engine.connect() as connection:
        connection.execute(text("SELECT :value FROM nowhere"), {"value": "canary"})
    assert "nowhere" in str(raised.value)
    assert "canary" not in str(raised.value)
    plain = create_engine("sqlite://")
    with pytest.raises(OperationalError) as quoted, plain.connect() as connection:
        connection.execute(text("SELECT :value FROM nowhere"), {"value": "canary"})
    assert "canary" in str(quoted.value), "as it would be by default"
