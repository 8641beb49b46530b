"""Counts votes once their interactions are in the database, whichever gateways took them. A vote
counts if it comes from the asker: it goes into `feedback`, and may quarantine the answer."""

import logging
import threading
import time
from datetime import UTC, datetime, timedelta
from typing import Any

from prometheus_client import CollectorRegistry, Counter
from sqlalchemy import Connection, Engine, Row, delete, exists, insert, select, update

from gateway.feedback.quarantine import Quarantine
from gateway.feedback.settings import FeedbackSettings
from gateway.log.faults import loggable
from gateway.log.products import ABOUT_PHOTOS
from gateway.log.schema.partitions import first_id_at
from gateway.log.schema.tables import feedback, interactions, votes

log = logging.getLogger(__name__)

# A vote takes effect so much later at most, in all gateways: sooner than a shopper can ask again.
INTERVAL_S = 1.0
BATCH_ROWS = 500
# Each round looks at the votes of the last minute. Older ones are looked at once per SWEEP_S: their
# interactions may wait in the spool of a dead gateway.
RECENT_S = 60
SWEEP_S = 60
# Then a vote is deleted. Most of these name an interaction that never existed.
EXPECTED_DAYS = 7


class FeedbackMetrics:
    def __init__(self, registry: CollectorRegistry) -> None:
        self.votes = Counter(
            "gateway_votes",
            "Thumbs counted, a changed one again, by the revision that answered.",
            ["revision", "vote"],
            registry=registry,
        )
        self.quarantined = Counter(
            "gateway_answers_quarantined",
            "Cached answers voted down and answered anew.",
            ["revision"],
            registry=registry,
        )
        self.failures = Counter(
            "gateway_tally_failures", "Rounds of counting that failed.", registry=registry
        )


class Tally:
    """Runs rounds in a thread of its own, from `start` to `stop`. Every gateway has one."""

    def __init__(
        self,
        settings: FeedbackSettings,
        engine: Engine,
        quarantine: Quarantine,
        metrics: FeedbackMetrics,
    ) -> None:
        self._threshold = settings.quarantine_votes
        self._threshold_of = settings.tenant_quarantine_votes
        self._engine = engine
        self._quarantine = quarantine
        self._metrics = metrics
        self._sweep_at = 0.0  # monotonic
        self._failing = False
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="tally", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Uncounted votes are left to another gateway, or to the next start."""
        self._stopping.set()
        self._thread.join(INTERVAL_S)

    def _run(self) -> None:
        while True:
            try:
                self.round()
                self._failing = False
            except Exception as error:  # such as a database that is down: the next round catches up
                self._metrics.failures.inc()
                if not self._failing:
                    log.warning("votes not counted", extra={"fields": {"why": loggable(error)}})
                self._failing = True
            if self._stopping.wait(INTERVAL_S):
                return

    def round(self) -> None:
        for vote in self._countable_votes():
            self._count(vote)
        self._quarantine.refresh(self._engine)

    def _countable_votes(self) -> list[Row[Any]]:
        """Votes whose interaction is stored, the oldest first; `counts` if the asker votes."""
        asked = interactions.c
        query = (
            select(
                votes,
                asked.answer_key,
                asked.model_revision,
                (
                    (asked.tenant == votes.c.tenant)
                    & _equal_or_both_null(asked.user_pseudonym, votes.c.user_pseudonym)
                    & _equal_or_both_null(asked.session_id, votes.c.session_id)
                    & asked.kind.in_(ABOUT_PHOTOS)
                    & (asked.outcome == "answered")
                ).label("counts"),
            )
            .join(interactions, asked.interaction_id == votes.c.interaction_id)
            .order_by(votes.c.vote_id)
            .limit(BATCH_ROWS)
        )
        sweep = time.monotonic() >= self._sweep_at
        if not sweep:
            recent = datetime.now(UTC) - timedelta(seconds=RECENT_S)
            query = query.where(votes.c.vote_id >= first_id_at(recent))
        else:
            oldest = datetime.now(UTC) - timedelta(days=EXPECTED_DAYS)
            with self._engine.begin() as connection:
                connection.execute(delete(votes).where(votes.c.created_at < oldest))
        with self._engine.connect() as connection:
            rows = list(connection.execute(query))
        if sweep and len(rows) < BATCH_ROWS:  # else the next round continues the sweep
            self._sweep_at = time.monotonic() + SWEEP_S
        return rows

    def _count(self, vote: Row[Any]) -> None:
        """Move a vote into `feedback`. If the process dies in between, all of it may be
        repeated."""
        is_vote = votes.c.vote_id == vote.vote_id
        if vote.counts:
            with self._engine.begin() as connection:
                # This update only locks the row (SQLite locks for writes only). If the row is gone,
                # another gateway has counted it, or its voter was just erased.
                lock = update(votes).where(is_vote).values(vote=votes.c.vote)
                if connection.execute(lock).rowcount == 0:
                    return
                _store_vote(connection, vote)
            if vote.vote == "down" and vote.answer_key is not None:
                self._quarantine_if_voted_down(vote)
        with self._engine.begin() as connection:
            deleted = connection.execute(delete(votes).where(is_vote))
        if vote.counts and deleted.rowcount:  # else another gateway has just counted it
            self._metrics.votes.labels(vote.model_revision or "", vote.vote).inc()

    def _quarantine_if_voted_down(self, vote: Row[Any]) -> None:
        # In a later transaction than the vote's: of two gateways that count at once, one sees both.
        needed = self._threshold_of.get(vote.tenant, self._threshold)
        with self._engine.begin() as connection:
            quarantined = self._quarantine.quarantine_if_voted_down(
                connection, vote.answer_key, vote.tenant, vote.model_revision, needed
            )
        if quarantined:
            self._metrics.quarantined.labels(vote.model_revision or "").inc()
            fields = {"answer_key": vote.answer_key, "revision": vote.model_revision}
            log.info("answer quarantined", extra={"fields": fields})


def _equal_or_both_null(one: Any, other: Any) -> Any:
    """Equal, or both NULL."""
    return (one == other) | (one.is_(None) & other.is_(None))


def _store_vote(connection: Connection, vote: Row[Any]) -> None:
    """Write a vote into `feedback`, unless a later one on the interaction is there."""
    is_same = feedback.c.interaction_id == vote.interaction_id
    row = {name: getattr(vote, name) for name in feedback.c.keys()}  # noqa: SIM118
    changed = update(feedback).where(is_same, feedback.c.created_at <= vote.created_at).values(row)
    if connection.execute(changed).rowcount == 0 and not connection.scalar(
        select(exists().where(is_same))
    ):
        connection.execute(insert(feedback), row)
