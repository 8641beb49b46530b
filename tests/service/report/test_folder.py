"""Reports of the night are made of days that are counted, or say that they are not."""

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import Engine

from gateway.log.rollups.retention import drop_content
from gateway.log.rollups.roll_up import HOURLY, roll_up
from gateway.report.build import PATIENCE, fill
from gateway.report.late import renew
from loadtest.seed_log import fill as seed
from tests.support.migrating import migrate

SHANGHAI = ZoneInfo("Asia/Shanghai")
SUNDAY = datetime(2026, 11, 7, 16, tzinfo=UTC)  # midnight of 8 November
NIGHT = SUNDAY + timedelta(days=1, hours=1)
DAY = "day-2026-11-08.zh.html", "day-2026-11-08.en.html"
WEEK = "week-2026-W45.zh.html", "week-2026-W45.en.html"
MONTH = "month-2026-10.zh.html", "month-2026-10.en.html"
SAYS_SO = "Incomplete: "
# The drawing takes a second for each page.
ON_A_FILE = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


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


def requests(report: Path) -> int:
    told = re.search(r'shopsight-requests" content="(\d+) 0"', report.read_text())
    assert told is not None
    return int(told[1])


def renewed(log: Engine, folder: Path, now: datetime = NIGHT) -> list[str]:
    return sorted(renew(log, SHANGHAI, folder, now))


@ON_A_FILE
def test_rows_that_come_later_still_are_in_a_report_made_again(log: Engine, tmp_path: Path) -> None:
    """A gateway that was cut off sends its spool days after the report was made."""
    roll_up(log, SHANGHAI)
    made(log, tmp_path, NIGHT)
    later = NIGHT + timedelta(days=5)
    assert renewed(log, tmp_path, later) == []
    first = requests(tmp_path / DAY[1])
    seed(log, 5, seed=9, days=1, begin=SUNDAY)  # all of them on that day
    assert renewed(log, tmp_path, later) == [], "not counted yet"
    roll_up(log, SHANGHAI, HOURLY)
    assert renewed(log, tmp_path, later) == [], "half of it would be of before"
    roll_up(log, SHANGHAI)
    assert renewed(log, tmp_path, NIGHT + timedelta(days=70)) == []
    assert renewed(log, tmp_path, later) == sorted([*DAY, *WEEK])
    assert {requests(tmp_path / name) for name in (*DAY, *WEEK)} == {first + 5}
    assert renewed(log, tmp_path, later) == []


@ON_A_FILE
def test_an_incomplete_one_is_made_again_days_later(log: Engine, tmp_path: Path) -> None:
    roll_up(log, SHANGHAI, within_s=0)
    seed(log, 5, seed=8, days=1, begin=SUNDAY)
    made(log, tmp_path, SUNDAY + timedelta(days=1) + PATIENCE)
    roll_up(log, SHANGHAI)
    assert renewed(log, tmp_path, NIGHT + timedelta(days=2)) == sorted([*DAY, *WEEK])
    assert SAYS_SO not in (tmp_path / DAY[1]).read_text()


def test_one_whose_content_is_gone_keeps_its_figures_and_tells_how_many_came_later(
    log: Engine, tmp_path: Path
) -> None:
    roll_up(log, SHANGHAI)
    made(log, tmp_path, NIGHT)
    before = (tmp_path / DAY[1]).read_text()
    drop_content(log, NIGHT)
    for late in (5, 10):
        seed(log, 5, seed=8 + late, days=1, begin=SUNDAY)
        roll_up(log, SHANGHAI)
        assert renewed(log, tmp_path) == sorted([*DAY, *WEEK])
        said = (
            f"<p class=late>Requests that came after this was made, and are not in it: {late}</p>"
        )
        page = (tmp_path / DAY[1]).read_text()
        assert page.replace(said, "") == before
        assert f"没有计入的请求数： {late}<" in (tmp_path / WEEK[0]).read_text()
        assert renewed(log, tmp_path) == []
