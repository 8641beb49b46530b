"""`shopsight doctor` beside real servers: a Redis, a MariaDB, a gateway and a replica."""

import json
import time
from pathlib import Path
from typing import Any

import pytest
from redis import Redis
from sqlalchemy import create_engine, text

from gateway.cli.doctor.answer_cache import check_redis
from gateway.cli.doctor.database import check_database
from gateway.cli.doctor.finding import Grade
from gateway.cli.doctor.replicas import check_replicas
from gateway.config import Settings
from gateway.log.schema.gateways import grant_rows
from gateway.pool.weights import WeightsVersion
from tests.support import command_line
from tests.support.migrating import migrate
from tests.support.redis_servers import redis_behind_sentinels, redis_cluster
from tests.support.servers import gateway_process
from tests.support.stub_replica import StubReplica

SECRET = "hunter2" * 8


def made(**values: Any) -> Settings:
    return Settings(_env_file=None, **values)  # type: ignore[call-arg]


def states(check: Any, **values: Any) -> dict[str, tuple[Grade, str]]:
    """The last finding of each kind, and what it says."""
    return {each.check: (each.state, each.message) for each in check(made(**values))}


def test_a_redis_that_answers_and_one_that_does_not(redis_url: str) -> None:
    found = states(check_redis, redis_url=redis_url)
    assert found["redis"][0] is Grade.OK, found
    assert found["clock"][0] is Grade.OK, found
    nowhere = states(check_redis, redis_url="redis://127.0.0.1:9/0")
    assert nowhere["redis"][0] is Grade.FAIL
    assert "does not answer" in nowhere["redis"][1]


def test_several_redis_are_asked_as_gateways_ask_them(tmp_path: Path) -> None:
    (tmp_path / "cluster").mkdir()
    (tmp_path / "watched").mkdir()
    with redis_cluster(tmp_path / "cluster") as cluster:
        found = states(check_redis, redis_url=cluster.url)
        assert (found["redis"][0], found["clock"][0]) == (Grade.OK, Grade.OK), found
    assert states(check_redis, redis_url=cluster.url)["redis"][0] is Grade.FAIL
    with redis_behind_sentinels(tmp_path / "watched") as watched:
        found = states(check_redis, redis_url=watched.url)
        assert (found["redis"][0], found["clock"][0]) == (Grade.OK, Grade.OK), found
    state, said = states(check_redis, redis_url=watched.url)["redis"]
    assert (state, "does not answer" in said) == (Grade.FAIL, True)


def test_a_redis_that_lets_us_write_nothing(redis_url: str) -> None:
    with Redis.from_url(redis_url) as client:
        client.acl_setuser(
            "reader", enabled=True, passwords=[f"+{SECRET}"], categories=["+@all"], keys=["x"]
        )
        try:
            place = redis_url.replace("redis://", "redis://reader@")
            found = states(check_redis, redis_url=place, redis_password=SECRET)
            assert found["redis"] == (Grade.FAIL, f"{redis_url} does not let this account write")
            wrong = states(check_redis, redis_url=place, redis_password="another")
            assert wrong["redis"] == (Grade.FAIL, f"{redis_url} refuses the password")
        finally:
            client.acl_deluser("reader")


def test_a_redis_that_would_keep_no_new_answer_is_a_warning(redis_url: str) -> None:
    with Redis.from_url(redis_url) as client:
        client.config_set("maxmemory", "100mb")
        try:
            assert states(check_redis, redis_url=redis_url)["redis"][0] is Grade.WARN
        finally:
            client.config_set("maxmemory", "0")


def test_the_schema_and_the_rights_of_a_gateway_s_account(database_url: str) -> None:
    new = states(check_database, database_url=database_url)
    if database_url.startswith("sqlite"):
        assert new["database"][0] is Grade.SKIP
    else:
        assert new["schema"] == (Grade.FAIL, "the database has no tables yet")
    migrate(database_url)
    found = states(check_database, database_url=database_url)
    assert {state for state, _ in found.values()} == {Grade.OK}, found

    engine = create_engine(database_url)
    with engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '0001'"))
    assert "this version needs" in states(check_database, database_url=database_url)["schema"][1]
    with engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    ahead = states(check_database, database_url=database_url)["schema"]
    assert ahead[0] is Grade.WARN, "the version before may go on"
    assert "not known" in ahead[1]
    engine.dispose()


