"""Revision 0008 on a log that has rows and counts already, forth and back."""

from datetime import UTC, datetime

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.exc import DBAPIError

from loadtest.seed_log import fill
from tests.support.schema import described, downgrade, upgrade

# Two hours of one tenant, as the version before counts them.
COUNTED = """INSERT INTO hourly_usage (starts_at, business_day, business_hour, tenant, kind, route,
    outcome, error_code, cache, model_revision, requests, total_ms, model_ms, prompt_tokens,
    completion_tokens)
    VALUES ('2026-11-02 08:00:00.000000', '2026-11-02', 16, 'public', 'ask', '/v1/ask', 'answered',
    '', 'miss', 'r', 7, 70, 35, 700, 70), ('2026-11-02 09:00:00.000000', '2026-11-02', 17, 'public',
    'ask', '/v1/ask', 'answered', '', 'hit', 'r', 3, 3, 0, 300, 30)"""
LATENCY = """INSERT INTO hourly_latency (starts_at, business_day, tenant, kind, route, cache,
    model_revision, up_to_ms, answers) VALUES
    ('2026-11-02 08:00:00.000000', '2026-11-02', 'public', 'ask', '/v1/ask', 'miss', 'r', 16, 7)"""
DAY = """INSERT INTO business_days (business_day, starts_at, ends_at) VALUES
    ('2026-11-02', '2026-11-01 16:00:00.000000', '2026-11-02 16:00:00.000000')"""
STATE = "INSERT INTO rollup_state VALUES ('hourly', '2026-11-03 00:00:00.000000')"
USAGE = """SELECT SUM(requests), SUM(total_ms), SUM(model_ms), SUM(prompt_tokens),
    SUM(completion_tokens), COUNT(*) FROM hourly_usage"""


@pytest.fixture
def old(engine: Engine) -> Engine:
    upgrade(engine, "0007")
    fill(engine, 100, days=1, begin=datetime(2026, 11, 2, tzinfo=UTC))
    with engine.begin() as connection:
        for statement in (COUNTED, LATENCY, DAY, STATE):
            connection.execute(text(statement))
    return engine


def one(engine: Engine, query: str) -> tuple[float, ...]:
    with engine.connect() as connection:
        return tuple(map(float, connection.execute(text(query)).one()))


def test_rows_and_counts_stay_and_hours_are_to_be_counted_anew(old: Engine) -> None:
    before = one(old, USAGE)
    asked = one(old, "SELECT COUNT(*), SUM(total_ms) FROM interactions")
    upgrade(old)
    assert one(old, USAGE) == before == (10, 73, 35, 1000, 100, 2)
    assert one(old, "SELECT COUNT(*), SUM(total_ms) FROM interactions") == asked
    assert one(old, "SELECT SUM(answers), COUNT(business_hour) FROM hourly_latency") == (7, 0)
    assert one(old, "SELECT SUM(requests) FROM usage_by_day") == (10,), "the view still reads it"
    assert one(old, "SELECT COUNT(*) FROM rollup_state") == (0,)
    with old.connect() as connection:
        assert connection.scalars(text("SELECT intent FROM hourly_usage")).all() == ["", ""]


def test_two_intents_of_an_hour_are_one_count_again_on_the_way_back(old: Engine) -> None:
    before = described(old)
    upgrade(old)
    with old.begin() as connection:
        changed = COUNTED.replace("(starts_at", "(intent, starts_at").replace("('2", "('price', '2")
        connection.execute(text(changed))
    downgrade(old, "0007")
    assert one(old, USAGE) == (20, 146, 70, 2000, 200, 2)
    assert described(old) == before


def test_one_that_was_killed_halfway_is_run_again(old: Engine) -> None:
    with old.begin() as connection:  # where the last of its views is to be
        connection.execute(text("CREATE TABLE money_by_day (day INT)"))
    with pytest.raises(DBAPIError, match="money_by_day"):
        upgrade(old)
    with old.begin() as connection:
        connection.execute(text("DROP TABLE money_by_day"))
    upgrade(old)
    assert one(old, USAGE) == (10, 73, 35, 1000, 100, 2)
    assert one(old, "SELECT COUNT(*) FROM money_by_day")[0] > 0
