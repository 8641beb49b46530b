"""`shopsight backup` and `restore`: every row comes back, beside a gateway that goes on answering;
no erasure is undone, and no revoked key comes to life again."""

import re
import shutil
from collections.abc import Callable
from functools import partial
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import httpx
import pytest
from sqlalchemy import Engine, create_engine, inspect, make_url, text

from gateway.backup.server import dump, load
from gateway.backup.since import row_counts
from gateway.backup.under_way import restoring
from gateway.config import Settings
from gateway.identity.callers import hash_key
from gateway.identity.keys import ID_DIGITS, KEY_PREFIX
from gateway.log.schema.database import open_database
from tests.support.asking import chat, photo, post, rows
from tests.support.command_line import shopsight
from tests.support.migrating import migrate
from tests.support.servers import wait_until
from tests.support.stub_replica import StubReplica

Start = Callable[..., str]
Run = Callable[..., CompletedProcess[str]]
SHOP = {"authorization": "Bearer key-1"}
USERS = ("her", "him")
PARTITIONS = text(
    "SELECT table_name, partition_name, partition_description FROM information_schema.partitions"
    " WHERE table_schema = DATABASE() AND partition_name IS NOT NULL ORDER BY 1, 2"
)


@pytest.fixture
def gateway(start_gateway: Start, stub: StubReplica, tmp_path: Path, database_url: str) -> str:
    return start_gateway(
        replicas=stub.url,
        database_url=database_url,
        api_keys=f"shop {hash_key('key-1')}",
        pseudonym_key="key",
        image_dir=tmp_path / "images",
        file_dir=tmp_path / "files",
    )


@pytest.fixture
def run(tmp_path: Path, database_url: str) -> Run:
    folders = {"IMAGE_DIR": str(tmp_path / "images"), "FILE_DIR": str(tmp_path / "files")}
    return partial(shopsight, DATABASE_URL=database_url, PSEUDONYM_KEY="key", **folders)


def ask(url: str, user: str, question: str) -> None:
    answer = post(url, chat(question, photo(), user=user), **SHOP)
    assert answer.status_code == 200, answer.text


def questions(database_url: str) -> set[str]:
    return {row["question"] for row in rows(database_url) if row["question"]}


def counts(engine: Engine) -> dict[str, int]:
    """Of the tables, but those that a gateway writes by itself at any time: what the upkeep counts
    from the log, and what a tenant has used today."""
    with engine.connect() as connection:
        counted = row_counts(connection)
    by_itself = ("rollup_", "hourly_", "daily_", "business_days")
    return {name: rows for name, rows in counted.items() if not name.startswith(by_itself)}


def shape(engine: Engine) -> dict[str, Any]:
    """Tables, views with what they say, and partitions."""
    found = inspect(engine)
    made: dict[str, Any] = {"tables": sorted(found.get_table_names())}
    with engine.connect() as connection:
        for view in found.get_view_names():
            made[view] = len(connection.execute(text(f"SELECT * FROM {view}")).keys())
        if engine.dialect.name != "sqlite":
            made["partitions"] = [tuple(row) for row in connection.execute(PARTITIONS)]
    return made


