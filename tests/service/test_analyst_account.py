"""What the analysts' account of a server may do, and what no account can find in the log."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine, create_engine, inspect, text
from sqlalchemy.exc import DBAPIError

from gateway.log.analysts import TABLES, VIEWS, grant_reading
from tests.service.asking import chat, photo, post, rows
from tests.service.servers import ROOT
from tests.service.stub_replica import StubReplica


@pytest.fixture
def root(mariadb_url: str) -> Iterator[Engine]:
    """A server with an empty database, the gateway's account and an analyst's, as in compose."""
    engine = create_engine(mariadb_url.replace("/shopsight", "/mysql"))
    with engine.begin() as connection:
        connection.execute(text("CREATE DATABASE accounts CHARACTER SET utf8mb4"))
        connection.execute(text("CREATE USER app@'%' IDENTIFIED BY 'app'"))
        connection.execute(text("CREATE USER analyst@'%' IDENTIFIED BY 'analyst'"))
        connection.execute(text("GRANT ALL ON accounts.* TO app@'%' WITH GRANT OPTION"))
    yield engine
    with engine.begin() as connection:
        connection.execute(text("DROP DATABASE accounts"))
        connection.execute(text("DROP USER app@'%', analyst@'%'"))
    engine.dispose()


def account(root: Engine, name: str) -> str:
    url = root.url.set(username=name, password=name, database="accounts")
    return url.render_as_string(hide_password=False)


def test_the_analyst_reads_what_the_page_names_and_nothing_else(root: Engine) -> None:
    environment = {"DATABASE_URL": account(root, "app"), "ANALYST_ACCOUNT": "analyst"}
    for _ in range(2):  # the second time there is nothing new
        subprocess.run(
            [sys.executable, "-m", "gateway.cli", "migrate"],
            cwd=ROOT,
            env={**os.environ, **environment},
            check=True,
        )
    app = create_engine(account(root, "app"))
    found = inspect(app)
    everything = {*found.get_table_names(), *found.get_view_names()}
    analyst = create_engine(account(root, "analyst"))

    def allowed(query: str) -> bool:
        try:
            with analyst.connect() as connection:
                connection.execute(text(query))
        except DBAPIError as error:
            if "denied" not in str(error):
                raise
            return False
        return True

    readable = {name for name in everything if allowed(f"SELECT COUNT(*) FROM {name}")}
    assert readable == {*TABLES, *VIEWS}
    assert everything - readable == {
        "alembic_version",
        "dead_letters",
        "images",
        "rollup_state",
        "votes",
    }
    assert not allowed("DELETE FROM interactions")
    assert not allowed("UPDATE feedback SET vote = 'up'")
    assert not allowed("CREATE TABLE mine (id INT)")
    assert not allowed("DROP VIEW usage_by_day")
    assert not allowed("SELECT * FROM mysql.user")
    analyst.dispose()
    app.dispose()


def test_an_account_name_is_no_place_for_sql(root: Engine) -> None:
    with root.connect() as connection, pytest.raises(ValueError, match="letters"):
        grant_reading(connection, "analyst'@'%' WITH GRANT OPTION; --")


def test_neither_the_pseudonyms_key_nor_a_users_id_is_in_the_log(
    start_gateway: Callable[..., str], stub: StubReplica, tmp_path: Path
) -> None:
    gateway = start_gateway(replicas=stub.url, pseudonym_key="0123456789abcdef-key")
    post(gateway, chat("真皮吗?", photo(), user="zhang.san@example.com"))
    (row,) = rows(f"sqlite:///{tmp_path / 'log.db'}")
    assert len(row["user_pseudonym"]) == 32
    files = [path for path in tmp_path.rglob("*.db*") if path.is_file()]
    assert files
    for path in files:
        assert b"zhang.san" not in path.read_bytes(), path.name
        assert b"0123456789abcdef-key" not in path.read_bytes(), path.name
