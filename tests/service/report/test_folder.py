"""Reports of the night are made of days that are counted, or say that they are not."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import Engine

from gateway.log.rollups.roll_up import HOURLY, roll_up
from gateway.report.build import PATIENCE, fill
from loadtest.seed_log import fill as seed
from tests.support.migrating import migrate

SHANGHAI = ZoneInfo("Asia/Shanghai")
SUNDAY = datetime(2026, 11, 7, 16, tzinfo=UTC)  # midnight of 8 November
NIGHT = SUNDAY + timedelta(days=1, hours=1)
DAY = "day-2026-11-08.zh.html", "day-2026-11-08.en.html"
WEEK = "week-2026-W45.zh.html", "week-2026-W45.en.html"
MONTH = "month-2026-10.zh.html", "month-2026-10.en.html"
SAYS_SO = "Incomplete: "


@pytest.fixture
def log(database_url: str, engine: Engine) -> Engine:
    """A Sunday, not counted yet."""
    migrate(database_url)
    seed(engine, 200, days=1, begin=SUNDAY)
    return engine


def made(log: Engine, folder: Path, now: datetime) -> list[str]:
    return list(fill(log, SHANGHAI, folder, now))


def test_a_report_waits_until_its_days_are_counted(log: Engine, tmp_path: Path) -> None:
    assert made(log, tmp_path, NIGHT) == [*MONTH], "of October there is nothing to count"
    roll_up(log, SHANGHAI, HOURLY)
    assert made(log, tmp_path, NIGHT) == []
    roll_up(log, SHANGHAI)
    seed(log, 5, seed=8, days=1, begin=SUNDAY)
    assert made(log, tmp_path, NIGHT) == [], "rows that have come since are not in it"
    roll_up(log, SHANGHAI)
    assert made(log, tmp_path, NIGHT) == [*DAY, *WEEK]
    assert SAYS_SO not in (tmp_path / DAY[1]).read_text()
    assert made(log, tmp_path, NIGHT) == []


def test_rows_of_another_time_keep_no_report_waiting(log: Engine, tmp_path: Path) -> None:
    roll_up(log, SHANGHAI)
    seed(log, 5, seed=8, days=0.01, begin=NIGHT)
    assert made(log, tmp_path, NIGHT) == [*DAY, *WEEK, *MONTH]


def test_one_that_has_waited_long_says_so_and_is_made_again(log: Engine, tmp_path: Path) -> None:
    roll_up(log, SHANGHAI, within_s=0)
    seed(log, 5, seed=8, days=1, begin=SUNDAY)
    morning = SUNDAY + timedelta(days=1) + PATIENCE
    assert made(log, tmp_path, morning) == [*DAY, *WEEK, *MONTH]
    assert SAYS_SO in (tmp_path / DAY[1]).read_text()
    assert "不完整" in (tmp_path / WEEK[0]).read_text()
    assert SAYS_SO not in (tmp_path / MONTH[1]).read_text()
    assert made(log, tmp_path, morning) == [], "it would say the same"
    roll_up(log, SHANGHAI)
    assert made(log, tmp_path, morning) == [*DAY, *WEEK]
    assert SAYS_SO not in (tmp_path / DAY[1]).read_text()
    assert made(log, tmp_path, morning) == []
