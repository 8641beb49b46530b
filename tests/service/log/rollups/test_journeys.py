"""Steps of sessions, first questions, returns, products and money, from rows to views."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from itertools import count
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import Engine, Row, event, insert, select, text, update

from gateway.log.redaction import WITHOUT_PERSON
from gateway.log.rollups.business_time import day_span
from gateway.log.rollups.calendar import Price
from gateway.log.rollups.details import recount_details
from gateway.log.rollups.roll_up import JOURNEYS, roll_up
from gateway.log.rollups.tables import business_days, hourly_latency, hourly_usage
from gateway.log.schema.tables import feedback, interactions
from loadtest.seed_log import fill
from loadtest.seeding.shoppers import shoppers
from tests.support.migrating import migrate

SHANGHAI = ZoneInfo("Asia/Shanghai")
SEEDS = count(5_000)
DAY = date(2026, 11, 3)
MORNING = day_span(DAY, SHANGHAI).starts_at + timedelta(hours=9)


@pytest.fixture
def log(database_url: str, engine: Engine) -> Engine:
    migrate(database_url)
    return engine


def add(engine: Engine, at: datetime, **columns: Any) -> Any:
    """One answered question; returns its id."""
    pairs = shoppers(next(SEEDS), at, 1e9)
    row = next(row for row, _ in pairs if row["kind"] == "ask" and row["answer"])
    plain = {"tenant": "public", "user_pseudonym": None, "moderation": None}
    values = {**row, "asked_at": at, **plain, **columns}
    with engine.begin() as connection:
        connection.execute(insert(interactions), values)
    return values["interaction_id"]


def thumb(engine: Engine, about: Any, at: datetime, vote: str = "up") -> None:
    values = {"interaction_id": about, "vote": vote, "created_at": at, "tenant": "public"}
    with engine.begin() as connection:
        connection.execute(insert(feedback), values)


def found(engine: Engine, query: str) -> Sequence[Row[Any]]:
    with engine.connect() as connection:
        return connection.execute(text(query)).all()


def steps(engine: Engine) -> list[tuple[int | None, float | None]]:
    column = interactions.c
    query = select(column.session_step, column.seconds_since_previous).order_by(column.asked_at)
    with engine.connect() as connection:
        return [(row.session_step, row.seconds_since_previous) for row in connection.execute(query)]


def test_a_row_says_which_step_of_its_session_it_is_and_how_long_after_the_last(
    log: Engine,
) -> None:
    for seconds in (0, 1.5, 90):
        add(log, MORNING + timedelta(seconds=seconds), session_id="a" * 32)
    add(log, MORNING + timedelta(seconds=100), session_id=None, user_pseudonym="b" * 32)
    add(log, MORNING + timedelta(seconds=101), session_id=None)
    add(log, MORNING + timedelta(seconds=102), session_id="a" * 32, kind="batch line")
    add(log, MORNING + timedelta(days=1), session_id="a" * 32)
    roll_up(log, SHANGHAI)
    of_nobody = [(None, None)] * 2
    assert steps(log) == [
        (1, None),
        (2, pytest.approx(1.5, abs=0.002)),
        (3, pytest.approx(88.5, abs=0.002)),
        (1, None),
        *of_nobody,
        (1, None),  # each day begins anew
    ]


def test_a_late_row_moves_the_steps_behind_it_and_nothing_else_is_written(log: Engine) -> None:
    for seconds in (0, 60):
        add(log, MORNING + timedelta(seconds=seconds), session_id="a" * 32)
    add(log, MORNING + timedelta(seconds=61), session_id="c" * 32)
    roll_up(log, SHANGHAI)
    add(log, MORNING + timedelta(seconds=20), session_id="a" * 32)
    written: list[int] = []

    @event.listens_for(log, "after_cursor_execute")
    def count_rows(_: Any, cursor: Any, statement: str, *__: Any) -> None:
        if statement.startswith("UPDATE interactions"):
            written.append(cursor.rowcount)

    roll_up(log, SHANGHAI)
    assert steps(log) == [(1, None), (2, 20.0), (3, 40.0), (1, None)]
    assert written == [2]


def test_who_was_erased_meanwhile_gets_no_step(log: Engine) -> None:
    add(log, MORNING, session_id="a" * 32)
    add(log, MORNING + timedelta(seconds=5), session_id="a" * 32)

    @event.listens_for(log, "before_cursor_execute")
    def erase(_: Any, cursor: Any, statement: str, *__: Any) -> None:
        if statement.startswith("UPDATE interactions"):
            cursor.execute("UPDATE interactions SET session_id = NULL WHERE session_step IS NULL")

    roll_up(log, SHANGHAI)
    assert steps(log) == [(None, None), (None, None)]


def test_the_funnel_begins_with_the_first_question_in_its_language(log: Engine) -> None:
    first = add(log, MORNING, session_id="a" * 32, language="zh")
    second = add(log, MORNING + timedelta(seconds=10), session_id="a" * 32, language="en")
    add(log, MORNING, session_id="b" * 32, language="en", outcome="failed")
    add(log, MORNING + timedelta(seconds=1), session_id="b" * 32, kind="upload", question_hash=None)
    thumb(log, second, MORNING + timedelta(seconds=30))
    thumb(log, first, MORNING + timedelta(seconds=45), "down")
    roll_up(log, SHANGHAI)
    rows = found(
        log,
        "SELECT language, asked, answered, asked_again, voted, thumbs_up, seconds_to_thumb"
        " FROM thumb_funnel_by_day ORDER BY language",
    )
    assert [tuple(row)[:6] for row in rows] == [("en", 1, 0, 0, 0, 0), ("zh", 1, 1, 1, 1, 1)]
    assert [row.seconds_to_thumb for row in rows] == [None, pytest.approx(30, abs=0.1)]


def test_who_comes_back_a_day_and_a_week_later_is_counted(log: Engine) -> None:
    for session in ("a" * 32, "b" * 32, "c" * 32):
        add(log, MORNING, session_id=session)
        add(log, MORNING + timedelta(minutes=1), session_id=session)
    add(log, MORNING, session_id="s" * 32)  # perhaps a script: it is no visitor
    add(log, MORNING, session_id=None, user_pseudonym="u" * 32)
    add(log, MORNING + timedelta(days=1), session_id="a" * 32)
    add(log, MORNING + timedelta(days=1), session_id="s" * 32)
    add(log, MORNING + timedelta(days=7), session_id=None, user_pseudonym="u" * 32)
    add(log, MORNING + timedelta(days=7), session_id="a" * 32, tenant="another")
    roll_up(log, SHANGHAI)
    (row,) = found(
        log,
        "SELECT visitors, after_1_day, percent_after_1_day, after_7_days FROM retention_by_day"
        " WHERE business_day = '2026-11-03' AND tenant = 'public'",
    )
    assert tuple(map(float, row)) == (4, 1, 25, 1)


def test_who_has_come_back_is_known_of_a_visit_that_arrives_late(log: Engine) -> None:
    user = {"session_id": None, "user_pseudonym": "u" * 32}
    for days in (1, 7):
        add(log, MORNING + timedelta(days=days), **user)
    add(log, MORNING, session_id=None, user_pseudonym="v" * 32)
    with log.begin() as connection:
        connection.execute(update(interactions).values(arrived_at=MORNING))
    roll_up(log, SHANGHAI)
    query = "SELECT visitors, after_1_day, after_7_days FROM retention_by_day"
    query += f" WHERE business_day = '{DAY}' AND tenant = 'public'"
    assert [tuple(row) for row in found(log, query)] == [(1, 0, 0)]
    add(log, MORNING, **user)
    roll_up(log, SHANGHAI)
    assert [tuple(row) for row in found(log, query)] == [(2, 1, 1)]
    tomorrow = datetime.now(UTC) + timedelta(days=1)
    add(log, datetime.now(UTC), **user)
    roll_up(log, SHANGHAI)
    days = "SELECT MAX(business_day) FROM daily_retention"
    assert str(found(log, days)[0][0]) < str(tomorrow.astimezone(SHANGHAI).date()), "not begun"


def test_a_day_that_is_not_over_says_nothing_of_who_comes_back(log: Engine) -> None:
    now = datetime.now(UTC)
    for second in (0, 1):
        add(log, now - timedelta(seconds=second), session_id="a" * 32)
    roll_up(log, SHANGHAI)
    rows = found(log, "SELECT after_1_day, after_7_days FROM retention_by_day")
    assert [tuple(row) for row in rows] in ([(None, None)], [])  # two days, around midnight


def test_questions_count_for_the_product_that_a_card_of_the_day_names(log: Engine) -> None:
    card = {"kind": "card", "question_hash": None, "intent": None, "product_kind": "手提包"}
    add(log, MORNING, image_digest="1" * 64, **card)
    add(log, MORNING, image_digest="2" * 64, **card)
    add(log, MORNING, image_digest="1" * 64, intent="price")
    add(log, MORNING, image_digest="1" * 64, intent="price", outcome="failed")
    add(log, MORNING, image_digest="1" * 64, intent="price", tenant="another")
    add(log, MORNING, image_digest="3" * 64, intent="price")
    roll_up(log, SHANGHAI)
    query = (
        "SELECT tenant, product_kind, intent, cards, asks, answered, photos FROM products_by_day"
    )
    assert sorted(map(tuple, found(log, query))) == [
        ("public", "手提包", "", 2, 0, 0, 2),
        ("public", "手提包", "price", 0, 2, 1, 1),
    ]


def test_kinds_are_told_apart_letter_by_letter(log: Engine) -> None:
    kinds = ("🎒", "👗", "バッグ", "ハッグ", "café", "cafe")
    for number, kind in enumerate(kinds):
        card = {"kind": "card", "question_hash": None, "intent": None, "product_kind": kind}
        add(log, MORNING, image_digest=f"{number:064}", **card)
        add(log, MORNING, image_digest=f"{number:064}", intent="price")
    roll_up(log, SHANGHAI)
    query = "SELECT product_kind, intent, cards + asks FROM products_by_day"
    assert {tuple(row) for row in found(log, query)} == {
        (kind, intent, 1) for kind in kinds for intent in ("", "price")
    }
    assert found(log, "SELECT COUNT(*) FROM interactions WHERE product_kind = '🎒'") == [(1,)]


def test_an_erasure_takes_the_kinds_of_a_person_s_cards_along_and_counts_anew(log: Engine) -> None:
    card = {"kind": "card", "question_hash": None, "intent": None, "product_kind": "奖杯"}
    mine = add(log, MORNING, image_digest="1" * 64, **card)
    add(log, MORNING, image_digest="1" * 64, intent="price")
    add(log, MORNING, image_digest="2" * 64, **(card | {"product_kind": "手表"}))
    roll_up(log, SHANGHAI)
    query = "SELECT DISTINCT product_kind FROM products_by_day"
    assert {row[0] for row in found(log, query)} == {"奖杯", "手表"}
    which = interactions.c.interaction_id == mine
    with log.begin() as connection:
        recount_details(connection, which)
        connection.execute(update(interactions).where(which).values(WITHOUT_PERSON))
    assert {row[0] for row in found(log, query)} == {"手表"}, "at once"
    assert roll_up(log, SHANGHAI, JOURNEYS).counted == 3, "and who came back later"
    assert {row[0] for row in found(log, query)} == {"手表"}


def test_what_answers_cannot_see_and_what_was_refused_are_counted(log: Engine) -> None:
    add(log, MORNING, cannot_see="price", intent="price")
    add(log, MORNING, cannot_see="price", intent="price", moderation="question:advert")
    add(log, MORNING, cannot_see=None, intent="price")
    roll_up(log, SHANGHAI)
    unseen = found(log, "SELECT tenant, cannot_see, intent, answers FROM daily_unseen")
    assert [tuple(row) for row in unseen] == [("public", "price", "price", 2)]
    moderated = found(log, "SELECT tenant, moderation, requests FROM daily_moderation")
    assert [tuple(row) for row in moderated] == [("public", "question:advert", 1)]


# What tells of shoppers.
OF_SHOPPERS = (
    *("topics_by_day", "questions_by_day", "repeat_asks_by_day", "products_by_day"),
    *("session_funnel_by_day", "thumb_funnel_by_day", "retention_by_day", "daily_unseen"),
)


def test_lines_of_a_batch_are_no_shoppers_questions(log: Engine) -> None:
    card = {"question_hash": None, "intent": None, "product_kind": "手表"}
    add(log, MORNING, kind="batch line", image_digest="2" * 64, **card)
    for session in ("a" * 32, "b" * 32):
        add(log, MORNING, session_id=session, image_digest="2" * 64, cannot_see="price")
        add(log, MORNING, session_id=session, user_pseudonym="u" * 32)
    roll_up(log, SHANGHAI)

    def counted() -> list[list[str]]:
        return [sorted(map(str, found(log, f"SELECT * FROM {name}"))) for name in OF_SHOPPERS]

    before = counted()
    assert all(before)
    line = {"kind": "batch line", "session_id": None, "cannot_see": "price"}
    for number in range(3):
        user = f"{number:032}"
        add(log, MORNING, user_pseudonym=user, image_digest="2" * 64, intent="care", **line)
    roll_up(log, SHANGHAI)
    assert counted() == before
    (usage,) = found(log, "SELECT requests, questions_asked, users FROM usage_by_day")
    assert tuple(usage) == (8, 4, 4), "requests they are"


def test_hours_know_their_intents_and_latencies_their_hour(log: Engine) -> None:
    fill(log, 600, days=2)
    roll_up(log, SHANGHAI)
    by_row = found(
        log,
        "SELECT COALESCE(intent, ''), COUNT(*) FROM interactions GROUP BY 1 ORDER BY 1",
    )
    by_hour = found(
        log, "SELECT intent, SUM(requests) FROM hourly_usage GROUP BY intent ORDER BY intent"
    )
    assert [(name, int(n)) for name, n in by_hour] == [(name, int(n)) for name, n in by_row]
    with log.connect() as connection:
        hours = connection.execute(
            select(hourly_latency.c.starts_at, hourly_latency.c.business_hour).distinct()
        ).all()
    assert hours
    assert all(at.astimezone(SHANGHAI).hour == hour for at, hour in hours)


def test_money_is_that_of_the_day_and_adds_up_to_the_seconds_saved(log: Engine) -> None:
    fill(log, 600, days=2)
    roll_up(log, SHANGHAI)
    assert found(log, "SELECT DISTINCT spent, currency FROM money_by_day")[0] == (None, None)
    roll_up(log, SHANGHAI, price=Price(0.5, "CNY"))
    (sums,) = found(
        log,
        "SELECT SUM(spent), SUM(saved), SUM(model_seconds_spent), SUM(model_seconds_saved),"
        " MIN(currency) FROM money_by_day",
    )
    spent, saved, seconds_spent, seconds_saved = map(float, sums[:4])
    assert sums[4] == "CNY"
    assert min(spent, saved) > 0
    assert spent == pytest.approx(seconds_spent / 2, rel=0.01)
    assert saved == pytest.approx(seconds_saved / 2, rel=0.01)
    (whole,) = found(
        log,
        "SELECT SUM(model_seconds_spent), SUM(model_seconds_saved) FROM cache_savings_by_day",
    )
    assert float(whole[0]) == pytest.approx(seconds_spent, rel=0.01)
    assert float(whole[1]) == pytest.approx(seconds_saved, rel=0.01)


def test_another_price_leaves_the_days_before_as_they_were(log: Engine) -> None:
    fill(log, 50, days=2)
    roll_up(log, SHANGHAI, price=Price(0.5, "CNY"))
    roll_up(log, SHANGHAI, price=Price(0.1, "USD"))
    today = datetime.now(SHANGHAI).date()
    day = business_days.c
    with log.connect() as connection:
        query = select(day.business_day, day.model_second_cost, day.currency)
        prices = {row[0]: (row[1], row[2]) for row in connection.execute(query)}
    assert prices[DAY] == (0.5, "CNY")
    assert prices[today] == (0.1, "USD")


def test_days_to_come_have_no_price_until_they_are_there(log: Engine) -> None:
    today = datetime.now(SHANGHAI).date()
    after = business_days.c.business_day > today
    roll_up(log, SHANGHAI, price=Price(0.5, "CNY"))
    known = business_days.c.model_second_cost.is_not(None)
    priced = select(business_days.c.business_day).where(known)
    with log.connect() as connection:
        assert list(connection.scalars(priced)) == [today]
    with log.begin() as connection:  # as a version before has left them
        connection.execute(update(business_days).where(after).values(model_second_cost=0.5))
    roll_up(log, SHANGHAI)  # and the setting is gone
    with log.connect() as connection:
        assert list(connection.scalars(priced)) == [today]


def test_days_have_numbers_weeks_and_months_also_those_of_an_older_calendar(log: Engine) -> None:
    fill(log, 50, days=2)
    roll_up(log, SHANGHAI)
    with log.begin() as connection:
        connection.execute(update(business_days).values(day_number=None, week=None))
    roll_up(log, SHANGHAI)
    (row,) = found(
        log,
        "SELECT day_number, month, week, weekday FROM business_days"
        " WHERE business_day = '2026-11-03'",
    )
    assert tuple(row) == (DAY.toordinal() - date(1970, 1, 1).toordinal(), "2026-11", "2026-W45", 2)
    today = datetime.now(SHANGHAI).date()
    recent = found(log, "SELECT business_day, days_ago FROM recent_days WHERE days_ago < 2")
    assert sorted((ago, str(day)) for day, ago in recent) == [
        (0, str(today)),
        (1, str(today - timedelta(days=1))),
    ]


def test_a_worker_of_the_version_before_goes_on_counting(log: Engine) -> None:
    without = {"starts_at": MORNING, "business_day": DAY, "business_hour": 9}
    names = ("tenant", "kind", "route", "outcome", "error_code", "cache", "model_revision")
    sums = ("requests", "total_ms", "model_ms", "prompt_tokens", "completion_tokens")
    values = without | dict.fromkeys(names, "x") | dict.fromkeys(sums, 1)
    with log.begin() as connection:
        connection.execute(insert(hourly_usage).values(values))
    assert found(log, "SELECT intent FROM hourly_usage") == [("",)]


def test_callers_without_a_name_are_not_one_person(log: Engine) -> None:
    same = {"question_hash": "q" * 32, "image_digest": "1" * 64, "session_id": None}
    for _ in range(3):
        add(log, MORNING, **same)
    for _ in range(2):
        add(log, MORNING, **(same | {"user_pseudonym": "u" * 32}))
    for _ in range(2):
        add(log, MORNING, **(same | {"session_id": "a" * 32}))
    roll_up(log, SHANGHAI)
    (row,) = found(log, "SELECT asks, repeated, repeated_by_the_same FROM repeat_asks_by_day")
    assert tuple(map(int, row)) == (7, 6, 2)


def test_users_of_a_shop_s_key_are_in_the_funnels_as_they_are_in_retention(log: Engine) -> None:
    shop = {"tenant": "boutique", "session_id": None, "language": "en"}
    first = add(log, MORNING, user_pseudonym="a" * 32, **shop)
    add(log, MORNING + timedelta(minutes=1), user_pseudonym="a" * 32, **shop)
    add(log, MORNING, user_pseudonym="b" * 32, **shop)
    add(log, MORNING, **shop)  # of nobody
    thumb(log, first, MORNING + timedelta(minutes=2))
    roll_up(log, SHANGHAI)
    steps = "asked, answered, asked_again, voted, thumbs_up"
    (row,) = found(log, f"SELECT sessions, {steps} FROM session_funnel_by_day")
    assert tuple(map(int, row)) == (2, 2, 2, 1, 1, 1)
    (row,) = found(log, f"SELECT {steps} FROM thumb_funnel_by_day")
    assert tuple(map(int, row)) == (2, 2, 1, 1, 1)
    assert found(log, "SELECT visitors FROM retention_by_day") == [(2,)]
