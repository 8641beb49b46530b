"""Weights reach every gateway while Redis is down, while the database is down, and after a start
without both. What ops decide meanwhile is done."""

from pathlib import Path

import httpx
import pytest
from sqlalchemy import create_engine

from gateway.canary.weights_table import WeightsTable
from gateway.cli.embedded import free_port
from gateway.pool.weights import WeightsVersion
from tests.service.canary.conftest import Start
from tests.support.canaries import canary, log_of, run_canary, seconds_until, status, weights
from tests.support.migrating import migrate
from tests.support.servers import mariadb_server, wait_until


def test_without_redis_the_database_carries_them(start: Start, mariadb_url: str) -> None:
    nowhere = f"redis://127.0.0.1:{free_port()}/0"
    one, two = (start(REDIS_URL=nowhere, DATABASE_URL=mariadb_url) for _ in range(2))
    canary(one, "start", "new", "--percent", "20")
    took_s = seconds_until("in force", lambda: weights(two) == {"old": 0.8, "new": 0.2}, 5)
    canary(two, "rollback")
    back_s = seconds_until("and back", lambda: weights(one) == {"old": 1}, 5)
    print(f"in force after {took_s:.1f} s and {back_s:.1f} s")


@pytest.mark.long
def test_without_the_database_redis_carries_them_and_a_file_starts_a_gateway_without_both(
    start: Start, redis_url: str, tmp_path: Path
) -> None:
    port = free_port()
    spools = str(tmp_path / "shared-spools")
    with mariadb_server(tmp_path, port) as database:
        shared = {"DATABASE_URL": database.url, "SPOOL_DIR": spools}
        one, two = (start(REDIS_URL=redis_url, **shared) for _ in range(2))
        canary(one, "start", "new", "--percent", "20", "--promote")
        wait_until("in force", lambda: weights(two) == {"old": 0.8, "new": 0.2}, 5)
        wait_until("known", lambda: log_of(two) == [("started", log_of(one)[0][1])], 5)
    refused = run_canary(one, "promote")
    assert refused.returncode == 1
    assert "The database does not answer" in refused.stderr
    done = run_canary(two, "rollback", "--by", "lin")
    assert done.returncode == 0, done.stderr
    assert "this is written down nowhere" in done.stderr
    back_s = seconds_until("back", lambda: weights(one) == {"old": 1}, 5)
    print(f"in force after {back_s:.1f} s")
    file = Path(spools) / "weights.json"
    wait_until("in the file", lambda: '"old": 1.0' in file.read_text(), 10)
    with mariadb_server(tmp_path, port):
        # What was done in the dark is noted, and nothing puts the canary's weights back.
        wait_until("noted", lambda: log_of(one)[-1] == ("ended", "weights"), 30)
        assert weights(one) == weights(two) == {"old": 1}


async def test_a_start_without_redis_and_database_remembers_them(tmp_path: Path) -> None:
    set_before = WeightsVersion(7, {"old": 0.5, "new": 0.5})
    migrate(f"sqlite:///{tmp_path / 'log.db'}")
    there = create_engine(f"sqlite:///{tmp_path / 'log.db'}")
    away = create_engine(f"mysql+pymysql://root@127.0.0.1:{free_port()}/shopsight")
    for engine in (there, away):
        table = WeightsTable(engine, tmp_path)
        offered = set_before if engine is there else WeightsVersion(0, None)
        assert await table.exchange(offered) == set_before
        table.close()
        engine.dispose()


@pytest.mark.long
def test_weights_that_somebody_sets_by_hand_end_a_canary(start: Start) -> None:
    gateway = start()
    canary(gateway, "start", "new", "--percent", "20", "--promote", "--after", "1")
    httpx.put(f"{gateway.admin}/weights", json={"weights": {"old": 1}})
    wait_until("ended", lambda: log_of(gateway)[-1] == ("ended", "weights"), 20)
    assert (status(gateway)["canary"]["state"], weights(gateway)) == ("ended", {"old": 1})


def test_what_makes_no_sense_is_refused_in_a_sentence(start: Start) -> None:
    gateway = start()
    for arguments, why in (
        (("start", "newer"), "No ready replica serves the new revision."),
        (("start", "old"), "Not exactly one other revision"),
        (("start", "new", "--baseline", "new"), "are the same"),
        (("promote",), "There is no canary"),
        (("rollback",), "There is no canary"),
    ):
        done = run_canary(gateway, *arguments)
        assert (done.returncode, why in done.stderr) == (1, True), done.stderr
    canary(gateway, "start", "new")
    again = run_canary(gateway, "start", "new", "--baseline", "old")
    assert "A canary is open already" in again.stderr
