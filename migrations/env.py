"""Runs the revisions on the database of the gateway's settings, or on a connection given to it."""

from alembic import context
from sqlalchemy import Connection, text

from gateway.config import Settings
from gateway.log.database import open_database
from gateway.log.tables import metadata

# A migration that waits longer for a lock gives up instead of queueing every insert behind itself.
LOCK_WAIT_S = 2


def run(connection: Connection) -> None:
    if connection.dialect.name in ("mysql", "mariadb"):
        connection.execute(text(f"SET SESSION lock_wait_timeout = {LOCK_WAIT_S}"))
        # Ends the transaction this began: inside one, alembic would leave the commit to us, and a
        # server whose DDL commits by itself would keep the table but forget the revision.
        connection.commit()
    context.configure(
        connection=connection,
        target_metadata=metadata,
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
