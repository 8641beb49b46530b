"""`shopsight stats`: what shoppers asked and how they were answered, from the views."""

from collections.abc import Iterator, Sequence
from datetime import tzinfo
from typing import Any

from sqlalchemy import Connection, Engine, Row, text

from gateway.cli.plot import bar, sparkline
from gateway.cli.printable import printable
from gateway.config import Settings
from gateway.log.outbox.reconcile import spooled_ids
from gateway.log.rollups.roll_up import roll_up
from gateway.log.rollups.upkeep import upkeep_lock
from gateway.log.schema.database import open_database

# Time for each roll-up. Of a log that was never counted the newest days come first.
WITHIN_S = 15.0


def summary(engine: Engine, zone: tzinfo) -> str:
    """A screen of plain text about the last 30 days with questions. Brings the roll-ups up to date
    first, within a time."""
    remaining = 0
    with upkeep_lock(engine) as acquired:
        if acquired:  # else the worker does it
            remaining = roll_up(engine, zone, within_s=WITHIN_S).remaining
    with engine.connect() as connection:
        lines = list(_lines(connection, zone)) or ["The log is empty."]
    if remaining:
        lines.append(f"hours and days that are still to be counted, the older ones: {remaining}")
    return "\n".join(lines)


def _lines(connection: Connection, zone: tzinfo) -> Iterator[str]:
    days = _rows(connection, _DAYS, None)[::-1]
    if not days:
        return
    first = days[0].business_day
    asked = sum(int(day.asked) for day in days)
    cached = sum(int(day.from_cache) for day in days)
    photos = _rows(connection, _PHOTOS, first)[0].n
    answered = sum(int(day.answered) for day in days)
    yield (
        f"questions {asked} · answered {answered} · photos {photos}"
        f" · from cache {cached / max(1, asked):.0%}"
    )
    if besides := _rows(connection, _BESIDES, first):
        counts = (f"{row.kind} {int(row.requests)}" for row in besides)
        yield f"requests besides questions: {' · '.join(counts)}"
    if len(days) > 1:
        last = days[-1].business_day
        yield f"by day    {sparkline([float(day.asked) for day in days])}  {first} … {last}"
    by_hour = {row.business_hour: float(row.requests) for row in _rows(connection, _BY_HOUR, first)}
    yield f"by hour   {sparkline([by_hour.get(hour, 0.0) for hour in range(24)])}  0 … 23 ({zone})"
    yield from _latency(connection, first)
    for name in ("intent", "language"):
        yield from _bars(name, _rows(connection, _GROUPED.format(name=name), first))
    for row in _rows(connection, _UNANSWERED, first):
        what = f"{row.kind} {row.outcome}"
        yield f"{what:<20} {row.error_code or '':<24} {int(row.requests):>6}"
    for row in _rows(connection, _TOP_QUESTIONS, first):
        yield f"asked {int(row.asked)}×: {printable(row.question)}"
    (votes,) = _rows(connection, _VOTES, first)
    if votes.votes:
        yield f"thumbs: {int(votes.up)} up of {int(votes.votes)}"