def test_what_an_account_lacks_is_named(mariadb_url: str) -> None:
    engine = create_engine(mariadb_url)
    with engine.begin() as connection:
        connection.execute(text("CREATE DATABASE doctor CHARACTER SET utf8mb4"))
        connection.execute(text(f"CREATE USER 'limited'@'%' IDENTIFIED BY '{SECRET}'"))
    url = mariadb_url.replace("/shopsight", "/doctor")
    limited = url.replace("root@", "limited@")
    migrate(url)
    owner = create_engine(url)
    try:
        refused = states(check_database, database_url=limited, database_password="wrong")
        assert refused["database"][0] is Grade.FAIL
        with owner.begin() as connection:
            grant_rows(connection, "limited")
        whole = states(check_database, database_url=limited, database_password=SECRET)
        assert {state for state, _ in whole.values()} == {Grade.OK}, whole
        with owner.begin() as connection:
            connection.execute(text("REVOKE INSERT, DELETE ON interactions FROM 'limited'@'%'"))
        found = states(check_database, database_url=limited, database_password=SECRET)
        assert found["rights"] == (
            Grade.FAIL,
            "limited@% lacks INSERT on interactions, DELETE on interactions",
        )
    finally:
        owner.dispose()
        with engine.begin() as connection:
            connection.execute(text("DROP DATABASE doctor"))
            connection.execute(text("DROP USER 'limited'@'%'"))
        engine.dispose()


def test_a_database_whose_clock_is_wrong(mariadb_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    real = time.time
    monkeypatch.setattr("gateway.cli.doctor.database.time.time", lambda: real() - 60)
    state, said = states(check_database, database_url=mariadb_url)["clock"]
    assert state is Grade.FAIL
    assert "ahead of this machine's" in said


def test_replicas_are_asked_whether_they_are_ready(stub: StubReplica) -> None:
    state, said = states(check_replicas, replicas=stub.url)["replicas"]
    assert (state, said) == (Grade.OK, f"{stub.url}: 1 of 1 ready, revision stub-1")
    stub.ready = False
    state, said = states(check_replicas, replicas=stub.url)["replicas"]
    assert (state, said) == (Grade.FAIL, f"{stub.url}: 0 of 1 ready: /readyz answers 503")
    unknown = states(check_replicas, replicas="http://nowhere.invalid:8080")["replicas"]
    assert unknown[0] is Grade.FAIL
    assert "has no address" in unknown[1]


@pytest.mark.parametrize(
    ("weights", "state", "said"),
    [
        ({"stub-1": 1.0}, Grade.OK, "stub-1"),
        ({"stub-1": 0.9, "typo": 0.1}, Grade.WARN, "serves typo, which has a weight"),
        ({"typo": 1.0}, Grade.WARN, "as if there were no weights"),
        ({"typo": 1.0, "stub-1": 0.0}, Grade.FAIL, "503 no_replica"),
    ],
)
def test_weights_that_fit_no_ready_replica_are_found_out(
    stub: StubReplica, tmp_path: Path, weights: dict[str, float], state: Grade, said: str
) -> None:
    found = states(check_replicas, replicas=stub.url, revision_weights=weights, spool_dir=tmp_path)
    assert (found["replicas"][0], said in found["replicas"][1]) == (state, True), found
    # What was set at run time counts, as the gateways of this machine remember it.
    (tmp_path / "weights.json").write_text(WeightsVersion(7, weights).dump())
    found = states(check_replicas, replicas=stub.url, spool_dir=tmp_path)
    assert (found["replicas"][0], said in found["replicas"][1]) == (state, True), found


def test_the_command_beside_a_gateway_that_runs(
    stub: StubReplica, redis_url: str, tmp_path: Path
) -> None:
    place = redis_url.replace("redis://", f"redis://nobody:{SECRET}@")
    shared = {
        "REPLICAS": stub.url,
        "PHOTO_CHECKS": "",
        "SESSION_SECRET": SECRET,
        "PSEUDONYM_KEY": SECRET,
        "DATABASE_URL": f"sqlite:///{tmp_path / 'log.db'}",
        "SPOOL_DIR": str(tmp_path / "spool"),
        "IMAGE_DIR": str(tmp_path / "images"),
        "FILE_DIR": str(tmp_path / "files"),
        "IMAGE_DISK_FREE": "0",
    }
    with gateway_process(tmp_path, **shared) as gateway:
        shared["GATEWAY_PORT"] = gateway.url.rpartition(":")[2]
        good = command_line.shopsight("doctor", "--json", **shared, REDIS_URL=redis_url)
        found = json.loads(good.stdout)
        checks = {each["check"]: each["state"] for each in found["checks"]}
        assert found["ok"], good.stdout
        assert good.returncode == 0
        assert checks["gateway"] == checks["replicas"] == checks["redis"] == "ok"

        stub.ready = False
        bad = command_line.shopsight("doctor", **shared, REDIS_URL=place)
        assert bad.returncode == 1
        lines = bad.stdout.splitlines()
        assert any(each.startswith("fail  redis ") for each in lines), bad.stdout
        assert any(each.startswith("fail  replicas ") for each in lines), bad.stdout
        assert "hunter2" not in good.stdout + good.stderr + bad.stdout + bad.stderr
