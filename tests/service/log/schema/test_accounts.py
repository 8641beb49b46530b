"""What each account of a server may do, as the compose file makes them, and what nobody can find in
the log."""

import re
import subprocess
import textwrap
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
from sqlalchemy import Engine, create_engine, inspect, text
from sqlalchemy.exc import DBAPIError

from gateway.log.schema.analysts import TABLES, VIEWS, grant_reading
from tests.support import ROOT
from tests.support.asking import chat, photo, post, rows
from tests.support.command_line import shopsight
from tests.support.servers import Server, gateway_process, mariadb_server, program
from tests.support.stub_replica import StubReplica

# What compose runs on a new volume.
SCRIPT = re.compile(r"^  accounts:.*\n    content: \|\n((?:      .*\n)+)", re.MULTILINE)
PASSWORDS = {"owner": "database_owner", "shopsight": "database", "analyst": "analyst"}


@dataclass
class Accounts:
    server: Server
    folder: Path

    def make(self) -> None:
        """As the image does: sourced by bash, with its function for SQL."""
        found = SCRIPT.search((ROOT / "docker-compose.yml").read_text())
        assert found
        script = textwrap.dedent(found[1]).replace("$$", "$")
        client = f"{program('mariadb')} -h 127.0.0.1 -P {self.server.port} -u root"
        text = f"docker_process_sql() {{ {client}; }}\n{script}"
        text = text.replace("/run/secrets", str(self.folder))
        subprocess.run(["bash", "-e"], input=text.encode(), check=True, capture_output=True)

    def url(self, account: str) -> str:
        password = (self.folder / f"{PASSWORDS[account]}_password").read_text()
        return self.server.url.replace("root@", f"{account}:{password}@")

    def migrate(self) -> None:
        environment = {
            "DATABASE_URL": self.url("owner"),
            "ANALYST_ACCOUNT": "analyst",
            "GATEWAY_ACCOUNT": "shopsight",
        }
        shopsight("migrate", **environment).check_returncode()

    def allowed(self, account: str, query: str) -> bool:
        engine = create_engine(self.url(account))
        try:
            with engine.begin() as connection:
                connection.execute(text(query))
        except DBAPIError as error:
            if "denied" not in str(error):
                raise
            return False
        finally:
            engine.dispose()
        return True


@pytest.fixture(scope="module")
def accounts(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Accounts]:
    """A server with the accounts of compose and a migrated database."""
    folder = tmp_path_factory.mktemp("accounts")
    for name in PASSWORDS.values():
        (folder / f"{name}_password").write_text(f"secret of {name}")
    with mariadb_server(folder) as server:
        made = Accounts(server, folder)
        made.make()
        made.migrate()
        yield made


def test_the_analyst_reads_what_the_page_names_and_nothing_else(accounts: Accounts) -> None:
    accounts.migrate()  # the second time there is nothing new
    engine = create_engine(accounts.url("owner"))
    found = inspect(engine)
    everything = {*found.get_table_names(), *found.get_view_names()}
    engine.dispose()

    def allowed(query: str) -> bool:
        return accounts.allowed("analyst", query)

    readable = {name for name in everything if allowed(f"SELECT COUNT(*) FROM {name}")}
    assert readable == {*TABLES, *VIEWS}
    assert everything - readable == {
        "alembic_version",
        "api_keys",
        "batch_lines",
        "batch_results",
        "batches",
        "files",
        "audit",
        "canary_figures",
        "canary_log",
        "daily_use",
        "dead_letters",
        "images",
        "key_audit",
        "limits",
        "revision_weights",
        "rollup_due",
        "rollup_state",
        "tombstones",
        "votes",
        "warmed_answers",
    }
    assert not allowed("DELETE FROM interactions")
    assert not allowed("UPDATE feedback SET vote = 'up'")
    assert not allowed("CREATE TABLE mine (id INT)")
    assert not allowed("DROP VIEW usage_by_day")
    assert not allowed("SELECT * FROM mysql.user")


