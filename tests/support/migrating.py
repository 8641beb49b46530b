"""The log's schema in the database of a test."""

import atexit
import shutil
import tempfile
from functools import cache
from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import make_url

from gateway.config import Settings
from gateway.log.schema.database import open_database
from tests.support import ROOT


def migrate(database_url: str) -> None:
    """Bring a database to the current schema. A new SQLite file is a copy of one that the
    migrations have made, in a tenth of their time."""
    url = make_url(database_url)
    if url.get_backend_name() == "sqlite" and url.database and not Path(url.database).exists():
        shutil.copyfile(_migrated_file(), url.database)
    else:
        run_migrations(database_url)


def run_migrations(database_url: str) -> None:
    """As `shopsight migrate` does."""
    engine = open_database(Settings(_env_file=None, database_url=database_url))  # type: ignore[call-arg]
    config = Config(ROOT / "migrations" / "alembic.ini")
    with engine.connect() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
    engine.dispose()


@cache
def _migrated_file() -> Path:
    folder = Path(tempfile.mkdtemp(prefix="shopsight-schema-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    run_migrations(f"sqlite:///{folder / 'log.db'}")
    return folder / "log.db"
