"""Statements for revisions that have to be whole: MariaDB and MySQL commit after each, so that one
that fails between two would leave a schema of no revision."""

from alembic import op
from sqlalchemy import Column
from sqlalchemy.schema import CreateColumn

from gateway.log.schema.columns import MYSQL


def alter(
    table: str, *, add: list[Column[object]] | None = None, index: tuple[str, ...] = ()
) -> None:
    """Add columns and single-column indexes, in one ALTER on a server. SQLite makes the table anew
    to give a column a default that is not constant; it cannot once there are views of it."""
    add = add or []
    if op.get_bind().dialect.name in MYSQL:
        dialect = op.get_bind().dialect
        parts = [f"ADD COLUMN {CreateColumn(column).compile(dialect=dialect)}" for column in add]
        parts += [f"ADD INDEX {index_name(table, name)} ({name})" for name in index]
        op.execute(f"ALTER TABLE {table} {', '.join(parts)}")
        return
    if any(column.server_default is not None for column in add):
        with op.batch_alter_table(table, recreate="always") as batch:
            for column in add:
                batch.add_column(column)
    else:
        for column in add:
            op.add_column(table, column)
    for name in index:
        op.create_index(index_name(table, name), table, [name])


def undo_alter(table: str, *, drop: tuple[str, ...] = (), index: tuple[str, ...] = ()) -> None:
    if op.get_bind().dialect.name in MYSQL:
        parts = [f"DROP INDEX {index_name(table, name)}" for name in index]
        parts += [f"DROP COLUMN {name}" for name in drop]
        op.execute(f"ALTER TABLE {table} {', '.join(parts)}")
        return
    for name in index:
        op.drop_index(index_name(table, name), table)
    for name in drop:
        op.drop_column(table, name)


def index_name(table: str, column: str) -> str:
    return f"ix_{table}_{column}"
