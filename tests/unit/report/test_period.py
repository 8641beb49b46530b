from datetime import date
from pathlib import Path

import pytest

from gateway.report.folder import due, file_name, names
from gateway.report.period import KINDS, Period, last_whole, period_of
from gateway.report.words import LANGUAGES


@pytest.mark.parametrize(
    ("kind", "day", "name", "first", "last"),
    [
        ("day", date(2026, 11, 8), "2026-11-08", date(2026, 11, 8), date(2026, 11, 8)),
        ("week", date(2026, 11, 8), "2026-W45", date(2026, 11, 2), date(2026, 11, 8)),
        ("week", date(2027, 1, 1), "2026-W53", date(2026, 12, 28), date(2027, 1, 3)),
        ("month", date(2028, 2, 10), "2028-02", date(2028, 2, 1), date(2028, 2, 29)),
        ("month", date(2026, 12, 31), "2026-12", date(2026, 12, 1), date(2026, 12, 31)),
    ],
)
def test_a_period_is_a_calendar_s(kind, day, name, first, last) -> None:  # type: ignore[no-untyped-def]
    period = period_of(kind, day)
    assert (period.name, period.first, period.last) == (name, first, last)
    assert len(list(period.days())) == (last - first).days + 1


def test_the_one_before_ends_where_it_begins() -> None:
    for kind in KINDS:
        period = period_of(kind, date(2026, 3, 1))
        assert (period.first - period.before.last).days == 1
        assert period.before == last_whole(kind, date(2026, 3, 1))


def test_what_is_due_is_what_the_folder_lacks(tmp_path: Path) -> None:
    today = date(2026, 11, 9)
    wanted = due(tmp_path, today)
    assert [period.name for period in wanted] == ["2026-11-08", "2026-W45", "2026-10"]
    for period in wanted[:2]:
        (tmp_path / file_name(period, "zh")).touch()
    (tmp_path / file_name(wanted[0], "en")).touch()
    (tmp_path / "notes.html").touch()
    assert [period.name for period in due(tmp_path, today)] == ["2026-W45", "2026-10"]
    assert names(tmp_path) == [
        "week-2026-W45.zh.html",
        "day-2026-11-08.zh.html",
        "day-2026-11-08.en.html",
    ]


def test_nights_without_a_worker_are_made_up_for(tmp_path: Path) -> None:
    first = date(2026, 11, 2)
    for kind in KINDS:
        for language in LANGUAGES:
            (tmp_path / file_name(last_whole(kind, first), language)).touch()
    lacking = {"day": ["2026-11-04", "2026-11-03", "2026-11-02"], "week": [], "month": []}
    today = date(2026, 11, 6)
    last = due(tmp_path, today)[0]
    assert last == last_whole("day", today)
    assert by_kind(due(tmp_path, today)[1:]) == lacking
    for language in LANGUAGES:
        (tmp_path / file_name(last, language)).touch()
    (tmp_path / file_name(period_of("day", date(2026, 11, 3)), "en")).touch()
    assert by_kind(due(tmp_path, today)) == lacking, "also later, and in each language"
    half_a_year = by_kind(due(tmp_path, date(2027, 5, 3)))
    assert (half_a_year["day"][0], half_a_year["day"][-1]) == ("2027-05-02", "2027-03-02")
    assert (half_a_year["week"][0], half_a_year["week"][-1]) == ("2027-W17", "2027-W09")
    assert half_a_year["month"] == ["2027-04", "2027-03"]


def by_kind(periods: list[Period]) -> dict[str, list[str]]:
    return {kind: [each.name for each in periods if each.kind == kind] for kind in KINDS}
