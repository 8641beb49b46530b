"""The database behind the log: whether it answers, at which revision its schema is, what our
account may do, and its clock."""

import os
import time
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from contract.process.home import shipped
from gateway.cli.doctor.clock import compare
from gateway.cli.doctor.finding import Finding, Grade
from gateway.config import Settings
from gateway.log.faults import reason_of
from gateway.log.schema.database import open_database
from gateway.log.schema.gateways import LESS, ROWS
from gateway.log.schema.settings import place_of
from gateway.log.schema.tables import metadata

TABLES = ("rollups.tables", "schema.access_tables", "schema.batch_tables", "schema.privacy_tables")
PATIENCE_S = 10
# The numbers by which a server refuses an account something, MySQL's and MariaDB's alike.
DENIED = {1044, 1045, 1142, 1143, 1227, 1370}
# With these, no row is touched, and the server still asks whether the account may. A server that
# finds fault with the statement itself has let the account pass.
TRIALS = {
    "SELECT": "SELECT 1 FROM `{0}` WHERE 1 = 0",
    "INSERT": "INSERT INTO `{0}` SELECT * FROM `{0}` WHERE 1 = 0",
    "UPDATE": "UPDATE `{0}` SET `{1}` = `{1}` WHERE 1 = 0",
    "DELETE": "DELETE FROM `{0}` WHERE 1 = 0",
}
# SKIP LOCKED, by which several workers share the lines of batches.
OLDEST = {"mysql": (8, 0), "mariadb": (10, 6)}
MIGRATE = "shopsight migrate (in compose: docker compose up -d migrate)"


def check_database(settings: Settings) -> Iterator[Finding]:
    url = settings.sqlalchemy_url
    place = place_of(url)
    is_file = url.get_backend_name() == "sqlite"
    if is_file and not Path(url.database or "").exists():
        said = f"{url.database} is not there yet"
        yield Finding("database", Grade.SKIP, said, "make run makes it")
        return
    if is_file and not os.access(url.database or "", os.W_OK):
        said = f"{url.database} cannot be written"
        yield Finding("database", Grade.FAIL, said, "chown it to the user that runs the gateway")
        return
    engine = open_database(settings, answer_timeout_s=PATIENCE_S)
    try:
        with engine.connect() as connection:
            yield Finding("database", Grade.OK, f"{place} answers")
            yield _revision(connection)
            if not is_file:
                yield from _server(engine, connection)
    except SQLAlchemyError as error:
        advice = "start it (docker compose ps mysql), or correct DATABASE_URL"
        if _number(error) in DENIED:
            advice = "DATABASE_PASSWORD (secrets/database_password) must be that of the account"
        said = f"{place} does not answer: {reason_of(error)}"
        yield Finding("database", Grade.FAIL, said, advice)
    finally:
        engine.dispose()


def _revision(connection: Connection) -> Finding:
    scripts = ScriptDirectory.from_config(Config(shipped("migrations") / "alembic.ini"))
    head = scripts.get_current_head()
    try:
        found = MigrationContext.configure(connection).get_current_revision()
    except DBAPIError as error:
        connection.rollback()
        said = f"the schema's revision cannot be read: {reason_of(error)}"
        return Finding("schema", Grade.FAIL, said, MIGRATE)
    if found == head:
        return Finding("schema", Grade.OK, f"revision {found}, up to date")
    if found is None:
        return Finding("schema", Grade.FAIL, "the database has no tables yet", MIGRATE)
    if found in {script.revision for script in scripts.walk_revisions()}:
        said = f"revision {found}, and this version needs {head}"
        return Finding("schema", Grade.FAIL, said, MIGRATE)
    said = f"revision {found} is not known to this version, which has {head}"
    advice = "run the version that migrated it, a later one, or the one before it and no other"
    return Finding("schema", Grade.WARN, said, advice)


def _server(engine: Engine, connection: Connection) -> Iterator[Finding]:
    kind = "mariadb" if getattr(engine.dialect, "is_mariadb", False) else "mysql"
    version = tuple(engine.dialect.server_version_info or ())[:2]
    numbers, oldest = (".".join(map(str, each)) for each in (version, OLDEST[kind]))
    if version < OLDEST[kind]:
        said = f"{kind} {numbers} has no SKIP LOCKED"
        yield Finding("database", Grade.FAIL, said, f"{kind} {oldest} or newer is needed")
    if connection.scalar(text("SELECT @@read_only OR @@innodb_read_only")):
        said = "the server is read-only"
        yield Finding("database", Grade.FAIL, said, "DATABASE_URL must name the primary")
    yield from _rights(connection)
    before = time.time()
    theirs = connection.scalar(text("SELECT UNIX_TIMESTAMP(NOW(6))"))
    yield compare("the database", float(theirs or 0), before, time.time())


def _rights(connection: Connection) -> Iterator[Finding]:
    """What a gateway's account must be able to do, tried on every table without touching a row."""
    for name in TABLES:
        import_module(f"gateway.log.{name}")
    lacking = [
        f"{right} on {table.name}"
        for table in metadata.sorted_tables
        for right in filter(None, LESS.get(table.name, ROWS).split(", "))
        if _denied(connection, TRIALS[right].format(table.name, next(iter(table.columns)).name))
    ]
    connection.rollback()
    account = str(connection.scalar(text("SELECT CURRENT_USER()")))
    if not lacking:
        yield Finding("rights", Grade.OK, f"{account} may do what a gateway does")
        return
    more = f" and {len(lacking) - 3} more" if len(lacking) > 3 else ""
    said = f"{account} lacks {', '.join(lacking[:3])}{more}"
    advice = "shopsight migrate with GATEWAY_ACCOUNT grants them (docs/operations.md, accounts)"
    yield Finding("rights", Grade.FAIL, said, advice)


def _denied(connection: Connection, statement: str) -> bool:
    try:
        connection.execute(text(statement))
    except DBAPIError as error:
        return _number(error) in DENIED
    return False


def _number(error: SQLAlchemyError) -> int | None:
    original = getattr(error, "orig", None)
    code = original.args[0] if original is not None and original.args else None
    return code if isinstance(code, int) else None
