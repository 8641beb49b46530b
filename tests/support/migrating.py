"""The log's schema in the database of a test."""

import atexit
import shutil
import tempfile
from contextlib import closing
from functools import cache
from pathlib import Path
from typing import Any

import pymysql
from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import URL, Engine, event, make_url

from gateway.config import Settings
from gateway.log.schema.database import open_database
from tests.support import ROOT

# What reads, or is about the session that migrates.
NOT_OF_THE_SCHEMA = ("SELECT", "SHOW", "DESCRIBE", "SET")


def migrate(database_url: str) -> None:
    """Bring a database to the current schema. The migrations run once in a process for each kind of
    database: a new SQLite file is a copy of the one that they made, and an empty database of a
    server gets the statements that they sent."""
    url = make_url(database_url)
    if url.get_backend_name() == "sqlite":
        if url.database and not Path(url.database).exists():
            shutil.copyfile(_migrated_file(), url.database)
            return
    elif _stands_or_is_made(url):
        return
    run_migrations(database_url)


def run_migrations(database_url: str) -> list[tuple[str, Any]]:
    """As `shopsight migrate` does. The statements that made the schema, with their parameters."""
    engine = open_database(Settings(_env_file=None, database_url=database_url))
    sent = _statements_of(engine)
    config = _config()
    with engine.connect() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
    engine.dispose()
    return sent


def _statements_of(engine: Engine) -> list[tuple[str, Any]]:
    sent: list[tuple[str, Any]] = []

    def keep(_c: Any, _cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
        if not statement.lstrip().upper().startswith(NOT_OF_THE_SCHEMA):
            sent.append((statement, parameters))

    event.listen(engine, "before_cursor_execute", keep)
    return sent


# Of each server, what brings an empty database to the current schema.
_made_by: dict[tuple[str | None, int | None], list[tuple[str, Any]]] = {}


def _stands_or_is_made(url: URL) -> bool:
    """Whether a server's database is at the current schema, or was empty and has been brought to
    it. Otherwise the migrations have to run."""
    server = url.host, url.port
    with (
        closing(
            pymysql.connect(
                host=url.host,
                port=url.port or 3306,
                user=url.username,
                password=url.password or "",
                database=url.database,
                autocommit=True,
            )
        ) as connection,
        connection.cursor() as cursor,
    ):
        cursor.execute("SHOW TABLES")
        tables = {name for (name,) in cursor.fetchall()}
        if "alembic_version" in tables:
            cursor.execute("SELECT version_num FROM alembic_version")
            return bool(cursor.fetchall() == ((_head(),),))
        if tables:
            return False
        if server not in _made_by:
            _made_by[server] = run_migrations(url.render_as_string(hide_password=False))
            return True
        for statement, parameters in _made_by[server]:
            cursor.execute(statement, parameters or None)
    return True


@cache
def _head() -> str | None:
    return ScriptDirectory.from_config(_config()).get_current_head()


def _config() -> Config:
    return Config(ROOT / "migrations" / "alembic.ini")


@cache
def _migrated_file() -> Path:
    folder = Path(tempfile.mkdtemp(prefix="shopsight-schema-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    run_migrations(f"sqlite:///{folder / 'log.db'}")
    return folder / "log.db"
