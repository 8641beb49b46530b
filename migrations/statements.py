"""Statements for revisions that have to be whole: MariaDB and MySQL commit after each, so that one
that fails between two would leave a schema of no revision."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from alembic import op
from sqlalchemy import Column, MetaData, Table, TextClause, text
from sqlalchemy.schema import CreateColumn

from migrations.columns import SERVERS

OF_A_SERVER = "ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci"


def create(
    name: str, *columns: Column[Any], index: Sequence[str] = (), partitions: str = ""
) -> None:
    """A table with its single-column indexes: one statement on a server, which may be run again
    after a migration that was killed. A file has no partitions."""
    table = Table(name, MetaData(), *columns)
    key = ", ".join(column.name for column in table.primary_key)
    parts = [*map(_definition, table.columns), f"CONSTRAINT pk_{name} PRIMARY KEY ({key})"]
    if _on_a_server():
        parts += [f"INDEX {_index_name(name, column)} ({column})" for column in index]
        what = f"({', '.join(parts)}) {OF_A_SERVER} {partitions}"
        op.execute(f"CREATE TABLE IF NOT EXISTS {name} {what}")
        return
    op.execute(f"CREATE TABLE {name} ({', '.join(parts)})")
    for column in index:
        op.execute(f"CREATE INDEX {_index_name(name, column)} ON {name} ({column})")


def alter(
    table: str,
    *,
    add: Sequence[Column[Any]] = (),
    index: Sequence[str] = (),
    unique: Sequence[str] = (),
) -> None:
    """Add columns and single-column indexes, in one ALTER on a server. SQLite makes the table anew
    to give a column a default that is not constant; it cannot while there are views of it."""
    if _on_a_server():
        parts = [f"ADD COLUMN {_definition(column)}" for column in add]
        parts += [f"ADD INDEX {_index_name(table, name)} ({name})" for name in index]
        parts += [f"ADD UNIQUE INDEX {_index_name(table, name)} ({name})" for name in unique]
        op.execute(f"ALTER TABLE {table} {', '.join(parts)}")
        return
    if any(column.server_default is not None for column in add):
        with op.batch_alter_table(table, recreate="always") as batch:
            for column in add:
                batch.add_column(column)
    else:
        for column in add:
            op.add_column(table, column)
    for name in (*index, *unique):
        op.create_index(_index_name(table, name), table, [name], unique=name in unique)


def undo_alter(table: str, *, drop: Sequence[str] = (), index: Sequence[str] = ()) -> None:
    if _on_a_server():
        parts = [f"DROP INDEX {_index_name(table, name)}" for name in index]
        parts += [f"DROP COLUMN {name}" for name in drop]
        op.execute(f"ALTER TABLE {table} {', '.join(parts)}")
        return
    for name in index:
        op.drop_index(_index_name(table, name), table)
    for name in drop:
        op.drop_column(table, name)


def modify(table: str, column: Column[Any]) -> None:
    """Another collation of a column. A file has none: it compares byte by byte."""
    if _on_a_server():
        op.execute(f"ALTER TABLE {table} MODIFY COLUMN {_definition(column)}")


def view(name: str, query: str) -> None:
    """A view, or another one under its name: may be run again."""
    op.execute(f"DROP VIEW IF EXISTS {name}")
    op.execute(f"CREATE VIEW {name} AS {query}")


def views_of(file: Path) -> dict[str, str]:
    """The queries of a file of `CREATE VIEW name AS …;`, by name."""
    return dict(re.findall(r"^CREATE VIEW (\w+) AS\n(.*?);$", file.read_text(), re.M | re.S))


def now() -> TextClause:
    """Default of a column: the database's clock in UTC to the millisecond, whatever zone its
    sessions are in."""
    if _on_a_server():
        return text("(UTC_TIMESTAMP(3))")
    return text("(STRFTIME('%Y-%m-%d %H:%M:%f000', 'now'))")  # as SQLAlchemy writes a DateTime


def _on_a_server() -> bool:
    return op.get_bind().dialect.name in SERVERS


def _definition(column: Column[Any]) -> str:
    return str(CreateColumn(column).compile(dialect=op.get_bind().dialect))


def _index_name(table: str, column: str) -> str:
    return f"ix_{table}_{column}"
