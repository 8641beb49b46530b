"""A report says what the log says, on SQLite and MariaDB, and nothing of it is taken for a page."""

import re
import xml.etree.ElementTree as ET
from datetime import UTC, date, datetime, timedelta
from html.parser import HTMLParser
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import Engine, delete, func, select, update

from gateway.log.redaction import WITHOUT_PERSON
from gateway.log.rollups.business_time import day_span
from gateway.log.rollups.calendar import Price
from gateway.log.rollups.roll_up import roll_up
from gateway.log.rollups.tables import business_days, hourly_usage
from gateway.log.schema.tables import interactions
from gateway.report.build import fill, report
from gateway.report.figures import Figures, figures_of, percentile
from gateway.report.period import Kind, period_of
from gateway.report.words import Language
from loadtest.seed_log import fill as seed
from tests.support.migrating import migrate

SHANGHAI = ZoneInfo("Asia/Shanghai")
WEEK = period_of("week", date(2026, 11, 4))
# What is done with the figures is the same on every database.
ON_A_FILE = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


@pytest.fixture
def log(database_url: str, engine: Engine) -> Engine:
    """The week, and the day before it."""
    migrate(database_url)
    seed(engine, 1_800, days=8, begin=datetime(2026, 10, 31, 16, tzinfo=UTC))
    return engine


def figures(engine: Engine, kind: Kind = "week", tenant: str | None = None) -> Figures:
    with engine.connect() as connection:
        return figures_of(connection, period_of(kind, date(2026, 11, 4)), tenant)


def counted(engine: Engine, *which: object) -> float:
    begin = day_span(WEEK.first, SHANGHAI).starts_at
    end = day_span(WEEK.last, SHANGHAI).ends_at
    row = interactions.c
    query = select(func.count()).where(row.asked_at >= begin, row.asked_at < end, *which)  # type: ignore[arg-type]
    with engine.connect() as connection:
        return connection.scalar(query) or 0


class Elements(HTMLParser):
    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.addresses: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        for name, value in attrs:
            assert not name.startswith("on"), name
            if name in ("src", "href", "xlink:href", "data", "action"):
                self.addresses.append(value or "")


def test_the_figures_are_those_of_the_rows(log: Engine) -> None:
    roll_up(log, SHANGHAI)
    found, row = figures(log), interactions.c
    assert found.total["requests"] == counted(log)
    assert found.total["asked"] == counted(log, row.kind == "ask")
    assert sum(found.asked_by.values()) == found.total["asked"]
    assert found.total["failed_percent"] == pytest.approx(
        100 * counted(log, row.outcome == "failed") / counted(log)
    )
    assert sum(found.intents.values()) == counted(log, row.intent.is_not(None))
    assert found.unseen["price"] == counted(log, row.cannot_see == "price")
    assert found.moderation == {"question": counted(log, row.moderation == "question")}
    assert found.unanswered["overloaded"] == counted(log, row.error_code == "overloaded")
    assert 5 < found.total["cached_p95"] < 20 < 500 < found.total["computed_p50"] < 900
    assert sorted(found.thumbs) == ["v1.0-qwen3vl8b", "v1.1-fp16"]
    assert set(found.asked_by) == set(WEEK.days())


def test_lines_of_batches_do_not_slow_the_answers_that_shoppers_get(log: Engine) -> None:
    with log.begin() as connection:
        of_shop = interactions.c.tenant == "boutique"
        lines = {"kind": "batch line", "total_ms": 3_000_000.0}
        connection.execute(update(interactions).where(of_shop).values(lines))
    roll_up(log, SHANGHAI)
    found = figures(log).total
    assert found["computed_p95"] < 3_000
    assert found["cached_p95"] < 3_000


def test_a_tenant_s_report_is_about_nobody_else(log: Engine) -> None:
    roll_up(log, SHANGHAI)
    found, tenant = figures(log, tenant="boutique"), interactions.c.tenant == "boutique"
    assert found.total["requests"] == counted(log, tenant)
    assert found.thumbs == {}, "only shoppers of the public page have voted"
    assert found.total["sessions"] > 0, "its users"
    page = report(log, SHANGHAI, WEEK, "boutique", "en")
    assert "boutique" in page
    assert "v1.0-qwen3vl8b" not in page


def test_what_has_no_intent_is_called_what_it_is(log: Engine) -> None:
    row = interactions.c
    with log.begin() as connection:  # all questions are of somebody who was erased
        which = row.kind == "ask"
        connection.execute(update(interactions).where(which).values(WITHOUT_PERSON))
        connection.execute(delete(interactions).where(row.kind.in_(("card", "match"))))
    roll_up(log, SHANGHAI)
    page = report(log, SHANGHAI, WEEK, None, "en")
    assert "<td>cards, matches, erased questions</td>" in page
    assert "<td>卡片、匹配和已删除的提问</td>" in report(log, SHANGHAI, WEEK, None, "zh")


