"""`shopsight migrate`: run the schema's revisions that the database has not seen."""

from alembic import command
from alembic.config import Config

from gateway.config import PROJECT


def run() -> int:
    command.upgrade(Config(PROJECT / "migrations" / "alembic.ini"), "head")
    return 0
