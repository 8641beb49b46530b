"""`shopsight migrate`: run the schema's revisions that the database has not seen, and let analysts
read what is new."""

from alembic import command
from alembic.config import Config

from gateway.config import PROJECT, Settings
from gateway.log.analysts import grant_reading
from gateway.log.database import open_database


def run() -> int:
    command.upgrade(Config(PROJECT / "migrations" / "alembic.ini"), "head")
    settings = Settings()
    if settings.analyst_account:
        engine = open_database(settings)
        with engine.connect() as connection:
            grant_reading(connection, settings.analyst_account)
        engine.dispose()
    return 0
