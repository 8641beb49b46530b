"""Content goes after its term, rows after theirs; what was counted stays."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import CollectorRegistry
from sqlalchemy import Engine, func, insert, select

from gateway.canary.hottest import note_warmed
from gateway.config import Settings
from gateway.log.event import id_of
from gateway.log.given_answers import GivenAnswer
from gateway.log.outbox import dead_letters
from gateway.log.outbox.dead_letters import insert_dead_letter, replay
from gateway.log.outbox.spool import SpooledEvent
from gateway.log.redaction import CONTENT
from gateway.log.rollups import retention
from gateway.log.rollups.tables import (
    daily_photos,
    daily_products,
    daily_questions,
    daily_reach,
)
from gateway.log.rollups.upkeep import Upkeep, UpkeepMetrics
from gateway.log.schema.canary_tables import warmed_answers
from gateway.log.schema.partitions import first_id_at
from gateway.log.schema.privacy_tables import tombstones
from gateway.log.schema.tables import dead_letters as letters
from gateway.log.schema.tables import feedback, interactions
from gateway.log.tombstones import Subject, upsert
from loadtest.seed_log import fill
from tests.support.events import event
from tests.support.servers import wait_until

NOW = datetime.now(UTC)
OLD = NOW - timedelta(days=45)
column = interactions.c


def upkeep(url: str, engine: Engine, **settings: Any) -> Upkeep:
    known = Settings(_env_file=None, database_url=url, **settings)  # type: ignore[call-arg]
    return Upkeep(known, engine, UpkeepMetrics(CollectorRegistry()))


def count(engine: Engine, *which: Any) -> int:
    with engine.connect() as connection:
        query = select(func.count()).select_from(interactions).where(*which)
        return connection.scalar(query) or 0


def questions_counted(engine: Engine, *which: Any) -> int:
    with engine.connect() as connection:
        query = select(func.sum(daily_reach.c.questions)).where(*which)
        return int(connection.scalar(query) or 0)


def detailed(engine: Engine) -> set[date]:
    """Days of which single questions and photos are known."""
    with engine.connect() as connection:
        return {
            day
            for table in (daily_questions, daily_photos, daily_products)
            for day in connection.scalars(select(table.c.business_day))
        }


@pytest.fixture
def filled(migrated: str, engine: Engine, monkeypatch: pytest.MonkeyPatch) -> str:
    """60 rows of 45 days ago and 40 of today."""
    monkeypatch.setattr(retention, "BATCH_ROWS", 7)
    fill(engine, 60, seed=1, days=2, begin=OLD)
    fill(engine, 40, seed=2, days=0.01, begin=NOW - timedelta(hours=1))
    return migrated


def test_content_goes_and_who_asked_when_stays(filled: str, engine: Engine) -> None:
    asked = count(engine, column.question.is_not(None))
    recent = count(engine, column.question.is_not(None), column.asked_at > NOW - timedelta(days=1))
    with engine.connect() as connection:
        everything = connection.execute(select(interactions)).mappings()
        before = {row["interaction_id"]: dict(row) for row in everything}
    upkeep(filled, engine).round()
    assert asked > recent > 0
    assert count(engine, column.question.is_not(None)) == recent
    with engine.connect() as connection:
        for row in connection.execute(select(interactions)).mappings():
            was = before[row["interaction_id"]]
            gone = {name for name in was if was[name] is not None and row[name] is None}
            assert gone <= set(CONTENT)
            assert not gone or was["asked_at"] < NOW - timedelta(days=30)
    assert count(engine) == 100


def test_days_are_counted_before_and_no_late_row_replaces_the_count(
    filled: str, engine: Engine
) -> None:
    upkeep(filled, engine, content_retention_days=0).round()
    counted = questions_counted(engine)
    upkeep(filled, engine).round()
    assert questions_counted(engine) == counted
    fill(engine, 10, seed=3, days=1, begin=OLD)  # of a spool that lay about
    upkeep(filled, engine).round()
    assert questions_counted(engine) == counted
    assert (
        count(engine, column.question.is_not(None), column.asked_at < OLD + timedelta(days=9)) == 0
    )


def test_what_was_counted_of_content_that_is_gone_outlives_another_time_zone(
    filled: str, engine: Engine
) -> None:
    old = daily_reach.c.business_day < (NOW - timedelta(days=30)).date()
    upkeep(filled, engine).round()
    counted = questions_counted(engine, old)
    assert counted > 0
    upkeep(filled, engine, business_time_zone="America/Lima").round()
    assert questions_counted(engine, old) == counted
    assert questions_counted(engine, ~old) > 0


def test_roll_ups_that_name_single_questions_and_photos_go_with_the_content(
    filled: str, engine: Engine
) -> None:
    upkeep(filled, engine, content_retention_days=0).round()
    assert {day < (NOW - timedelta(days=30)).date() for day in detailed(engine)} == {True, False}
    upkeep(filled, engine).round()
    assert {day < (NOW - timedelta(days=30)).date() for day in detailed(engine)} == {False}


def test_zero_days_keep_everything(filled: str, engine: Engine) -> None:
    asked = count(engine, column.question.is_not(None))
    upkeep(filled, engine, content_retention_days=0, log_retention_days=0).round()
    assert count(engine, column.question.is_not(None)) == asked


def test_thumbs_and_dead_letters_and_tombstones_have_the_same_terms(
    migrated: str, engine: Engine
) -> None:
    events = [event(question="canary", interaction_id=first_id_at(OLD), asked_at=OLD)]
    events += [event(question="canary")]
    for number, text in enumerate(events):
        insert_dead_letter(engine, SpooledEvent(number, 0.0, text), ValueError("canary"), 5)
    with engine.begin() as connection:
        for text, days in zip(events, (45, 0), strict=True):
            key, moment = id_of(text), NOW - timedelta(days=days)
            aged = letters.update().where(letters.c.interaction_id == key)
            connection.execute(aged.values(died_at=moment))
            vote = {"interaction_id": key, "vote": "down", "reason": "canary", "tenant": "public"}
            connection.execute(insert(feedback), {**vote, "created_at": moment})
        a_month_older = OLD - timedelta(days=31)
        upsert(connection, [Subject("public", "user", "0" * 32)], a_month_older)

    upkeep(migrated, engine).round()
    kept = dead_letters.read_page(engine)
    assert ["canary" in letter.event for letter in kept] == [False, True]
    assert ["canary" in letter.reason for letter in kept] == [False, True]
    with engine.connect() as connection:
        reasons = connection.scalars(select(feedback.c.reason).order_by(feedback.c.created_at))
        assert reasons.all() == [None, "canary"]
    replay(engine, lambda *_: None)
    assert count(engine) == 2, "what is left of it is still a row"

    upkeep(migrated, engine, log_retention_days=40).round()
    with engine.connect() as connection:
        assert connection.scalar(select(func.count()).select_from(feedback)) == 1
        assert connection.scalar(select(func.count()).select_from(tombstones)) == 0


def test_a_tombstone_stays_as_long_as_rows_that_it_covers(engine: Engine, migrated: str) -> None:
    """They go by months. A backup would bring an erased person's rows of that month back."""
    may, june = datetime(2026, 5, 31, 23, 59, tzinfo=UTC), datetime(2026, 6, 1, tzinfo=UTC)
    settings = Settings(_env_file=None, log_retention_days=180)  # type: ignore[call-arg]
    now = datetime(2026, 12, 14, tzinfo=UTC)
    assert settings.oldest_row(now) == june
    with engine.begin() as connection:
        for moment in (may, june, june + timedelta(days=9)):
            upsert(connection, [Subject("public", "user", f"{moment:%d}" * 16)], moment)
    retention.drop_rows(engine, now - timedelta(days=180))
    with engine.connect() as connection:
        kept = connection.scalars(select(tombstones.c.erased_at).order_by(tombstones.c.erased_at))
        assert kept.all() == [june, june + timedelta(days=9)]


def test_notes_of_answers_computed_ahead_go_with_the_content(migrated: str, engine: Engine) -> None:
    """They name a photo by its digest. Else they would stay until another canary begins."""
    for moment in (OLD, NOW):
        note_warmed(engine, GivenAnswer("r1", "d" * 64, "a"), GivenAnswer("r2", "d" * 64, "b"))
        with engine.begin() as connection:
            fresh = warmed_answers.c.warmed_at > OLD
            connection.execute(warmed_answers.update().where(fresh).values(warmed_at=moment))
    upkeep(migrated, engine).round()
    with engine.connect() as connection:
        (kept,) = connection.scalars(select(warmed_answers.c.warmed_at))
    assert kept > OLD


def test_a_gateway_keeps_its_file_in_order_without_a_worker(
    start_gateway: Callable[..., str], database_url: str, engine: Engine, tmp_path: Path
) -> None:
    start_gateway(database_url=database_url, upkeep_interval_s=0.2)
    fill(engine, 30, seed=1, days=2, begin=OLD)
    fill(engine, 30, seed=1, days=2, begin=NOW - timedelta(days=300))
    if engine.dialect.name != "sqlite":
        return  # there the worker does it
    wait_until("months are dropped", lambda: count(engine) == 30, 20)
