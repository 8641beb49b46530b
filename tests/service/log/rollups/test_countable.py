"""What was counted of rows and content that are gone stays, whoever counts and whatever changes."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from prometheus_client import CollectorRegistry
from sqlalchemy import Engine, Row, func, insert, select, text, update

from gateway.cli.stats import summary
from gateway.config import Settings
from gateway.log.rollups import pending_spans, retention
from gateway.log.rollups.business_time import HOUR, day_span
from gateway.log.rollups.calendar import Price
from gateway.log.rollups.countable import ASKED, MONTHS, move_forward, state
from gateway.log.rollups.roll_up import ALL_ROLLUPS, HOURLY, ROLLUP_TABLES, roll_up
from gateway.log.rollups.tables import business_days, daily_reach, hourly_usage
from gateway.log.rollups.upkeep import Upkeep, UpkeepMetrics
from gateway.log.schema.partitions import drop_months_before
from gateway.log.schema.tables import interactions
from loadtest.seed_log import fill
from loadtest.seeding.shoppers import shoppers
from tests.support.migrating import migrate

SHANGHAI, BERLIN = ZoneInfo("Asia/Shanghai"), ZoneInfo("Europe/Berlin")
KOLKATA = ZoneInfo("Asia/Kolkata")  # half an hour from whole ones
NOW = datetime.now(UTC)
OLD = NOW - timedelta(days=45)


def upkeep(url: str, engine: Engine, **settings: Any) -> Upkeep:
    known = Settings(_env_file=None, database_url=url, **settings)  # type: ignore[call-arg]
    return Upkeep(known, engine, UpkeepMetrics(CollectorRegistry()))


def counts(engine: Engine, before: date) -> dict[str, Sequence[Row[Any]]]:
    """All counts of earlier days."""
    with engine.connect() as connection:
        return {
            table.name: connection.execute(
                select(table).where(table.c.business_day < before).order_by(*table.primary_key)
            ).all()
            for table in ROLLUP_TABLES
        }


def one(engine: Engine, query: str) -> tuple[Any, ...]:
    with engine.connect() as connection:
        return tuple(connection.execute(text(query)).one())


def settled(engine: Engine) -> None:
    with engine.begin() as connection:
        connection.execute(update(interactions).values(arrived_at=interactions.c.asked_at))


@pytest.fixture
def filled(migrated: str, engine: Engine) -> str:
    """Two days of 45 days ago and an hour of today, all counted. The old ones have no content any
    more."""
    fill(engine, 60, seed=1, days=2, begin=OLD)
    fill(engine, 40, seed=2, days=0.01, begin=NOW - timedelta(hours=1))
    settled(engine)
    upkeep(migrated, engine).round()
    return migrated


LAST_WITHOUT_CONTENT = (NOW - timedelta(days=31)).date()


def test_who_types_stats_counts_no_day_again_that_has_lost_its_content(
    filled: str, engine: Engine
) -> None:
    before = counts(engine, LAST_WITHOUT_CONTENT)
    assert len(before["daily_reach"]) > 1
    with engine.begin() as connection:  # as an erasure does, or a thumb
        days = select(business_days.c.starts_at).where(
            business_days.c.business_day < LAST_WITHOUT_CONTENT
        )
        for rollup in ALL_ROLLUPS[1:]:
            pending_spans.add(connection, rollup.name, connection.scalars(days).all())
    summary(engine, SHANGHAI)
    assert counts(engine, LAST_WITHOUT_CONTENT) == before
    with engine.connect() as connection:
        left = [pending_spans.newest_first(connection, rollup.name) for rollup in ALL_ROLLUPS]
    assert left == [[], [], [], []], "nobody else counts them either"


def test_who_types_stats_counts_nothing_of_a_month_that_is_gone(
    filled: str, engine: Engine
) -> None:
    upkeep(filled, engine, log_retention_days=1, content_retention_days=0).round()
    before = counts(engine, LAST_WITHOUT_CONTENT)
    fill(engine, 5, seed=3, days=1, begin=OLD)  # of a spool that lay about
    roll_up(engine, SHANGHAI)
    assert before["hourly_usage"]
    assert counts(engine, LAST_WITHOUT_CONTENT) == before
    upkeep(filled, engine, log_retention_days=400, content_retention_days=0).round()
    assert counts(engine, LAST_WITHOUT_CONTENT) == before, "a longer retention brings nothing back"


def test_a_longer_retention_of_content_brings_nothing_back(filled: str, engine: Engine) -> None:
    with engine.connect() as connection:
        until = state(connection, ASKED)
    before = counts(engine, LAST_WITHOUT_CONTENT)
    del before["hourly_usage"], before["hourly_latency"]  # they need no content
    upkeep(filled, engine, content_retention_days=60).round()
    fill(engine, 10, seed=3, days=1, begin=OLD)
    upkeep(filled, engine, content_retention_days=60).round()
    after = counts(engine, LAST_WITHOUT_CONTENT)
    assert {name: after[name] for name in before} == before
    with engine.connect() as connection:
        assert state(connection, ASKED) == until


def test_a_round_that_is_killed_while_it_drops_content_leaves_no_day_to_be_counted(
    migrated: str, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(engine, 60, seed=1, days=2, begin=OLD)
    upkeep(migrated, engine, content_retention_days=0).round()
    before = counts(engine, NOW.date())
    clear = retention._clear_content

    def killed(*arguments: Any) -> int:
        clear(*arguments)
        raise KeyboardInterrupt

    monkeypatch.setattr(retention, "_clear_content", killed)
    with pytest.raises(KeyboardInterrupt):
        retention.drop_content(engine, NOW - timedelta(days=30))
    roll_up(engine, SHANGHAI)  # the rows have just arrived: each of their days is looked at again
    assert counts(engine, NOW.date()) == before


@pytest.mark.parametrize(
    ("database_url", "known"),
    # Months that an older version has dropped: in MariaDB all before the migration are one.
    [("sqlite", True), ("mariadb", True), ("sqlite", False)],
    ids=["sqlite-stored", "mariadb-stored", "sqlite-dropped by an older version"],
    indirect=["database_url"],
)
def test_another_zone_loses_nothing_of_months_that_are_gone(
    database_url: str, engine: Engine, known: bool
) -> None:
    migrate(database_url)
    fill(engine, 600, days=60, begin=datetime(2026, 9, 10, tzinfo=UTC))
    settled(engine)
    price = Price(0.5, "USD")
    roll_up(engine, SHANGHAI, price=price)
    days = "SELECT COUNT(*), MIN(business_day) FROM"
    queries = {
        "requests": "SELECT SUM(requests) FROM hourly_usage",
        "old": "SELECT COUNT(*) FROM hourly_usage WHERE starts_at < '2026-10-01'",
        "calendar": "SELECT MIN(business_day) FROM business_days",
        "visitors": f"{days} retention_by_day WHERE business_day < '2026-10-01'",
        "money": f"{days} money_by_day WHERE spent IS NOT NULL AND business_day < '2026-10-01'",
    }
    before = {name: one(engine, query) for name, query in queries.items()}
    assert all(found[0] for found in before.values())
    october = datetime(2026, 10, 1, tzinfo=UTC)
    (retention.drop_months if known else drop_months_before)(engine, october)
    roll_up(engine, BERLIN, price=price)
    assert {name: one(engine, query) for name, query in queries.items()} == before
    with engine.connect() as connection:
        seen = select(hourly_usage.c.business_day, hourly_usage.c.starts_at)
        since = connection.execute(seen.where(hourly_usage.c.starts_at >= october)).all()
    assert all(row.starts_at.astimezone(BERLIN).date() == row.business_day for row in since)


@pytest.mark.parametrize("zones", [(SHANGHAI, KOLKATA), (KOLKATA, SHANGHAI)])
def test_hours_of_a_zone_with_half_hours_do_not_reach_into_those_of_another(
    database_url: str, engine: Engine, zones: tuple[ZoneInfo, ZoneInfo]
) -> None:
    migrate(database_url)
    november = datetime(2026, 11, 1, tzinfo=UTC)
    fill(engine, 200, days=1, begin=november - timedelta(hours=12))
    roll_up(engine, zones[0])
    move_forward(engine, MONTHS, november)
    roll_up(engine, zones[1])
    with engine.connect() as connection:
        query = select(hourly_usage.c.starts_at).distinct().order_by("starts_at")
        begins = connection.scalars(query).all()
    assert begins[0] < november < begins[-1]
    assert all(later - earlier >= HOUR for earlier, later in pairwise(begins))


def test_another_zone_loses_no_day_that_has_lost_some_of_its_content(
    database_url: str, engine: Engine
) -> None:
    migrate(database_url)
    fill(engine, 700, days=7, begin=datetime(2026, 11, 1, tzinfo=UTC))
    roll_up(engine, ZoneInfo("UTC"))
    # In Shanghai the fifth began four hours before.
    move_forward(engine, ASKED, datetime(2026, 11, 4, 20, tzinfo=UTC))
    roll_up(engine, SHANGHAI)
    with engine.connect() as connection:
        found = set(connection.scalars(select(daily_reach.c.business_day)))
    assert found >= {date(2026, 11, day) for day in range(1, 8)}


def test_who_comes_back_after_a_week_is_not_lost_with_the_rows_of_the_week_before(
    database_url: str, engine: Engine
) -> None:
    migrate(database_url)
    first = day_span(date(2026, 10, 31), SHANGHAI)
    rows = (row for row, _ in shoppers(1, first.starts_at, 1e9) if row["kind"] == "ask")
    of_one = {"tenant": "t", "user_pseudonym": "u" * 32}
    a_week_later = first.starts_at + timedelta(days=7, hours=12)
    with engine.begin() as connection:
        for at in (first.starts_at, a_week_later):
            connection.execute(insert(interactions), {**next(rows), **of_one, "asked_at": at})
    roll_up(engine, SHANGHAI)
    query = "SELECT after_7_days FROM retention_by_day WHERE business_day = '2026-10-31'"
    assert one(engine, query) == (1,)
    with engine.begin() as connection:
        gone = interactions.c.asked_at < first.ends_at
        connection.execute(interactions.delete().where(gone))
    move_forward(engine, MONTHS, first.ends_at)
    with engine.begin() as connection:
        late = {**next(rows), "tenant": "t", "asked_at": a_week_later}
        connection.execute(insert(interactions), late)
    roll_up(engine, SHANGHAI)
    assert one(engine, query) == (1,)
    with engine.connect() as connection:
        assert connection.scalar(select(func.count()).select_from(interactions)) == 2
        assert pending_spans.newest_first(connection, HOURLY.name) == []