_DAYS = (
    "SELECT business_day, SUM(requests) AS asked,"
    " SUM(CASE WHEN outcome = 'answered' THEN requests ELSE 0 END) AS answered,"
    " SUM(CASE WHEN outcome = 'answered' AND cache <> 'miss' THEN requests ELSE 0 END)"
    " AS from_cache FROM hourly_usage WHERE kind = 'ask'"
    " GROUP BY business_day ORDER BY business_day DESC LIMIT 30"
)
# The others are of the time since `:first`, the first of those days. From roll-ups: a log of months
# has as many rows as would take minutes.
_GROUPED = (
    "SELECT {name} AS label, SUM(asks) AS n FROM topics_by_day WHERE business_day >= :first"
    " GROUP BY {name} ORDER BY n DESC, {name} LIMIT 5"
)
# Those of lines of batches are among them.
_PHOTOS = (
    "SELECT COUNT(DISTINCT image_digest) AS n FROM daily_photos"
    " WHERE business_day >= :first AND asked > 0"
)
_BESIDES = (
    "SELECT kind, SUM(requests) AS requests FROM hourly_usage"
    " WHERE business_day >= :first AND kind <> 'ask'"
    " GROUP BY kind ORDER BY requests DESC, kind"
)
_BY_HOUR = (
    "SELECT business_hour, SUM(requests) AS requests FROM hourly_usage"
    " WHERE business_day >= :first AND kind = 'ask' GROUP BY business_hour"
)
_UNANSWERED = (
    "SELECT kind, outcome, error_code, SUM(requests) AS requests FROM unanswered_by_day"
    " WHERE business_day >= :first"
    " GROUP BY kind, outcome, error_code ORDER BY requests DESC, kind, outcome, error_code LIMIT 5"
)
# The words are those of an interaction. Looked up for the hundred that were asked most.
_TOP_QUESTIONS = (
    "SELECT i.question, most.asked FROM ("
    "SELECT MIN(example_id) AS example_id, SUM(answered) AS asked FROM daily_questions"
    " WHERE business_day >= :first AND answered > 0"
    " GROUP BY question_hash ORDER BY asked DESC, question_hash LIMIT 100) AS most"
    " JOIN interactions AS i ON i.interaction_id = most.example_id"
    " WHERE i.question IS NOT NULL"
    " ORDER BY most.asked DESC, i.question LIMIT 3"
)
_VOTES = (
    "SELECT COUNT(*) AS votes, SUM(CASE WHEN vote = 'up' THEN 1 ELSE 0 END) AS up FROM feedback"
    " WHERE created_at >= (SELECT starts_at FROM business_days WHERE business_day = :first)"
)


def _latency(connection: Connection, first: Any) -> Iterator[str]:
    """A line for each kind of cache outcome: a histogram of times, number of answers, mean time.
    Of questions alone, so that the numbers add up to those above, and cards, which take many times
    as long, do not change the mean."""
    rows = _rows(
        connection,
        "SELECT cache, up_to_ms, SUM(answers) AS n FROM hourly_latency"
        " WHERE business_day >= :first AND kind = 'ask'"
        " AND cache <> '' GROUP BY cache, up_to_ms ORDER BY cache, up_to_ms",
        first,
    )
    means = _rows(
        connection,
        "SELECT cache, SUM(total_ms) / SUM(requests) AS mean_ms, SUM(requests) AS n"
        " FROM hourly_usage WHERE business_day >= :first AND kind = 'ask'"
        " AND outcome = 'answered' AND cache <> '' GROUP BY cache ORDER BY cache",
        first,
    )
    steps = sorted({row.up_to_ms for row in rows})
    for mean in means:
        of_step = {row.up_to_ms: float(row.n) for row in rows if row.cache == mean.cache}
        shape = sparkline([of_step.get(step, 0.0) for step in steps])
        yield (f"{mean.cache:>9} {shape}  {int(mean.n)} answers, mean {float(mean.mean_ms):.1f} ms")
    if len(steps) > 1:
        yield f"{'':>9} {steps[0]:g} … {steps[-1]:g} ms"


def _bars(title: str, rows: Sequence[Row[Any]]) -> Iterator[str]:
    largest = max((float(row.n) for row in rows), default=0.0)
    for place, row in enumerate(rows):
        name = title if place == 0 else ""
        yield f"{name:<9} {row.label:<13} {int(row.n):>6} {bar(float(row.n), largest)}"


def _rows(connection: Connection, query: str, first: Any) -> Sequence[Row[Any]]:
    bound = {} if first is None else {"first": first}
    return connection.execute(text(query), bound).all()


def run() -> int:
    settings = Settings()
    waiting = len(spooled_ids(settings.spool_dir))
    engine = open_database(settings)
    print(summary(engine, settings.business_zone))
    engine.dispose()
    if waiting:
        print(f"on their way into the log: {waiting}")
    return 0
