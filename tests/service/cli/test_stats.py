"""`shopsight stats`: the counts of one screen agree with each other and with the rows."""

import re
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import Engine, create_engine, event, func, select, update

from gateway.cli.sql import answer
from gateway.cli.stats import summary
from gateway.log.rollups.business_time import day_span
from gateway.log.rollups.roll_up import Progress
from gateway.log.schema.tables import feedback, interactions
from loadtest.seed_log import fill as seed
from tests.support.migrating import migrate

SHANGHAI = ZoneInfo("Asia/Shanghai")


def test_it_shows_thirty_days_from_roll_ups_and_reads_few_rows(
    database_url: str, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.cli.stats.WITHIN_S", 600)
    migrate(database_url)
    seed(engine, 1_600, days=40, begin=datetime(2026, 10, 1, tzinfo=UTC))
    lines = interactions.c.tenant == "boutique"
    with engine.begin() as connection:
        of_batch = {"kind": "batch line", "question": "a line", "question_hash": "f" * 32}
        connection.execute(update(interactions).where(lines).values(of_batch))
    said = summary(engine, SHANGHAI)
    asked = re.match(r"questions (\d+) · answered (\d+) · ", said)
    assert asked
    assert sum(map(int, re.findall(r"(\d+) answers, mean", said))) == int(asked[2])
    begin = day_span(date(2026, 11, 10) - timedelta(days=29), SHANGHAI).starts_at
    with engine.connect() as connection:
        row = interactions.c
        since = select(row.kind, row.question, func.count()).where(row.asked_at >= begin)
        since = since.where(row.kind == "ask", row.outcome == "answered").group_by(
            row.kind, row.question
        )
        counts = {question: n for _, question, n in connection.execute(since)}
        votes = select(func.count()).select_from(feedback).where(feedback.c.created_at >= begin)
        assert said.endswith(f" of {connection.scalar(votes)}")
    assert sum(counts.values()) == int(asked[2])
    most = sorted(counts.items(), key=lambda item: (-item[1], item[0]))[:3]
    assert re.findall(r"^asked (\d+)×: (.*)$", said, re.MULTILINE) == [
        (str(n), question) for question, n in most
    ]
    scans: list[str] = []

    @event.listens_for(engine, "before_cursor_execute")
    def note(_: Any, __: Any, statement: str, *___: Any) -> None:
        if "FROM interactions" in statement and "arrived_at" not in statement:
            scans.append(statement)

    monkeypatch.setattr("gateway.cli.stats.roll_up", lambda *_, **__: Progress(0, 0))
    assert summary(engine, SHANGHAI) == said
    assert scans == []


def test_a_log_that_was_never_counted_is_not_counted_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.cli.stats.WITHIN_S", 0)
    url = f"sqlite:///{tmp_path / 'log.db'}"
    migrate(url)
    engine = create_engine(url)
    seed(engine, 400, days=4, begin=datetime(2026, 11, 4, tzinfo=UTC))
    said = summary(engine, SHANGHAI)
    engine.dispose()
    assert said.startswith("questions ")
    assert re.search(r"still to be counted, the older ones: \d\d+$", said)


def test_what_is_counted_above_is_counted_below(tmp_path: Path) -> None:
    """The log has cards, matches and uploads besides questions."""
    url = f"sqlite:///{tmp_path / 'log.db'}"
    migrate(url)
    engine = create_engine(url)
    seed(engine, 2_000, days=2, begin=datetime(2026, 11, 4, tzinfo=UTC))
    said = summary(engine, SHANGHAI)
    row = interactions.c
    with engine.connect() as connection:
        kinds = connection.execute(select(row.kind, func.count().label("n")).group_by(row.kind))
        counts = {each.kind: each.n for each in kinds}
        answered, photos = connection.execute(
            select(
                func.count().filter(row.outcome == "answered"),
                func.count(row.image_digest.distinct()),
            ).where(row.kind == "ask")
        ).one()
    engine.dispose()
    assert counts.keys() >= {"ask", "card", "match", "upload"}
    begins = f"questions {counts.pop('ask')} · answered {answered} · photos {photos} · "
    assert said.startswith(begins)
    assert sum(map(int, re.findall(r"(\d+) answers, mean", said))) == answered
    besides = re.search(r"^requests besides questions: (.*)$", said, re.MULTILINE)
    assert besides
    assert dict(re.findall(r"([a-z ]+) (\d+)(?: · )?", besides[1])) == {
        kind: str(n) for kind, n in counts.items()
    }
    assert re.search(r"^(ask|card) (failed|refused) +[a-z_]+ +\d+$", said, re.MULTILINE)


def test_a_question_is_one_line_and_acts_on_no_terminal(database_url: str, engine: Engine) -> None:
    migrate(database_url)
    seed(engine, 50, days=1, begin=datetime(2026, 11, 4, tzinfo=UTC))
    asked = "\x1b[2K\rthumbs: 9 up of 9\nfake \u202erow"
    with engine.begin() as connection:
        rows = update(interactions).where(interactions.c.question.is_not(None))
        connection.execute(rows.values(question=asked, question_hash="f" * 32))
    shown = r"\x1b[2K\rthumbs: 9 up of 9\nfake \u202erow"
    said = summary(engine, SHANGHAI)
    assert re.findall(r"^asked \d+×: (.*)$", said, re.MULTILINE) == [shown]
    assert not set("\x1b\r\u202e") & set(said)
    query = "SELECT question FROM interactions WHERE question IS NOT NULL LIMIT 1"
    assert answer(engine, query).splitlines() == ["question", shown]
