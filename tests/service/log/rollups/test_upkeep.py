"""What the worker does for the log from time to time."""

import os
import sys
from contextlib import nullcontext
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import get_args
from uuid import uuid4
from zoneinfo import ZoneInfo

import httpx
import pytest
from prometheus_client import CollectorRegistry
from sqlalchemy import Engine, delete, func, insert, select, update

from gateway.batch.batch import Status
from gateway.cli.embedded import free_port
from gateway.config import Settings
from gateway.log.rollups.roll_up import MIN_SPANS
from gateway.log.rollups.tables import daily_photos, daily_reach, hourly_usage
from gateway.log.rollups.upkeep import Upkeep, UpkeepMetrics, upkeep_lock
from gateway.log.schema.batch_tables import batches
from gateway.log.schema.partitions import month_of
from gateway.log.schema.tables import interactions
from loadtest.seed_log import fill
from tests.support.migrating import migrate
from tests.support.servers import running, wait_until


def total(engine: Engine) -> int:
    with engine.connect() as connection:
        return int(connection.scalar(select(func.sum(hourly_usage.c.requests))) or 0)


def upkeep(url: str, engine: Engine, **settings: object) -> Upkeep:
    known = Settings(_env_file=None, database_url=url, **settings)  # type: ignore[arg-type,call-arg]
    return Upkeep(known, engine, UpkeepMetrics(CollectorRegistry()))


def test_the_worker_rolls_up_what_arrives(
    database_url: str, engine: Engine, tmp_path: Path
) -> None:
    migrate(database_url)
    fill(engine, 100)
    port = free_port()
    environment = {
        "DATABASE_URL": database_url,
        "SPOOL_DIR": str(tmp_path / "spool"),
        "INTERNAL_PORT": str(port),
        "UPKEEP_INTERVAL_S": "0.2",
    }
    command = [sys.executable, "-m", "gateway.cli", "worker", "--only", "upkeep"]
    with running(command, tmp_path / "worker.log", **{**os.environ, **environment}) as process:
        wait_until("rolled up", lambda: total(engine) == 100, 20)
        fill(engine, 50, seed=8)
        wait_until("and again", lambda: total(engine) == 150, 20)
        metrics = httpx.get(f"http://127.0.0.1:{port}/metrics").text
        assert "log_upkeep_last_timestamp_seconds 1" in metrics
        process.terminate()
        assert process.wait(20) == 0


def test_one_does_it_at_a_time(database_url: str, engine: Engine) -> None:
    migrate(database_url)
    fill(engine, 20)
    if engine.dialect.name == "sqlite":
        upkeep(database_url, engine).round()
        assert total(engine) == 20
        return
    with upkeep_lock(engine) as mine:
        assert mine
        upkeep(database_url, engine).round()
        assert total(engine) == 0, "another one is at it"
    upkeep(database_url, engine).round()
    assert total(engine) == 20


def test_a_log_that_is_new_to_the_rollups_is_counted_over_several_rounds(
    database_url: str, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.log.rollups.upkeep.ROUND_S", 0)
    migrate(database_url)
    fill(engine, 60, days=3)
    registry = CollectorRegistry()
    settings = Settings(_env_file=None, database_url=database_url)  # type: ignore[call-arg]
    keeping = Upkeep(settings, engine, UpkeepMetrics(registry))
    keeping.round()
    left = registry.get_sample_value("log_rollup_spans_left")
    assert left
    assert 0 < total(engine) < 60
    with engine.begin() as connection:  # long ago: they are not noted again and again
        connection.execute(update(interactions).values(arrived_at=datetime(2026, 1, 1, tzinfo=UTC)))
    for _ in range(int(left) // MIN_SPANS):  # none waits for the next time that days are due
        keeping.round()
    assert registry.get_sample_value("log_rollup_spans_left") == 0
    assert total(engine) == 60
    with engine.connect() as connection:
        days = [
            set(connection.scalars(select(table.c.business_day)))
            for table in (hourly_usage, daily_reach, daily_photos)
        ]
    assert days[0] == days[1] == days[2]


def test_batches_that_wait_are_counted_though_no_worker_asks_their_lines(
    database_url: str, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    migrate(database_url)
    now = datetime.now(UTC)
    same = {
        **{"tenant": "acme", "key_id": "", "endpoint": "/v1/chat/completions"},
        **{"input_file_id": uuid4(), "created_at": now, "leased_until": now, "output_ttl_s": 1},
        **dict.fromkeys(("total", "completed", "failed", "fence"), 0),
    }
    for status in get_args(Status):  # expired, too, as long as nobody has written what came of it
        row = {**same, "batch_id": uuid4(), "status": status, "expires_at": now}
        with engine.begin() as connection:
            connection.execute(insert(batches), row)
    registry = CollectorRegistry()
    settings = Settings(_env_file=None, database_url=database_url)  # type: ignore[call-arg]
    one = Upkeep(settings, engine, UpkeepMetrics(registry))
    one.round()
    assert registry.get_sample_value("batches_open") == 4
    with engine.begin() as connection:
        connection.execute(delete(batches))
    monkeypatch.setattr("gateway.log.rollups.upkeep.upkeep_lock", lambda _: nullcontext(False))
    one.round()
    assert registry.get_sample_value("batches_open") == 0, "also while another one has the lock"


def test_old_months_go_when_a_retention_is_set_and_their_rollups_stay(
    database_url: str, engine: Engine
) -> None:
    migrate(database_url)
    now = datetime.now(UTC)
    fill(engine, 30, seed=1, days=10, begin=now - timedelta(days=200))
    fill(engine, 40, seed=2, days=0.01, begin=now - timedelta(hours=1))
    upkeep(database_url, engine, log_retention_days=0).round()
    upkeep(database_url, engine, log_retention_days=90).round()
    with engine.connect() as connection:
        left = connection.scalar(select(func.count()).select_from(interactions))
    if engine.dialect.name == "sqlite":
        assert left == 40
    else:
        assert left == 70, "made after the migration: all its months before today's are one"
    assert total(engine) == 70
    with engine.connect() as connection:
        first = {
            table.name: connection.scalar(select(func.min(table.c.business_day)))
            for table in (daily_reach, daily_photos)
        }
    assert first["daily_reach"] < (now - timedelta(days=150)).date()
    assert first["daily_photos"] >= month_of(now - timedelta(days=90)).date()
    fill(engine, 5, seed=3, days=10, begin=now - timedelta(days=195))
    keeping = upkeep(database_url, engine, log_retention_days=90)
    keeping.round()
    assert total(engine) == 70, "rows that come after their month was dropped replace no count"


def test_a_setting_that_names_no_zone_is_said_at_once() -> None:
    assert Settings(_env_file=None).business_zone == ZoneInfo("Asia/Shanghai")  # type: ignore[call-arg]
    with pytest.raises(Exception, match="time zone"):
        Settings(_env_file=None, business_time_zone="Asia/Atlantis")  # type: ignore[call-arg]