def test_what_was_backed_up_comes_back_and_what_was_erased_does_not(
    gateway: str, database_url: str, engine: Engine, run: Run, tmp_path: Path
) -> None:
    for number in range(6):
        ask(gateway, USERS[number % 2], f"question {number} of {USERS[number % 2]}?")
    made = run("keys", "create", "acme").stdout
    (key,) = re.findall(rf"{KEY_PREFIX}\S+", made)
    key_id = hash_key(key)[:ID_DIGITS]
    assert len(questions(database_url)) == 6
    before, shaped = counts(engine), shape(engine)
    assert before["interactions"] >= 6

    file = tmp_path / "backup"
    backed_up = run("backup", str(file))
    assert backed_up.returncode == 0, backed_up.stderr
    assert file.stat().st_mode & 0o077 == 0
    assert run("backup", str(file)).returncode == 1, "no backup is overwritten"

    # What happens after it: an erasure, a key that is revoked, more questions.
    assert httpx.delete(f"{gateway}/v1/users/her/data", headers=SHOP, timeout=60).status_code == 200
    assert run("keys", "revoke", key_id).returncode == 0
    ask(gateway, "him", "asked since the backup?")
    later = questions(database_url)
    assert len(later) == 4

    refused = run("restore", str(file))
    assert (refused.returncode, "--replace" in refused.stderr) == (1, True)
    assert questions(database_url) == later

    restored = run("restore", str(file), "--replace")
    assert restored.returncode == 0, restored.stderr
    after = counts(engine)
    # These know what has happened since.
    since = {"audit", "key_audit", "tombstones"}
    kept = before.keys() - since
    assert {"interactions", "api_keys", "feedback", "images", "batches"} <= kept
    assert {name: after[name] for name in kept} == {name: before[name] for name in kept}
    assert all(after[name] > before[name] for name in since)
    assert f"{after['interactions']:,} interactions" in restored.stdout
    assert shape(engine) == shaped
    assert questions(database_url) == {f"question {n} of him?" for n in (1, 3, 5)}
    assert not list(tmp_path.glob("backup.*")), "nothing is left beside it"

    # The gateway was there all the time.
    ask(gateway, "him", "asked after the restore?")
    assert "asked after the restore?" in questions(database_url)
    with engine.connect() as connection:
        revoked = text("SELECT COUNT(*) FROM api_keys WHERE revoked_at IS NOT NULL")
        assert connection.scalar(revoked) == 1
    header = {"authorization": f"Bearer {key}"}
    wait_until(
        "revoked", lambda: post(gateway, chat("?", photo()), **header).status_code == 401, 10
    )


def test_erasures_that_were_kept_apart_survive_the_loss_of_the_database(
    gateway: str, database_url: str, engine: Engine, run: Run, tmp_path: Path
) -> None:
    ask(gateway, "her", "her question?")
    ask(gateway, "him", "his question?")
    assert len(questions(database_url)) == 2
    file, apart = tmp_path / "backup", tmp_path / "erasures"
    assert run("backup", str(file)).returncode == 0
    assert httpx.delete(f"{gateway}/v1/users/her/data", headers=SHOP, timeout=60).status_code == 200
    assert run("erasures", "--save", str(apart)).returncode == 0
    with engine.begin() as connection:  # the disk is gone, and with it what it knew
        connection.execute(text("DELETE FROM tombstones"))
        connection.execute(text("DELETE FROM audit"))
        connection.execute(text("DELETE FROM interactions"))
    restored = run("restore", str(file), "--replace", "--erasures", str(apart))
    assert restored.returncode == 0, restored.stderr
    assert questions(database_url) == {"his question?"}
    # Without the file she would be back: the check can find her.
    with engine.begin() as connection:
        connection.execute(text("DELETE FROM tombstones"))
        connection.execute(text("DELETE FROM audit"))
    assert run("restore", str(file), "--replace").returncode == 0
    assert questions(database_url) == {"her question?", "his question?"}


@pytest.mark.parametrize("database_url", ["mariadb"], indirect=True)
def test_a_restore_that_breaks_off_keeps_erasures_for_the_next(
    gateway: str, database_url: str, run: Run, tmp_path: Path
) -> None:
    """The database has been emptied by then, and knows of no erasure any more."""
    ask(gateway, "her", "her question?")
    ask(gateway, "him", "his question?")
    assert len(questions(database_url)) == 2
    file = tmp_path / "backup"
    assert run("backup", str(file)).returncode == 0
    assert httpx.delete(f"{gateway}/v1/users/her/data", headers=SHOP, timeout=60).status_code == 200
    (tmp_path / "bin").mkdir()
    client = tmp_path / "bin" / "mariadb"
    client.write_text("#!/bin/sh\nexit 1\n")
    client.chmod(0o755)
    broken = run("restore", str(file), "--replace", PATH=f"{client.parent}:/usr/bin:/bin")
    assert (broken.returncode, "refuses the backup" in broken.stderr) == (1, True)
    assert run("restore", str(file)).returncode == 0
    assert questions(database_url) == {"his question?"}
    assert not list(tmp_path.glob("backup.*"))


def test_a_restore_that_does_not_come_to_its_end_says_what_is_not_done(
    tmp_path: Path,
) -> None:
    """A newer version has made the backup: whoever is erased is back, until it is restored once
    more."""
    url = f"sqlite:///{tmp_path / 'log.db'}"
    migrate(url)
    engine = create_engine(url)
    with engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    engine.dispose()
    file = tmp_path / "backup"
    assert shopsight("backup", str(file), DATABASE_URL=url).returncode == 0
    broken = shopsight("restore", str(file), "--replace", DATABASE_URL=url)
    assert broken.returncode == 1
    assert "a newer" in broken.stderr
    assert "restore it again: only its end does erasures again" in broken.stderr
    assert file.with_name("backup.erasures").exists()


