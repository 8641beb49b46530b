"""What a report's page says of its figures."""

from datetime import UTC, date, datetime

import pytest

from gateway.report.figures import Figures
from gateway.report.page import ReportPage
from gateway.report.period import period_of


@pytest.mark.parametrize(("before", "told"), [("CNY", True), (None, False), ("USD", False)])
def test_money_is_compared_with_money_of_its_kind_alone(before: str | None, told: bool) -> None:
    """Without a price they are seconds of a model: the first report with one had 99 % less."""
    now = Figures(total={"spent": 3.0, "saved": 6.0}, currency="CNY")
    was = Figures(total={"spent": 300.0, "saved": 600.0}, currency=before)
    week = period_of("week", date(2026, 11, 4))
    page = ReportPage(
        week, now, was, tenant=None, language="en", made_at=datetime(2026, 11, 9, tzinfo=UTC)
    )
    assert ("-99%" in page.html()) is told
    assert "3.00 CNY" in page.html()
