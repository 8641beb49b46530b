"""Roll-ups and views say what the interactions say, on real databases."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from itertools import count
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import Engine, Row, delete, func, insert, select, text, update

from gateway.log.rollups.business_time import day_span
from gateway.log.rollups.calendar import Price
from gateway.log.rollups.countable import ASKED, move_forward
from gateway.log.rollups.details import drop_details
from gateway.log.rollups.roll_up import (
    DETAIL_TABLES,
    FORM,
    HOURLY,
    ROLLUP_TABLES,
    VISITS,
    _count,
    read_committed,
    roll_up,
)
from gateway.log.rollups.tables import hourly_latency, hourly_usage, rollup_state
from gateway.log.schema.tables import feedback, interactions
from loadtest.seed_log import BEGIN, fill
from loadtest.seeding.shoppers import shoppers
from tests.support.migrating import migrate
from tests.support.views_from_rows import FROM_ROWS

SHANGHAI = ZoneInfo("Asia/Shanghai")
SEEDS = count(1_000)
LONG_AGO = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture
def log(database_url: str, engine: Engine) -> Engine:
    """Three days and a little more of 400 interactions each, not rolled up yet."""
    migrate(database_url)
    fill(engine, 1_200, days=3)
    return engine


def everything(engine: Engine) -> dict[str, Sequence[Row[Any]]]:
    with engine.connect() as connection:
        return {
            table.name: connection.execute(select(table).order_by(*table.primary_key)).all()
            for table in ROLLUP_TABLES
        }


def view(engine: Engine, query: str) -> list[dict[str, Any]]:
    with engine.connect() as connection:
        found = connection.execute(text(query)).mappings()
        return [{name: _plain(value) for name, value in row.items()} for row in found]


def _plain(value: Any) -> Any:
    """Servers add up whole numbers to decimals."""
    if not isinstance(value, Decimal):
        return value
    return int(value) if value == int(value) else float(value)


def rows(engine: Engine) -> list[dict[str, Any]]:
    with engine.connect() as connection:
        return [dict(row) for row in connection.execute(select(interactions)).mappings()]


def settled(engine: Engine) -> None:
    """As if all that is there had arrived long ago and been rolled up since."""
    with engine.begin() as connection:
        connection.execute(update(interactions).values(arrived_at=LONG_AGO))


def one_more(engine: Engine, asked_at: datetime, **columns: Any) -> None:
    pairs = shoppers(next(SEEDS), asked_at, 1e9)
    asked = (row for row, _ in pairs if row["kind"] == "ask" and row["answer"])
    row = next(row for row in asked if row["outcome"] == "answered")
    with engine.begin() as connection:
        connection.execute(insert(interactions), {**row, "asked_at": asked_at, **columns})


def test_usage_and_reach_are_those_of_the_rows(log: Engine) -> None:
    roll_up(log, SHANGHAI)
    all_rows = rows(log)
    found = view(log, "SELECT * FROM usage_by_day")
    assert sum(row["requests"] for row in found) == len(all_rows)
    span = day_span(date(2026, 11, 3), SHANGHAI)
    public = [
        row
        for row in all_rows
        if span.starts_at <= row["asked_at"] < span.ends_at and row["tenant"] == "public"
    ]
    (day,) = [
        r for r in found if str(r["business_day"]) == "2026-11-03" and r["tenant"] == "public"
    ]
    assert day["requests"] == len(public)
    assert day["questions_asked"] == sum(row["kind"] == "ask" for row in public)
    assert day["refused"] == sum(row["outcome"] == "refused" for row in public)
    assert day["sessions"] == len({row["session_id"] for row in public})
    assert day["photos"] == len({row["image_digest"] for row in public})
    hashes = {row["question_hash"] for row in public} - {None}
    assert day["different_questions"] == len(hashes)


def test_a_percentile_is_near_that_of_the_rows(log: Engine) -> None:
    roll_up(log, SHANGHAI)
    span = day_span(date(2026, 11, 3), SHANGHAI)
    times = sorted(
        row["total_ms"]
        for row in rows(log)
        if span.starts_at <= row["asked_at"] < span.ends_at
        and (row["outcome"], row["cache"], row["tenant"]) == ("answered", "hit", "boutique")
        and row["kind"] == "ask"
    )
    (day,) = view(
        log,
        "SELECT * FROM latency_by_day WHERE business_day = '2026-11-03' AND tenant = 'boutique'"
        " AND cache = 'hit' AND kind = 'ask'",
    )
    assert day["answers"] == len(times) > 20
    for name, share in (("p50_ms", 0.5), ("p95_ms", 0.95), ("p99_ms", 0.99)):
        exact = times[max(0, -(-int(share * 100) * len(times) // 100) - 1)]
        assert exact / 1.19 <= day[name] <= exact * 1.19, name


def test_savings_are_what_the_computed_answers_took_on_average(log: Engine) -> None:
    roll_up(log, SHANGHAI)
    answered = [row for row in rows(log) if row["outcome"] == "answered" and row["cache"]]
    computed = [row for row in answered if row["cache"] == "miss"]
    worked = [row for row in rows(log) if row["upstream_ms"]]
    assert len(worked) > len(computed), "some askers have left"
    spent = sum(r["upstream_ms"] + r["total_ms"] - r["first_text_ms"] for r in worked) / 1000
    found = view(log, "SELECT * FROM cache_savings_by_day")
    assert sum(day["model_seconds_spent"] for day in found) == pytest.approx(spent, abs=1)
    assert sum(day["from_cache"] for day in found) == len(answered) - len(computed)
    of_answers = "SUM(CASE WHEN outcome = 'answered' THEN model_ms ELSE 0 END)"
    of_days = view(
        log,
        f"SELECT business_day, tenant, model_revision, {of_answers} AS ms FROM hourly_usage"
        " WHERE model_ms > 0 GROUP BY business_day, tenant, model_revision",
    )
    key = ("business_day", "tenant", "model_revision")
    ms = {tuple(str(row[name]) for name in key): row["ms"] for row in of_days}
    for day in found:
        mean = ms[tuple(str(day[name]) for name in key)] / (day["answers"] - day["from_cache"])
        saved = day["from_cache"] * mean / 1000
        assert day["model_seconds_saved"] == pytest.approx(saved, rel=0.02)


def test_a_model_s_time_is_spent_however_the_answer_ended(log: Engine) -> None:
    """Nothing is said of the mean, by which savings are measured."""
    at = BEGIN + timedelta(days=1)
    mine = {"tenant": "t", "model_revision": "r", "user_pseudonym": None, "intent": "price"}
    took = {"first_text_ms": 300.0, "upstream_ms": 250.0, "total_ms": 1_050.0}
    one_more(log, at, **mine, **took, cache="miss")
    one_more(log, at, **mine, **took, cache="hit")
    one_more(log, at, **mine, **{**took, "total_ms": 9_050.0}, cache="miss", outcome="cancelled")
    held_back = {**took, "first_text_ms": None}
    one_more(log, at, **mine, **held_back, cache="miss", outcome="failed", error_code="x")
    one_more(log, at, **mine, cache="joined", outcome="failed", error_code="x", upstream_ms=None)
    one_more(log, at, **{**mine, "model_revision": "left"}, **took, cache="miss", outcome="failed")
    roll_up(log, SHANGHAI, price=Price(0.5, "USD"))
    columns = "answers, from_cache, model_seconds_spent, model_seconds_saved"
    of = "WHERE tenant = 't' ORDER BY model_revision"
    (left, mixed) = view(log, f"SELECT {columns} FROM cache_savings_by_day {of}")
    assert list(mixed.values()) == [2, 1, pytest.approx(1 + 9 + 0.2, abs=0.11), 1]
    assert list(left.values()) == [0, 0, 1, 0]
    (left, mixed) = view(log, f"SELECT {columns}, spent, saved FROM money_by_day {of}")
    assert list(mixed.values()) == [2, 1, pytest.approx(10.2, abs=0.11), 1, 5.125, 0.5]
    assert list(left.values()) == [0, 0, 1, 0, 0.5, 0]


def test_who_joined_what_failed_got_nothing_from_the_cache(log: Engine) -> None:
    asked = {"tenant": "t", "question_hash": "f" * 32, "cache": "joined"}
    one_more(log, BEGIN, **asked)
    one_more(log, BEGIN, **asked, outcome="failed", error_code="replica_failed")
    roll_up(log, SHANGHAI)
    (of_question,) = view(log, "SELECT asked, from_cache FROM questions_by_day WHERE tenant = 't'")
    assert of_question == {"asked": 2, "from_cache": 1}
    assert view(log, "SELECT from_cache FROM usage_by_day WHERE tenant = 't'") == [
        {"from_cache": 1}
    ]


def test_a_percentile_of_lines_of_batches_is_right_up_to_an_hour(log: Engine) -> None:
    for minutes in (2, 20, 55):
        one_more(log, BEGIN, tenant=f"{minutes}", kind="batch line", total_ms=60_000.0 * minutes)
    one_more(log, BEGIN, tenant="120", kind="batch line", total_ms=7_200_000.0)
    roll_up(log, SHANGHAI)
    found = view(log, "SELECT tenant, p95_ms FROM latency_by_day WHERE kind = 'batch line'")
    assert len(found) == 4
    for row in found:
        expected = min(60_000 * int(row["tenant"]), 83 * 60_000)
        assert row["p95_ms"] == pytest.approx(expected, rel=0.19)


def test_a_version_that_counts_in_another_way_counts_what_it_can_anew(log: Engine) -> None:
    roll_up(log, SHANGHAI)
    settled(log)
    want = everything(log)
    with log.begin() as connection:  # as an older version has left it
        connection.execute(update(hourly_usage).values(model_ms=0))
        connection.execute(delete(rollup_state).where(rollup_state.c.name == FORM))
    roll_up(log, SHANGHAI)
    assert everything(log) == want
    assert roll_up(log, SHANGHAI).counted == 0


def test_repeats_count_the_same_question_about_the_same_photo(log: Engine) -> None:
    roll_up(log, SHANGHAI)
    (before,) = view(log, REPEATS)
    at = day_span(date(2026, 11, 3), SHANGHAI).starts_at + timedelta(hours=5)
    same = {"tenant": "public", "question_hash": "f" * 32, "image_digest": "e" * 64}
    for session in ("one", "one", "two"):
        one_more(log, at, **same, session_id=session, user_pseudonym=None)
    roll_up(log, SHANGHAI)
    (after,) = view(log, REPEATS)
    assert after["asks"] - before["asks"] == 3
    assert after["repeated"] - before["repeated"] == 2
    assert after["repeated_by_the_same"] - before["repeated_by_the_same"] == 1


REPEATS = "SELECT * FROM repeat_asks_by_day WHERE business_day = '2026-11-03' AND tenant = 'public'"


def test_a_session_walks_down_the_funnel_on_its_day(log: Engine) -> None:
    with log.begin() as connection:
        connection.execute(delete(feedback))
        connection.execute(delete(interactions))
    at = day_span(date(2026, 11, 3), SHANGHAI).starts_at
    one_more(log, at, session_id="asks twice", tenant="public")
    one_more(log, at + timedelta(seconds=1), session_id="asks twice", tenant="public")
    nothing = {"question_hash": None, "kind": "upload", "outcome": "answered"}
    one_more(log, at + timedelta(seconds=2), session_id="only uploads", tenant="public", **nothing)
    one_more(log, at - timedelta(seconds=1), session_id="the day before", tenant="public")
    voted = rows(log)[0]
    with log.begin() as connection:
        vote = {"interaction_id": voted["interaction_id"], "vote": "up", "created_at": at}
        connection.execute(insert(feedback), {**vote, "tenant": "public"})
    roll_up(log, SHANGHAI)
    found = {
        str(f.pop("business_day")): f for f in view(log, "SELECT * FROM session_funnel_by_day")
    }
    assert sorted(found) == ["2026-11-02", "2026-11-03"]
    names = ("sessions", "with_photo", "asked", "answered", "asked_again")
    assert [found["2026-11-03"][name] for name in names] == [2, 2, 1, 1, 1]
    assert sum(day["thumbs_up"] for day in found.values()) == 1


@pytest.mark.parametrize("name", FROM_ROWS)
def test_a_view_on_a_rollup_says_what_the_rows_say(log: Engine, name: str) -> None:
    roll_up(log, SHANGHAI)
    found, want = view(log, f"SELECT * FROM {name}"), view(log, FROM_ROWS[name])
    assert list(found[0]) == list(want[0]), "the same columns"
    assert sorted(map(repr, found)) == sorted(map(repr, want))
    assert len({str(row["business_day"]) for row in found}) == 4


def test_a_thumb_counts_with_what_it_is_about_however_late_it_comes(log: Engine) -> None:
    with log.begin() as connection:
        connection.execute(delete(feedback))
    roll_up(log, SHANGHAI)
    settled(log)
    about = next(row for row in rows(log) if row["session_id"] and row["outcome"] == "answered")
    late = about["asked_at"] + timedelta(days=9)
    thumb = {"interaction_id": about["interaction_id"], "vote": "up", "created_at": late}
    with log.begin() as connection:
        connection.execute(insert(feedback), {**thumb, "tenant": about["tenant"]})
    of_thumb = {"kind": "feedback", "parent_interaction_id": about["interaction_id"]}
    one_more(log, late, **of_thumb, question_hash=None, session_id=about["session_id"])
    roll_up(log, SHANGHAI)
    found = view(log, "SELECT * FROM session_funnel_by_day WHERE thumbs_up = 1 AND voted = 1")
    assert len(found) == 1
    first = day_span(date.fromisoformat(str(found[0]["business_day"])), SHANGHAI)
    assert first.starts_at <= about["asked_at"] < first.ends_at


def test_two_votes_on_one_question_are_not_two_questions(log: Engine) -> None:
    with log.begin() as connection:
        for table in (feedback, interactions):
            connection.execute(delete(table))
        # As it is where several may vote on one interaction.
        connection.execute(text("ALTER TABLE feedback RENAME TO of_one_voter"))
        connection.execute(text("CREATE TABLE feedback AS SELECT * FROM of_one_voter"))
    one_more(log, BEGIN, session_id="asks once", tenant="public")
    thumb = {"interaction_id": rows(log)[0]["interaction_id"], "vote": "up", "created_at": BEGIN}
    with log.begin() as connection:
        connection.execute(insert(feedback), 2 * [{**thumb, "tenant": "public"}])
    roll_up(log, SHANGHAI)
    (day,) = view(log, "SELECT * FROM session_funnel_by_day WHERE business_day = '2026-11-02'")
    assert (day["asked"], day["asked_again"], day["voted"]) == (1, 0, 1)


def test_the_words_of_a_question_go_with_the_interaction_and_its_counts_stay(log: Engine) -> None:
    at = BEGIN + timedelta(hours=5)
    words = {"question": "适合李华吗?", "question_hash": "f" * 32, "tenant": "public"}
    one_more(log, at, **words)
    roll_up(log, SHANGHAI)
    query = f"SELECT question, asked FROM questions_by_day WHERE question_hash = '{'f' * 32}'"
    assert view(log, query) == [{"question": "适合李华吗?", "asked": 1}]
    with log.begin() as connection:
        connection.execute(delete(interactions).where(interactions.c.question_hash == "f" * 32))
    assert view(log, query) == [{"question": None, "asked": 1}]


def test_what_names_single_questions_and_photos_goes_with_the_rows(log: Engine) -> None:
    roll_up(log, SHANGHAI)
    before = everything(log)
    drop_details(log, date(2026, 11, 3))
    after = everything(log)
    for table in ROLLUP_TABLES:
        days = {row.business_day for row in after[table.name]}
        gone = {date(2026, 11, 2)} if table in DETAIL_TABLES else set()
        assert days == {row.business_day for row in before[table.name]} - gone, table.name


def test_a_round_ends_in_time_and_the_next_goes_on_from_there(log: Engine) -> None:
    assert roll_up(log, SHANGHAI, VISITS, within_s=0) == (2, 2)
    found = view(log, "SELECT DISTINCT business_day FROM session_funnel_by_day ORDER BY 1")
    days = [str(row["business_day"]) for row in found]
    assert days == ["2026-11-04", "2026-11-05"], "the newest first"
    settled(log)  # arrived long ago: only what was noted tells that they are to be counted
    assert roll_up(log, SHANGHAI, VISITS, within_s=0) == (2, 0)
    assert roll_up(log, SHANGHAI, VISITS) == (0, 0)
    assert len(view(log, "SELECT DISTINCT business_day FROM session_funnel_by_day")) == 4


def test_days_whose_content_may_be_gone_are_left_as_they_were_counted(log: Engine) -> None:
    move_forward(log, ASKED, day_span(date(2026, 11, 4), SHANGHAI).starts_at)
    assert roll_up(log, SHANGHAI, VISITS) == (2, 0)
    assert roll_up(log, SHANGHAI, VISITS).remaining == 0


def test_rolling_up_twice_changes_nothing(log: Engine) -> None:
    roll_up(log, SHANGHAI)
    first = everything(log)
    assert all(first.values())
    roll_up(log, SHANGHAI)
    assert everything(log) == first


def test_a_row_that_comes_days_late_is_counted_and_other_hours_are_left_alone(log: Engine) -> None:
    roll_up(log, SHANGHAI)
    settled(log)
    assert roll_up(log, SHANGHAI).counted == 0
    before = everything(log)
    late = BEGIN + timedelta(days=1, hours=3, minutes=30)
    of_one = {"tenant": "late", "session_id": "s" * 32, "user_pseudonym": None}
    one_more(log, late, **of_one, model_revision="r", cannot_see=None)
    # An hour, a day thrice, and the days on which its visitors may have come back.
    assert roll_up(log, SHANGHAI).counted == 6
    after = everything(log)
    added = {name: set(after[name]) - set(before[name]) for name in after}
    assert [row.requests for row in added["hourly_usage"]] == [1]
    without = {"daily_products", "daily_retention", "daily_unseen", "daily_moderation"}
    assert {name for name, rows in added.items() if len(rows) != 1} == without


def test_a_round_that_broke_off_is_made_up_for(log: Engine) -> None:
    roll_up(log, SHANGHAI)
    want = everything(log)
    with log.begin() as connection:  # killed between an hour's deletion and the end
        connection.execute(delete(hourly_usage))
        connection.execute(delete(hourly_latency).where(hourly_latency.c.tenant == "public"))
    roll_up(log, SHANGHAI)
    assert everything(log) == want


def test_another_zone_counts_everything_anew(log: Engine) -> None:
    roll_up(log, SHANGHAI)
    settled(log)
    roll_up(log, ZoneInfo("Asia/Kolkata"))  # its hours begin where Shanghai's are half over
    found = view(log, "SELECT MIN(business_day) AS first, SUM(requests) AS n FROM usage_by_day")
    assert str(found[0]["first"]) == "2026-11-01"
    assert found[0]["n"] == 1_200, "none is counted under both zones"
    topics = view(log, "SELECT SUM(asks) AS n FROM topics_by_day")
    assert topics[0]["n"] == sum(row["intent"] is not None for row in rows(log))


def test_midnight_separates_two_business_days(log: Engine) -> None:
    midnight = day_span(date(2026, 11, 20), SHANGHAI).starts_at
    one_more(log, midnight - timedelta(milliseconds=1), tenant="night")
    one_more(log, midnight, tenant="night")
    roll_up(log, SHANGHAI)
    found = view(log, "SELECT business_day, requests FROM usage_by_day WHERE tenant = 'night'")
    assert sorted((str(day["business_day"]), day["requests"]) for day in found) == [
        ("2026-11-19", 1),
        ("2026-11-20", 1),
    ]


@pytest.mark.parametrize("database_url", ["mariadb"], indirect=True)  # a file has one writer
def test_counting_an_hour_holds_up_no_insert_into_it(log: Engine) -> None:
    span = next(HOURLY.spans(BEGIN, BEGIN, SHANGHAI))
    with read_committed(log).connect() as busy:
        _count(busy, HOURLY, span)
        with log.begin() as connection:
            connection.execute(text("SET SESSION innodb_lock_wait_timeout = 1"))
            row, _ = next(shoppers(5, BEGIN, 1e9))
            connection.execute(insert(interactions), row)


def test_the_state_is_the_databases_time_not_this_machines(log: Engine) -> None:
    roll_up(log, SHANGHAI)
    with log.connect() as connection:
        seen = connection.scalars(select(rollup_state.c.seen_until)).all()
        last = connection.scalar(select(func.max(interactions.c.arrived_at)))
    assert len(seen) == 5, "four roll-ups, and how they count"
    assert last is not None
    assert all(last - timedelta(seconds=1) <= at <= datetime.now(UTC) for at in seen)
