"""What the log needs from time to time, whoever asks: roll-ups, partitions ahead, retention. One
process does it at a time."""

import logging
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

from prometheus_client import CollectorRegistry, Counter, Gauge
from sqlalchemy import Engine, func, select

from gateway.log.faults import loggable
from gateway.log.rollups.retention import content_dropped_until, drop_content, drop_rows
from gateway.log.rollups.roll_up import DAILY, HOURLY, VISITS, Rollup, drop_details, roll_up
from gateway.log.rollups.settings import UpkeepSettings
from gateway.log.schema.columns import MYSQL
from gateway.log.schema.partitions import drop_before, extend, month_of

log = logging.getLogger(__name__)

# A day is counted from all its rows (0.7 s for 17,000), so less often.
DAILY_EVERY_S = 600
# Of one roll-up and round; what is left then is the next round's. Only a log that is new to the
# roll-ups needs more, and others of the database are to get their share meanwhile.
ROUND_S = 15


class UpkeepMetrics:
    def __init__(self, registry: CollectorRegistry) -> None:
        self.counted = Counter(
            "log_rollup_spans", "Hours and days counted anew.", registry=registry
        )
        self.left = Gauge(
            "log_rollup_spans_left", "Hours and days that are still to be.", registry=registry
        )
        self.failures = Counter("log_upkeep_failures", "Rounds that failed.", registry=registry)
        self.last = Gauge(
            "log_upkeep_last_timestamp_seconds", "End of the last good round.", registry=registry
        )


class Upkeep:
    """Rounds in a thread of its own, from `start` to `stop`."""

    def __init__(self, settings: UpkeepSettings, engine: Engine, metrics: UpkeepMetrics) -> None:
        self._zone = settings.business_zone
        self._retention = timedelta(days=settings.log_retention_days)
        self._content_retention = timedelta(days=settings.content_retention_days)
        self._interval_s = settings.upkeep_interval_s
        self._engine = engine
        self._metrics = metrics
        self._daily_at = 0.0  # monotonic
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="log-upkeep", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self, patience_s: float) -> None:
        """A round that takes longer ends with the process, and the next one makes up for it."""
        self._stopping.set()
        self._thread.join(patience_s)

    def _run(self) -> None:
        while True:
            try:
                self.round()
            except Exception as error:  # the database is away, say: the next round catches up
                self._metrics.failures.inc()
                log.warning("upkeep failed", extra={"fields": {"why": loggable(error)}})
            if self._stopping.wait(self._interval_s):
                return

    def round(self) -> None:
        with turn(self._engine) as mine:
            if not mine:
                return
            now = datetime.now(UTC)
            if made := extend(self._engine, now):
                log.info("partitions made", extra={"fields": {"names": ", ".join(made)}})
            oldest = month_of(now - self._retention) if self._retention else None
            if oldest and (gone := drop_before(self._engine, oldest)):
                log.info("months dropped", extra={"fields": {"partitions_or_rows": gone}})
            left = self._count(HOURLY, since=oldest)
            if time.monotonic() >= self._daily_at:
                days_left = self._daily(now, oldest)
                if not days_left:
                    self._daily_at = time.monotonic() + DAILY_EVERY_S
                left += days_left
            self._metrics.left.set(left)
            self._metrics.last.set_to_current_time()

    def _daily(self, now: datetime, oldest: datetime | None) -> int:
        """Count days, then drop what they were counted by and nobody may keep any longer. Answers
        how many are still to be counted: until then all of it is kept."""
        with self._engine.connect() as connection:
            without_content = content_dropped_until(connection)
        known = [moment for moment in (oldest, without_content) if moment]
        left = self._count(DAILY, VISITS, since=max(known, default=None))
        if self._content_retention and not left:
            before = now - self._content_retention
            self._report("content dropped", drop_content(self._engine, before))
            drop_details(self._engine, before.astimezone(self._zone).date())
        if self._retention:
            self._report("old rows dropped", drop_rows(self._engine, now - self._retention))
        if oldest:
            drop_details(self._engine, oldest.astimezone(self._zone).date())
        return left

    def _count(self, *which: Rollup, since: datetime | None) -> int:
        """Answers what is left to count."""
        done = roll_up(self._engine, self._zone, *which, since=since, within_s=ROUND_S)
        self._metrics.counted.inc(done.counted)
        return done.left

    def _report(self, what: str, rows: int) -> None:
        if rows:
            log.info(what, extra={"fields": {"rows": rows}})


@contextmanager
def turn(engine: Engine) -> Iterator[bool]:
    """Whether it is this process's turn; another may be at it. A dead one's turn ends with its
    connection."""
    if engine.dialect.name not in MYSQL:
        yield True  # a file has one writer at a time, and one gateway
        return
    with engine.connect() as connection:
        name = func.concat("shopsight upkeep ", func.md5(func.database()))  # 64 at most
        mine = connection.scalar(select(func.get_lock(name, 0))) == 1
        try:
            yield mine
        finally:
            if mine:
                connection.execute(select(func.release_lock(name)))
