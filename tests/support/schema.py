"""What a database's schema is, as the database itself tells it, for two to be compared."""

import re

from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, inspect, text

from tests.support import ROOT

ALEMBIC = ROOT / "migrations" / "alembic.ini"
DUMPS = ROOT / "tests" / "service" / "log" / "schema"


def upgrade(engine: Engine, revision: str = "head") -> None:
    with engine.connect() as connection:
        command.upgrade(_config(connection), revision)


def downgrade(engine: Engine, revision: str) -> None:
    with engine.connect() as connection:
        command.downgrade(_config(connection), revision)


def check(engine: Engine) -> None:
    """Raises if alembic would have something to write into a new revision."""
    with engine.connect() as connection:
        command.check(_config(connection))


def head() -> str:
    """The last revision."""
    return ScriptDirectory.from_config(Config(ALEMBIC)).get_current_head() or ""


def _config(connection: Connection) -> Config:
    config = Config(ALEMBIC)
    config.attributes["connection"] = connection
    return config


def restore(engine: Engine) -> None:
    """An empty database becomes what the 29 revisions of before 0001 made of one."""
    kind = "sqlite" if engine.dialect.name == "sqlite" else "mariadb"
    dump = (DUMPS / f"baseline.{kind}.sql").read_text()
    with engine.begin() as connection:
        for statement in filter(str.strip, dump.split(";\n")):
            connection.exec_driver_sql(statement)


def described(engine: Engine) -> dict[str, list[str]]:
    """Each table and view by its name. Of a table the columns in order, then keys and indexes in
    any; what a server says besides, with its partitions. The migrations' own table is left out."""
    with engine.connect() as connection:
        of = _of_a_file if engine.dialect.name == "sqlite" else _of_a_server
        found = of(connection)
    del found["alembic_version"]
    return found


def tables_of(schema: dict[str, list[str]]) -> dict[str, list[str]]:
    """Without views and partitions: as much as the tables of the code say."""
    return {
        name: [line for line in lines if "PARTITION" not in line]
        for name, lines in schema.items()
        if " VIEW " not in lines[0]
    }


def _of_a_file(connection: Connection) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    query = "SELECT tbl_name, type, sql FROM sqlite_master WHERE sql IS NOT NULL"
    for name, kind, sql in connection.execute(text(f"{query} ORDER BY type DESC, name")):
        plain = " ".join(sql.replace('"', "").split())
        if kind != "table":
            found.setdefault(name, []).append(plain)
            continue
        head, _, inside = plain.removesuffix(")").partition("(")
        parts = re.split(r",\s*(?![^()]*\))", inside.strip())  # not those within parentheses
        keys = sorted(part for part in parts if part.startswith("CONSTRAINT"))
        found[name] = [head.strip(), *(part for part in parts if part not in keys), *keys]
    return found


def _of_a_server(connection: Connection) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for name, kind in connection.execute(text("SHOW FULL TABLES")).all():
        what = "VIEW" if kind == "VIEW" else "TABLE"
        sql = connection.execute(text(f"SHOW CREATE {what} `{name}`")).one()[1]
        lines = [line.strip().rstrip(",") for line in sql.splitlines()]
        keys = sorted(line for line in lines if "KEY " in line)
        found[name] = [*(line for line in lines if line not in keys), *keys]
    return found


def partition_rows(engine: Engine) -> dict[str, int]:
    """How many interactions each month has; those without any are left out."""
    with engine.connect() as connection:
        names = connection.scalars(
            text(
                "SELECT partition_name FROM information_schema.partitions WHERE table_schema ="
                " DATABASE() AND table_name = 'interactions'"
            )
        ).all()
        found = {
            name: connection.scalar(text(f"SELECT COUNT(*) FROM interactions PARTITION ({name})"))
            for name in names
        }
    return {name: rows for name, rows in found.items() if rows}


def rows_of(engine: Engine) -> dict[str, list[str]]:
    """All rows of all tables, those of the migrations' own table as well."""
    names = inspect(engine).get_table_names()
    with engine.connect() as connection:
        return {
            name: sorted(map(repr, connection.execute(text(f"SELECT * FROM {name}"))))
            for name in names
        }
