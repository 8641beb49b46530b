"""`shopsight sql "SELECT …"`: runs one read-only query on the log and prints a table."""

import sys
import unicodedata
from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Any

from sqlalchemy import Engine, text
from sqlalchemy.exc import DBAPIError

from gateway.cli.printable import printable
from gateway.config import Settings
from gateway.log.faults import reason_of
from gateway.log.schema.columns import MYSQL
from gateway.log.schema.database import open_database


def run(query: str) -> int:
    engine = open_database(Settings())
    try:
        print(answer(engine, query))
    except DBAPIError as error:
        print(printable(reason_of(error)), file=sys.stderr)
        return 1
    finally:
        engine.dispose()
    return 0


def answer(engine: Engine, query: str) -> str:
    """The rows as lines of text, the same for every database."""
    server = engine.dialect.name in MYSQL
    with engine.connect() as connection:
        if server:
            connection.execute(text("SET SESSION TRANSACTION READ ONLY"))
            connection.commit()
        else:
            connection.execute(text("PRAGMA query_only=ON"))
        try:
            # Escaped, so that SQLAlchemy does not read a colon as a parameter.
            result = connection.execute(text(query.replace(":", r"\:")))
            return table(list(result.keys()), [tuple(row) for row in result])
        finally:
            connection.invalidate()  # the next user of the connection may write


def table(names: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    """Lines of a table: columns are as wide as their widest cell, numbers are aligned right."""
    lines = [[_shown(value) for value in row] for row in rows]
    numeric = [
        all(isinstance(value, int | float | Decimal | None) for value in column)
        for column in zip(*rows, strict=True)
    ] or [False] * len(names)
    widths = [max(map(_width, column)) for column in zip(names, *lines, strict=True)]
    return "\n".join(
        "  ".join(
            _padded(cell, width, right)
            for cell, width, right in zip(line, widths, numeric, strict=True)
        ).rstrip()
        for line in [list(names), *lines]
    )


def _shown(value: Any) -> str:
    if value is None:
        return "NULL"
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, Decimal) and value == value.to_integral_value():
        return str(int(value))  # a sum is a Decimal on servers, an int in SQLite
    if isinstance(value, float | Decimal):
        return f"{float(value):.10g}"
    return printable(str(value))


def _width(cell: str) -> int:
    """Width in a terminal: a Chinese character takes two places."""
    return sum(2 if unicodedata.east_asian_width(letter) in "WF" else 1 for letter in cell)


def _padded(cell: str, width: int, right: bool) -> str:
    filling = " " * (width - _width(cell))
    return filling + cell if right else cell + filling
