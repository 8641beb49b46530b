"""Schema changes in one statement, for migrations. MariaDB and MySQL commit after each statement,
so a migration that fails between two would leave a schema that belongs to no revision."""

from alembic import op
from sqlalchemy import Column
from sqlalchemy.schema import CreateColumn

from gateway.log.schema.columns import MYSQL


def alter(
    table: str, *, add: list[Column[object]] | None = None, index: tuple[str, ...] = ()
) -> None:
    """Add columns and single-column indexes, with one ALTER on a server. For a column whose default
    is not constant, SQLite has to copy the table, which fails once there are views of it."""
    add = add or []
    if op.get_bind().dialect.name in MYSQL:
        dialect = op.get_bind().dialect
        changes = [f"ADD COLUMN {CreateColumn(column).compile(dialect=dialect)}" for column in add]
        changes += [f"ADD INDEX {index_name(table, name)} ({name})" for name in index]
        op.execute(f"ALTER TABLE {table} {', '.join(changes)}")
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
    """Drop indexes and columns that `alter` added."""
    if op.get_bind().dialect.name in MYSQL:
        changes = [f"DROP INDEX {index_name(table, name)}" for name in index]
        changes += [f"DROP COLUMN {name}" for name in drop]
        op.execute(f"ALTER TABLE {table} {', '.join(changes)}")
        return
    for name in index:
        op.drop_index(index_name(table, name), table)
    for name in drop:
        op.drop_column(table, name)


def index_name(table: str, column: str) -> str:
    return f"ix_{table}_{column}"