def test_a_gateway_needs_rows_and_has_nothing_else(
    accounts: Accounts, stub: StubReplica, tmp_path: Path
) -> None:
    url = accounts.url("shopsight")
    with gateway_process(tmp_path, DATABASE_URL=url, REPLICAS=stub.url) as gateway:
        answer = post(gateway.url, chat("真皮吗?", photo()))
        assert len(rows(url, answer.headers["x-interaction-id"])) == 1
        assert httpx.post(f"{gateway.url}/v1/images", content=photo()).status_code == 201
    for query in (
        "CREATE TABLE mine (id INT)",
        "ALTER TABLE interactions ADD COLUMN mine INT",
        "ALTER TABLE interactions DROP PARTITION p_rest",
        "DROP TABLE feedback",
        "DROP VIEW usage_by_day",
        "GRANT SELECT ON dead_letters TO 'analyst'@'%'",
        "CREATE USER mine",
        "SELECT * FROM mysql.user",
    ):
        assert not accounts.allowed("shopsight", query), query


def test_a_gateway_changes_neither_keys_nor_what_an_audit_says(accounts: Accounts) -> None:
    made = shopsight("keys", "create", "acme", DATABASE_URL=accounts.url("owner"))
    assert made.returncode == 0, made.stderr
    refused = shopsight("keys", "create", "acme", DATABASE_URL=accounts.url("shopsight"))
    assert refused.returncode == 1
    assert "may not change that" in refused.stderr

    def allowed(query: str) -> bool:
        return accounts.allowed("shopsight", query)

    assert allowed("SELECT COUNT(*) FROM api_keys")
    assert allowed("SELECT COUNT(*) FROM audit")
    assert allowed("SELECT COUNT(*) FROM canary_log")
    for query in (
        "UPDATE api_keys SET scopes = 'ask'",
        "DELETE FROM api_keys",
        "UPDATE limits SET value = -1",
        "DELETE FROM limits",
        "INSERT INTO api_keys (key_id) VALUES ('x')",
        "SELECT * FROM key_audit",
        "DELETE FROM key_audit",
        "INSERT INTO key_audit (action) VALUES ('x')",
        "UPDATE audit SET actor = 'x'",
        "DELETE FROM audit",
        "UPDATE canary_log SET actor = 'x'",
        "DELETE FROM canary_log",
        "UPDATE canary_figures SET failed = 0",
        "DELETE FROM revision_weights",
    ):
        assert not allowed(query), query


def test_migrate_takes_from_a_gateway_what_it_once_had_on_the_whole_database(
    accounts: Accounts,
) -> None:
    root = create_engine(accounts.server.url)
    with root.begin() as connection:
        wide = "GRANT SELECT, INSERT, UPDATE, DELETE ON shopsight.* TO 'shopsight'@'%'"
        connection.execute(text(wide))
    root.dispose()
    assert accounts.allowed("shopsight", "DELETE FROM key_audit WHERE action = 'x'")
    accounts.migrate()
    assert not accounts.allowed("shopsight", "DELETE FROM key_audit WHERE action = 'x'")
    assert accounts.allowed("shopsight", "DELETE FROM votes WHERE vote = 'x'")


def test_accounts_of_an_older_volume_lose_what_they_had_too_much(accounts: Accounts) -> None:
    root = create_engine(accounts.server.url)
    with root.begin() as connection:
        connection.execute(text("GRANT ALL ON shopsight.* TO 'shopsight'@'%' WITH GRANT OPTION"))
        connection.execute(text("GRANT SELECT ON shopsight.* TO 'analyst'@'%'"))
    root.dispose()
    assert accounts.allowed("shopsight", "GRANT SELECT ON dead_letters TO 'analyst'@'%'")
    accounts.make()
    accounts.migrate()
    assert not accounts.allowed("shopsight", "GRANT SELECT ON dead_letters TO 'analyst'@'%'")
    assert not accounts.allowed("analyst", "SELECT COUNT(*) FROM dead_letters")
    assert accounts.allowed("analyst", "SELECT COUNT(*) FROM usage_by_day")


def test_an_account_name_is_no_place_for_sql(accounts: Accounts) -> None:
    engine: Engine = create_engine(accounts.url("owner"))
    with engine.connect() as connection, pytest.raises(ValueError, match="letters"):
        grant_reading(connection, "analyst'@'%' WITH GRANT OPTION; --")
    engine.dispose()


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
