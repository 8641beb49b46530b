"""What a report tells of one period, read from views and roll-ups: the same on every database. No
question's words: a report outlives what they may be kept for, and an erasure."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from sqlalchemy import Connection, Row, text

from gateway.report.period import Period

Counts = dict[str, float]
# Products of fewer questions and cards than that are not named: a rare one may tell of a person.
NAMED_FROM = 5
OTHERS = "…"
# Where a step of the latency histogram begins, as a share of its end: 2^(-1/4).
STEP = 0.840896


@dataclass
class Figures:
    """`by_…` of time are by hour (0 to 23) of a day, else by date."""

    total: Counts = field(default_factory=dict)
    asked_by: dict[Any, float] = field(default_factory=dict)
    cached_by: dict[Any, float] = field(default_factory=dict)
    """Share of the answers that came out of the cache, in percent."""
    latency_by: dict[str, dict[Any, float]] = field(default_factory=dict)
    """Milliseconds: `computed_p50`, `computed_p95`, `cached_p95`."""
    intents: Counts = field(default_factory=dict)
    products: Counts = field(default_factory=dict)
    product_intents: dict[str, Counts] = field(default_factory=dict)
    unanswered: Counts = field(default_factory=dict)
    unseen: Counts = field(default_factory=dict)
    moderation: Counts = field(default_factory=dict)
    thumbs: dict[str, tuple[float, float]] = field(default_factory=dict)
    """Up and down, by revision."""
    funnel: Counts = field(default_factory=dict)
    first_questions: dict[str, Counts] = field(default_factory=dict)
    returned: dict[str, dict[Any, float]] = field(default_factory=dict)
    """Percent of the visitors of a date, `after_1_day` and `after_7_days`."""
    spent: Counts = field(default_factory=dict)
    saved: Counts = field(default_factory=dict)
    """By intent: money, or seconds of a model where not all days have a price in one currency."""
    currency: str | None = None


def figures_of(connection: Connection, period: Period, tenant: str | None) -> Figures:
    return _Reader(connection, period, tenant).read()


_RETURNED = (
    "SELECT business_day, SUM(visitors) AS n, SUM({name}) AS again FROM retention_by_day"
    " WHERE {which} AND {name} IS NOT NULL GROUP BY business_day"
)
_FUNNEL = "SELECT {sums} FROM session_funnel_by_day WHERE {which}"
_FIRST = "SELECT language, {sums} FROM thumb_funnel_by_day WHERE {which} GROUP BY language"


class _Reader:
    def __init__(self, connection: Connection, period: Period, tenant: str | None) -> None:
        self._connection = connection
        self._by_hour = period.kind == "day"
        self._bound: dict[str, Any] = {"first": period.first, "last": period.last}
        self._which = "business_day BETWEEN :first AND :last"
        if tenant is not None:
            self._which += " AND tenant = :tenant"
            self._bound["tenant"] = tenant

    def read(self) -> Figures:
        found = Figures()
        self._usage(found)
        self._latency(found)
        self._topics(found)
        self._problems(found)
        self._shoppers(found)
        self._money(found)
        return found

    def _rows(self, query: str) -> Sequence[Row[Any]]:
        """`{which}` in the query is the condition of days and tenant."""
        return self._connection.execute(text(query.format(which=self._which)), self._bound).all()

    def _place(self, row: Row[Any]) -> Any:
        return int(row.business_hour) if self._by_hour else _date(row.business_day)

    def _usage(self, found: Figures) -> None:
        asked: dict[Any, float] = defaultdict(float)
        answers: dict[Any, float] = defaultdict(float)
        cached: dict[Any, float] = defaultdict(float)
        total: Counts = defaultdict(float)
        for row in self._rows(
            "SELECT business_day, business_hour, kind, outcome, cache, SUM(requests) AS n"
            " FROM hourly_usage WHERE {which}"
            " GROUP BY business_day, business_hour, kind, outcome, cache"
        ):
            place, n = self._place(row), float(row.n)
            total["requests"] += n
            total[row.outcome] += n
            if row.kind == "ask":
                asked[place] += n
                total["asked"] += n
            if row.outcome == "answered" and row.cache:
                answers[place] += n
                if row.cache != "miss":
                    cached[place] += n
        found.asked_by = dict(asked)
        found.cached_by = {place: 100 * cached[place] / n for place, n in answers.items() if n}
        found.total = dict(total)
        if answers:
            found.total["hit_percent"] = 100 * sum(cached.values()) / sum(answers.values())
        for name, part in (("answered_percent", "answered"), ("failed_percent", "failed")):
            if total["requests"]:
                found.total[name] = 100 * total[part] / total["requests"]

    def _latency(self, found: Figures) -> None:
        steps: dict[str, dict[Any, dict[float, float]]] = {"computed": {}, "cached": {}}
        for row in self._rows(
            "SELECT business_day, business_hour, cache, up_to_ms, SUM(answers) AS n"
            # Lines of batches wait for shoppers, up to an hour.
            " FROM hourly_latency WHERE {which} AND cache <> '' AND kind <> 'batch line'"
            " GROUP BY business_day, business_hour, cache, up_to_ms"
        ):
            if self._by_hour and row.business_hour is None:  # counted by a version before
                continue
            kind = "computed" if row.cache == "miss" else "cached"
            for place in (self._place(row), None):
                histogram = steps[kind].setdefault(place, defaultdict(float))
                histogram[float(row.up_to_ms)] += float(row.n)
        for name, share in (("p50", 0.5), ("p95", 0.95)):
            for kind, by_place in steps.items():
                values = {place: percentile(hist, share) for place, hist in by_place.items()}
                if None in values:
                    found.total[f"{kind}_{name}"] = values.pop(None)
                found.latency_by[f"{kind}_{name}"] = values

    def _topics(self, found: Figures) -> None:
        query = "SELECT intent, SUM(asks) AS n FROM topics_by_day WHERE {which} GROUP BY intent"
        found.intents = {row.intent: float(row.n) for row in self._rows(query)}
        kinds: dict[str, Counts] = defaultdict(lambda: defaultdict(float))
        for row in self._rows(
            "SELECT product_kind, intent, SUM(cards + asks) AS n FROM products_by_day"
            " WHERE {which} GROUP BY product_kind, intent"
        ):
            kinds[row.product_kind][row.intent] += float(row.n)
        for kind, intents in kinds.items():
            name = kind if sum(intents.values()) >= NAMED_FROM else OTHERS
            asks = {intent: n for intent, n in intents.items() if intent}
            found.products[name] = found.products.get(name, 0) + sum(asks.values())
            if name != OTHERS:
                found.product_intents[name] = asks

    def _problems(self, found: Figures) -> None:
        for row in self._rows(
            "SELECT outcome, error_code, SUM(requests) AS n FROM unanswered_by_day"
            " WHERE {which} GROUP BY outcome, error_code"
        ):
            found.unanswered[row.error_code or row.outcome] = float(row.n)
        unseen: Counts = defaultdict(float)
        query = "SELECT cannot_see, SUM(answers) AS n FROM daily_unseen WHERE {which}"
        for row in self._rows(f"{query} AND intent <> '' GROUP BY cannot_see"):
            for topic in row.cannot_see.split(","):
                unseen[topic] += float(row.n)
        found.unseen = dict(unseen)
        stopped: Counts = defaultdict(float)
        query = "SELECT moderation, SUM(requests) AS n FROM daily_moderation WHERE {which}"
        for row in self._rows(f"{query} GROUP BY moderation"):
            for label in row.moderation.split(","):
                if label.count(":") < 2:  # with :review or :flag behind it, it was let pass
                    stopped[label] += float(row.n)
        found.moderation = dict(stopped)

    def _shoppers(self, found: Figures) -> None:
        for row in self._rows(
            "SELECT model_revision AS revision, COUNT(*) AS votes,"
            " SUM(CASE WHEN vote = 'up' THEN 1 ELSE 0 END) AS up FROM ("
            "SELECT d.business_day, f.tenant, f.vote, i.model_revision FROM business_days AS d"
            " JOIN feedback AS f ON f.created_at >= d.starts_at AND f.created_at < d.ends_at"
            " JOIN interactions AS i ON i.interaction_id = f.interaction_id"
            " WHERE d.business_day BETWEEN :first AND :last) AS voted"
            " WHERE {which} GROUP BY model_revision"
        ):
            up, votes = float(row.up), float(row.votes)
            found.thumbs[row.revision or ""] = (up, votes - up)
        votes = sum(map(sum, found.thumbs.values()))
        if votes:
            found.total["up_percent"] = 100 * sum(up for up, _ in found.thumbs.values()) / votes
        names = ("sessions", "with_photo", "asked", "answered", "asked_again", "voted", "thumbs_up")
        sums = ", ".join(f"SUM({name}) AS {name}" for name in names)
        (row,) = self._rows(_FUNNEL.format(sums=sums, which="{which}"))
        found.funnel = {name: float(getattr(row, name) or 0) for name in names}
        found.total["sessions"] = found.funnel["sessions"]
        steps = ("asked", "answered", "asked_again", "voted", "thumbs_up")
        sums = ", ".join(f"SUM({name}) AS {name}" for name in steps)
        for row in self._rows(_FIRST.format(sums=sums, which="{which}")):
            values = {name: float(getattr(row, name)) for name in steps}
            found.first_questions[row.language or "other"] = values
        for name in ("after_1_day", "after_7_days"):
            query = f"SELECT business_day, SUM(visitors) AS n, SUM({name}) AS again"
            rows = self._rows(
                f"{query} FROM retention_by_day WHERE {{which}} AND {name} IS NOT NULL"
                " GROUP BY business_day"
            )
            found.returned[name] = {
                _date(row.business_day): 100 * float(row.again) / float(row.n) for row in rows
            }
            if rows:
                here = sum(float(row.n) for row in rows)
                again = sum(float(row.again) for row in rows)
                found.total[f"{name}_percent"] = 100 * again / here

    def _money(self, found: Figures) -> None:
        rows = self._rows(
            "SELECT intent, SUM(spent) AS spent, SUM(saved) AS saved,"
            " MIN(currency) AS currency, MAX(currency) AS another, COUNT(*) AS n,"
            " COUNT(currency) AS priced,"
            " SUM(model_seconds_spent) AS seconds, SUM(model_seconds_saved) AS seconds_saved"
            " FROM money_by_day WHERE {which} GROUP BY intent"
        )
        currencies = {each for row in rows for each in (row.currency, row.another)}
        priced = len(currencies) == 1 and all(row.priced == row.n for row in rows)
        found.currency = currencies.pop() if priced else None
        for row in rows:
            found.spent[row.intent] = float((row.spent if priced else row.seconds) or 0)
            found.saved[row.intent] = float((row.saved if priced else row.seconds_saved) or 0)
        if rows:
            found.total["spent"] = sum(found.spent.values())
            found.total["saved"] = sum(found.saved.values())


def percentile(histogram: Mapping[float, float], share: float) -> float:
    """Of a latency histogram, its ends in ms → how many: interpolated, as in `latency_by_day`."""
    wanted, reached = share * sum(histogram.values()), 0.0
    for up_to in sorted(histogram):
        reached += histogram[up_to]
        if reached >= wanted:
            return up_to * (1 - (1 - STEP) * (reached - wanted) / histogram[up_to])
    raise ValueError("an empty histogram")


def _date(value: Any) -> date:
    """A server gives a date, and a view of SQLite its text."""
    return value if isinstance(value, date) else date.fromisoformat(str(value)[:10])
