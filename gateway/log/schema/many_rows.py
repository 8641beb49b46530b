"""Inserts many rows by one statement. SQLAlchemy's `insert` handles each value of each row by a
bound parameter of its own, filled or not: of what a row of the log cost the forwarder, that was
the largest part."""

from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any

from sqlalchemy import Connection, Table
from sqlalchemy.exc import StatementError


def insert_many(
    connection: Connection,
    table: Table,
    rows: Iterable[Mapping[str, Any]],
    always: Collection[str] = (),
) -> None:
    """The rows name columns, and have values as they are for `insert`. There is one statement for
    each set of names. A column that no row of it fills is left out, as one that is NULL; not those
    in `always`, whose default is something else. Raises what `connection.execute` raises."""
    groups: dict[tuple[str, ...], list[Mapping[str, Any]]] = {}
    for row in rows:
        groups.setdefault(tuple(row), []).append(row)
    for names, alike in groups.items():
        sent = [
            name for name in names if name in always or any(row[name] is not None for row in alike)
        ]
        _insert(connection, table, sent, alike)


def _insert(
    connection: Connection, table: Table, names: list[str], rows: list[Mapping[str, Any]]
) -> None:
    quote = connection.dialect.identifier_preparer.quote
    mark = "?" if connection.dialect.paramstyle == "qmark" else "%s"
    columns = ", ".join(map(quote, names))
    marks = ", ".join([mark] * len(names))
    statement = f"INSERT INTO {quote(table.name)} ({columns}) VALUES ({marks})"  # noqa: S608
    converters = [
        (at, converter)
        for at, name in enumerate(names)
        if (converter := _converter(connection, table, name)) is not None
    ]
    try:
        values = [_values(row, names, converters) for row in rows]
    except Exception as error:  # as SQLAlchemy says it: a row is at fault, not the server
        raise StatementError(str(error), None, None, error, hide_parameters=True) from error
    connection.exec_driver_sql(statement, values)


def _values(
    row: Mapping[str, Any], names: list[str], converters: list[tuple[int, Callable[[Any], Any]]]
) -> tuple[Any, ...]:
    values = [row[name] for name in names]
    for at, converter in converters:
        values[at] = converter(values[at])
    return tuple(values)


def _converter(connection: Connection, table: Table, name: str) -> Callable[[Any], Any] | None:
    """What turns a value into the driver's; None where they are the same."""
    kind = table.c[name].type
    dialect = connection.dialect
    return kind.dialect_impl(dialect).bind_processor(dialect)