def test_a_page_needs_nothing_else_and_its_charts_are_well_formed(log: Engine) -> None:
    roll_up(log, SHANGHAI, price=Price(0.001, "CNY"))
    kinds: tuple[tuple[Kind, Language], ...] = (("day", "zh"), ("week", "en"), ("month", "zh"))
    for kind, language in kinds:
        page = report(log, SHANGHAI, period_of(kind, date(2026, 11, 4)), None, language)
        elements = Elements(page)
        assert not elements.tags & {"script", "link", "iframe", "object", "img", "base", "form"}
        assert all(address.startswith("#") for address in elements.addresses)
        assert not re.search(r"url\((?!#)|@import|https?://(?!www\.w3\.org/)", page)
        charts = re.findall(r"<svg.*?</svg>", page, re.DOTALL)
        assert len(charts) >= 6
        ids = [name for chart in charts for name in re.findall(r'\bid="([^"]+)"', chart)]
        assert len(ids) == len(set(ids)), "a chart would be cut out by another's frame"
        for chart in charts:
            ET.fromstring(chart)
            assert set(re.findall(r"#[0-9a-f]{6}\b", chart)) == set(), "a colour for one scheme"
        assert "CNY" in page
        assert f'<html lang="{"zh-CN" if language == "zh" else "en"}">' in page


@ON_A_FILE
def test_text_out_of_the_log_stays_text(log: Engine) -> None:
    evil = "<script>alert(1)</script>&$x^2$"
    with log.begin() as connection:
        change = update(interactions).where(interactions.c.product_kind.is_not(None))
        connection.execute(change.values(product_kind=evil))
        connection.execute(
            update(interactions)
            .where(interactions.c.error_code == "overloaded")
            .values(error_code="</svg><b>")
        )
        connection.execute(
            update(interactions)
            .where(interactions.c.model_revision == "v1.1-fp16")
            .values(model_revision='"><img src=x onerror=alert(1)>')
        )
    roll_up(log, SHANGHAI)
    page = report(log, SHANGHAI, WEEK, "<i>", "en") + report(log, SHANGHAI, WEEK, None, "en")
    assert "&lt;script&gt;" in page
    assert not Elements(page).tags & {"script", "b", "img", "i"}


@ON_A_FILE
def test_a_rare_product_and_the_words_of_questions_are_not_named(log: Engine) -> None:
    with log.begin() as connection:
        (rare,) = connection.execute(
            select(interactions.c.interaction_id)
            .where(interactions.c.product_kind.is_not(None))
            .limit(1)
        ).one()
        change = update(interactions).where(interactions.c.interaction_id == rare)
        connection.execute(change.values(product_kind="李华的奖杯", image_digest="a" * 64))
    roll_up(log, SHANGHAI)
    page = report(log, SHANGHAI, period_of("month", date(2026, 11, 4)), None, "zh")
    page += report(log, SHANGHAI, period_of("month", date(2026, 10, 30)), None, "zh")
    assert "李华" not in page
    assert "这是什么品牌" not in page


@ON_A_FILE
def test_an_empty_log_has_a_page_too(database_url: str, engine: Engine) -> None:
    migrate(database_url)
    roll_up(engine, SHANGHAI)
    page = report(engine, SHANGHAI, WEEK, None, "en")
    assert page.count("Nothing in this period.") >= 10
    assert "<svg" not in page


@ON_A_FILE
def test_the_folder_gets_what_it_lacks_and_nothing_twice(
    database_url: str, engine: Engine, tmp_path: Path
) -> None:
    migrate(database_url)
    roll_up(engine, SHANGHAI)  # of an empty log: nothing is drawn
    now = datetime(2026, 11, 9, 2, tzinfo=UTC)
    folder = tmp_path / "reports"
    made = list(fill(engine, SHANGHAI, folder, now))
    assert made == [
        *("day-2026-11-08.zh.html", "day-2026-11-08.en.html"),
        *("week-2026-W45.zh.html", "week-2026-W45.en.html"),
        *("month-2026-10.zh.html", "month-2026-10.en.html"),
    ]
    assert sorted(path.name for path in folder.iterdir()) == sorted(made), "nothing half written"
    assert list(fill(engine, SHANGHAI, folder, now)) == []
    later = fill(engine, SHANGHAI, folder, now + timedelta(days=1))
    assert list(later) == ["day-2026-11-09.zh.html", "day-2026-11-09.en.html"]


def test_a_percentile_lies_in_its_step() -> None:
    assert percentile({100.0: 10}, 0.5) == pytest.approx(100 - 100 * 0.159104 * 0.5)
    assert percentile({1.0: 50, 1000.0: 50}, 0.95) == pytest.approx(1000 * (1 - 0.159104 * 0.1))


@ON_A_FILE
@pytest.mark.parametrize("first_days", [None, (1.0, "USD")])
def test_a_week_of_which_not_all_is_priced_alike_tells_seconds(
    log: Engine, first_days: tuple[float, str] | None
) -> None:
    """As when a price is set on a Wednesday, or in another currency: there is no one sum."""
    roll_up(log, SHANGHAI, price=Price(0.01, "CNY"))
    assert figures(log).currency == "CNY"
    cost, currency = first_days or (None, None)
    day = business_days.c.business_day
    with log.begin() as connection:
        earlier = update(business_days).where(day < date(2026, 11, 4))
        connection.execute(earlier.values(model_second_cost=cost, currency=currency))
        seconds = connection.scalar(
            select(func.sum(hourly_usage.c.model_ms)).where(
                hourly_usage.c.business_day.between(WEEK.first, WEEK.last)
            )
        )
    found = figures(log)
    assert found.currency is None
    assert found.total["spent"] == pytest.approx(float(seconds or 0) / 1000, rel=0.01)
    assert figures(log, "day").currency == "CNY"
