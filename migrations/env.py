"""Runs the revisions on the database of the gateway's settings, or on a connection given to it."""

from alembic import context
from sqlalchemy import Connection, func, select, text

import gateway.log.rollups.tables
import gateway.log.schema.access_tables
import gateway.log.schema.batch_tables
import gateway.log.schema.canary_tables
import gateway.log.schema.privacy_tables  # noqa: F401 - they add their tables to the metadata
from gateway.config import Settings
from gateway.log.schema.database import open_database
from gateway.log.schema.tables import metadata
from migrations.standing import settle

# A migration that waits longer for a lock gives up instead of queueing every insert behind itself.
LOCK_WAIT_S = 2
# How long one that starts at the same time as others waits for the one that migrates.
TURN_WAIT_S = 300


def run(connection: Connection) -> None:
    if connection.dialect.name == "sqlite":
        run_on_a_file(connection)
        return
    connection.execute(text(f"SET SESSION lock_wait_timeout = {LOCK_WAIT_S}"))
    # Of the session, not of a transaction: DDL commits by itself, and a dead session frees it.
    turn = func.concat("shopsight migrates ", func.md5(func.database()))  # 64 at most
    if connection.scalar(select(func.get_lock(turn, TURN_WAIT_S))) != 1:
        raise TimeoutError(f"another one has been migrating for {TURN_WAIT_S} s")
    try:
        settle(connection, known())
        # Ends the transaction that this began: inside one, alembic would leave the commit to us,
        # and a server whose DDL commits by itself would keep the table but forget the revision.
        connection.commit()
        migrate(connection)
    finally:
        connection.execute(select(func.release_lock(turn)))
        connection.commit()


def run_on_a_file(connection: Connection) -> None:
    """All of it or nothing: a file takes back DDL too, and its transaction is a turn as well."""
    connection.exec_driver_sql("BEGIN IMMEDIATE")
    settle(connection, known())
    migrate(connection)
    connection.commit()


def known() -> set[str]:
    return {script.revision for script in context.script.walk_revisions()}


def migrate(connection: Connection) -> None:
    context.configure(
        connection=connection,
        target_metadata=metadata,
        compare_server_default=True,
        transaction_per_migration=True,
        render_as_batch=connection.dialect.name == "sqlite",
    )
    with context.begin_transaction():
        context.run_migrations()


given = context.config.attributes.get("connection")
if given is not None:
    run(given)
else:
    engine = open_database(Settings())
    with engine.connect() as fresh:
        run(fresh)
    engine.dispose()