def test_a_damaged_backup_changes_nothing(
    gateway: str, database_url: str, engine: Engine, run: Run, tmp_path: Path
) -> None:
    ask(gateway, "him", "his question?")
    assert questions(database_url)
    file, broken = tmp_path / "backup", tmp_path / "broken"
    assert run("backup", str(file)).returncode == 0
    before = counts(engine)
    data = file.read_bytes()
    for half in (data[: len(data) // 2], b"", b"CREATE TABLE x (y int);"):
        broken.write_bytes(half)
        refused = run("restore", str(broken), "--replace")
        assert refused.returncode == 1
        assert str(broken) in refused.stderr
        assert "Traceback" not in refused.stderr
    assert counts(engine) == before


@pytest.mark.parametrize("database_url", ["mariadb"], indirect=True)
def test_while_a_restore_is_under_way_nothing_is_backed_up_or_restored(
    database_url: str, run: Run, tmp_path: Path
) -> None:
    """The dump of a half would look like any other, and be the newest."""
    migrate(database_url)
    file, engine = tmp_path / "backup", open_database(Settings(database_url=database_url))
    assert run("backup", str(file)).returncode == 0
    with restoring(engine):
        again = run("backup", str(tmp_path / "half"))
        assert (again.returncode, "it is not whole yet" in again.stderr) == (1, True)
        second = run("restore", str(file), "--replace")
        assert (second.returncode, "another restore" in second.stderr) == (1, True)
        assert [path.name for path in tmp_path.glob("*") if path.is_file()] == ["backup"]
    assert run("restore", str(file), "--replace").returncode == 0
    assert run("backup", str(tmp_path / "whole")).returncode == 0
    engine.dispose()


@pytest.mark.parametrize("way", ["address", "socket", "option"])
@pytest.mark.parametrize("database_url", ["mariadb"], indirect=True)
def test_the_server_s_programs_ask_the_server_that_the_url_names(
    database_url: str, tmp_path: Path, way: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By themselves they go to the usual socket for `localhost`, whatever its port, and to what a
    file in somebody's home says: to another server, where there are two."""
    (tmp_path / ".my.cnf").write_text("[client]\nport=1\nsocket=/another.sock\nuser=another\n")
    monkeypatch.setenv("HOME", str(tmp_path))
    url = make_url(database_url).set(host="localhost" if way == "address" else "127.0.0.1")
    if way == "option":  # which counts more than the host
        url = url.set(host="another.invalid").update_query_dict({"host": "127.0.0.1"})
    engine = create_engine(url)
    with engine.begin() as connection:
        connection.execute(text("CREATE OR REPLACE TABLE here (number INTEGER)"))
        place = connection.scalar(text("SELECT @@socket"))
    if way == "socket":
        url = url.update_query_dict({"unix_socket": str(place)})
    file = tmp_path / "backup"
    dump(url, file)
    with engine.begin() as connection:
        connection.execute(text("DROP TABLE here"))
    load(url, file)
    assert "here" in inspect(engine).get_table_names()
    engine.dispose()


def test_a_password_is_on_no_command_line(
    mariadb_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The dump is a script here that says how it was called; the server asks for the password."""
    engine = create_engine(mariadb_url, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text("CREATE OR REPLACE USER b@'127.0.0.1' IDENTIFIED BY 'a\"b\\\\c#d'"))
        connection.execute(text("GRANT ALL ON shopsight.* TO b@'127.0.0.1'"))
    engine.dispose()
    real = shutil.which("mariadb-dump")
    (tmp_path / "bin").mkdir()
    script = tmp_path / "bin" / "mariadb-dump"
    script.write_text(f'#!/bin/sh\necho "$@" >> {tmp_path}/called\nexec {real} "$@"\n')
    script.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:/usr/bin:/bin")
    url = mariadb_url.replace("root@", "b@")
    made = shopsight(
        "backup", str(tmp_path / "file"), DATABASE_URL=url, DATABASE_PASSWORD='a"b\\c#d'
    )
    assert made.returncode == 0, made.stderr
    called = (tmp_path / "called").read_text()
    assert "--single-transaction" in called
    assert 'a"b' not in called
