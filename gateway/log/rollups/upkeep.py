"""Periodic work on the log: roll-ups, partitions ahead, retention. One process does it at a time;
no request waits for it."""

import logging
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

from prometheus_client import CollectorRegistry, Counter, Gauge
from sqlalchemy import Engine, func, select

from gateway.log.faults import loggable
from gateway.log.rollups.details import drop_details
from gateway.log.rollups.retention import drop_content, drop_months, drop_rows
from gateway.log.rollups.roll_up import DAILY, HOURLY, JOURNEYS, VISITS, Rollup, roll_up
from gateway.log.rollups.settings import UpkeepSettings
from gateway.log.schema.batch_tables import OPEN, batches
from gateway.log.schema.columns import MYSQL
from gateway.log.schema.partitions import add_months_ahead

log = logging.getLogger(__name__)

# A process that has just started answers its first questions before it counts old ones.
FIRST_ROUND_S = 5.0
# Interval of the daily roll-ups: a day is counted from all its rows (0.7 s for 17,000).
DAILY_EVERY_S = 600
# Time for one roll-up in one round. What remains is left to the next round, so that others can use
# the database. Only a log that was never rolled up needs more.
ROUND_S = 15


class UpkeepMetrics:
    def __init__(self, registry: CollectorRegistry) -> None:
        self.counted = Counter(
            "log_rollup_spans", "Hours and days counted anew.", registry=registry
        )
        self.remaining = Gauge(
            "log_rollup_spans_left", "Hours and days that are still to be.", registry=registry
        )
        self.failures = Counter("log_upkeep_failures", "Rounds that failed.", registry=registry)
        self.last = Gauge(
            "log_upkeep_last_timestamp_seconds", "End of the last good round.", registry=registry
        )
        # Told here, since it has to be known while no worker of batches is there to tell it.
        self.batches_open = Gauge(
            "batches_open", "Batches that have not ended, at the last round.", registry=registry
        )


class Upkeep:
    """Runs rounds in a thread of its own, from `start` to `stop`."""

    def __init__(self, settings: UpkeepSettings, engine: Engine, metrics: UpkeepMetrics) -> None:
        self._settings = settings
        self._zone = settings.business_zone
        self._price = settings.price
        self._retention = timedelta(days=settings.log_retention_days)
        self._content_retention = timedelta(days=settings.content_retention_days)
        self._interval_s = settings.upkeep_interval_s
        self._engine = engine
        self._metrics = metrics
        self._next_daily_at = 0.0  # monotonic
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="log-upkeep", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self, patience_s: float) -> None:
        """Wait up to `patience_s` for the current round. A longer one ends with the process, and
        the next round completes its work."""
        self._stopping.set()
        self._thread.join(patience_s)

    def _run(self) -> None:
        pause_s = min(FIRST_ROUND_S, self._interval_s)
        while not self._stopping.wait(pause_s):
            try:
                self.round()
            except Exception as error:  # such as a database that is down: the next round catches up
                self._metrics.failures.inc()
                log.warning("upkeep failed", extra={"fields": {"why": loggable(error)}})
            pause_s = self._interval_s

    def round(self) -> None:
        self._metrics.batches_open.set(self._open_batches())  # stale where another one is at it
        with upkeep_lock(self._engine) as acquired:
            if not acquired:
                return
            now = datetime.now(UTC)
            if added := add_months_ahead(self._engine, now):
                log.info("partitions made", extra={"fields": {"names": ", ".join(added)}})
            oldest = self._settings.oldest_row(now)
            if oldest and (dropped := drop_months(self._engine, oldest)):
                log.info("months dropped", extra={"fields": {"partitions_or_rows": dropped}})
            remaining = self._roll_up(HOURLY)
            if time.monotonic() >= self._next_daily_at:
                days_remaining = self._daily(now, oldest)
                if not days_remaining:
                    self._next_daily_at = time.monotonic() + DAILY_EVERY_S
                remaining += days_remaining
            self._metrics.remaining.set(remaining)
            self._metrics.last.set_to_current_time()

    def _daily(self, now: datetime, oldest: datetime | None) -> int:
        """Roll up days, then drop content and rows whose retention has ended. Returns how many days
        remain to be counted: until there are none, content is kept."""
        remaining = self._roll_up(DAILY, VISITS, JOURNEYS)
        if self._content_retention and not remaining:
            before = now - self._content_retention
            self._report("content dropped", drop_content(self._engine, before))
            drop_details(self._engine, before.astimezone(self._zone).date())
        if self._retention:
            self._report("old rows dropped", drop_rows(self._engine, now - self._retention))
        if oldest:
            drop_details(self._engine, oldest.astimezone(self._zone).date())
        return remaining

    def _roll_up(self, *which: Rollup) -> int:
        """Returns how many spans remain to be counted."""
        engine, price = self._engine, self._price
        progress = roll_up(engine, self._zone, *which, within_s=ROUND_S, price=price)
        self._metrics.counted.inc(progress.counted)
        return progress.remaining

    def _open_batches(self) -> int:
        query = select(func.count()).where(batches.c.status.in_(OPEN))
        with self._engine.connect() as connection:
            return connection.scalar(query) or 0

    def _report(self, what: str, rows: int) -> None:
        if rows:
            log.info(what, extra={"fields": {"rows": rows}})


@contextmanager
def upkeep_lock(engine: Engine) -> Iterator[bool]:
    """Whether this process may do the upkeep; False while another process holds the lock. The lock
    of a dead process ends with its connection."""
    if engine.dialect.name not in MYSQL:
        yield True  # an SQLite file belongs to one gateway
        return
    with engine.connect() as connection:
        name = func.concat("shopsight upkeep ", func.md5(func.database()))  # 64 at most
        acquired = connection.scalar(select(func.get_lock(name, 0))) == 1
        try:
            yield acquired
        finally:
            if acquired:
                connection.execute(select(func.release_lock(name)))
