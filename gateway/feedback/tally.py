"""Counts votes once the interaction that they are about is in the database, whichever gateway took
either: a vote of who asked goes into `feedback`, and may put the answer into quarantine."""

import logging
import threading
import time
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

from prometheus_client import CollectorRegistry, Counter
from sqlalchemy import Connection, Engine, Row, delete, exists, insert, select, update

from gateway.feedback.quarantine import Quarantine
from gateway.feedback.settings import FeedbackSettings
from gateway.log.faults import loggable
from gateway.log.schema.tables import feedback, interactions, votes

log = logging.getLogger(__name__)

# A vote counts so much later, at all gateways: less than it takes to ask again.
EVERY_S = 1.0
BATCH_ROWS = 500
# Votes of the last minute are looked at each time, older ones, whose interaction waits in the
# spool of a gateway that has died, once in a while …
FRESH_S = 60
SWEEP_S = 60
# … until it can no longer be expected. Most of those are about what never was.
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
    """Rounds in a thread of its own, from `start` to `stop`; every gateway has one."""

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
        """What is not counted yet another gateway counts, or the next."""
        self._stopping.set()
        self._thread.join(EVERY_S)

    def _run(self) -> None:
        while True:
            try:
                self.round()
                self._failing = False
            except Exception as error:  # the database is away, say: the next round catches up
                self._metrics.failures.inc()
                if not self._failing:
                    log.warning("votes not counted", extra={"fields": {"why": loggable(error)}})
                self._failing = True
            if self._stopping.wait(EVERY_S):
                return

    def round(self) -> None:
        for vote in self._found():
            self._count(vote)
        self._quarantine.refresh(self._engine)

    def _found(self) -> list[Row[Any]]:
        """Votes whose interaction is there, the oldest first."""
        asked = interactions.c
        query = (
            select(
                votes,
                asked.answer_key,
                asked.model_revision,
                (
                    (asked.tenant == votes.c.tenant)
                    & _same(asked.user_pseudonym, votes.c.user_pseudonym)
                    & _same(asked.session_id, votes.c.session_id)
                    & (asked.kind == "ask")
                    & (asked.outcome == "answered")
                ).label("counts"),
            )
            .join(interactions, asked.interaction_id == votes.c.interaction_id)
            .order_by(votes.c.vote_id)
            .limit(BATCH_ROWS)
        )
        sweep = time.monotonic() >= self._sweep_at
        if not sweep:
            query = query.where(votes.c.vote_id >= _first_id(time.time() - FRESH_S))
        else:
            oldest = datetime.now(UTC) - timedelta(days=EXPECTED_DAYS)
            with self._engine.begin() as connection:
                connection.execute(delete(votes).where(votes.c.created_at < oldest))
        with self._engine.connect() as connection:
            found = list(connection.execute(query))
        if sweep and len(found) < BATCH_ROWS:  # else the next round goes on
            self._sweep_at = time.monotonic() + SWEEP_S
        return found

    def _count(self, vote: Row[Any]) -> None:
        """Each step may be done again, should this process die between two."""
        mine = votes.c.vote_id == vote.vote_id
        if vote.counts:
            with self._engine.begin() as connection:
                # Held until it is kept (SQLite locks for a write only). If it is gone, another has
                # counted it, or its voter was erased just now.
                held = update(votes).where(mine).values(vote=votes.c.vote)
                if connection.execute(held).rowcount == 0:
                    return
                _keep(connection, vote)
            if vote.vote == "down" and vote.answer_key is not None:
                self._judge(vote)
        with self._engine.begin() as connection:
            gone = connection.execute(delete(votes).where(mine))
        if vote.counts and gone.rowcount:  # else another gateway has counted it just now
            self._metrics.votes.labels(vote.model_revision or "", vote.vote).inc()

    def _judge(self, vote: Row[Any]) -> None:
        # In a transaction after the vote's: of two that count at once one sees both votes.
        needed = self._threshold_of.get(vote.tenant, self._threshold)
        with self._engine.begin() as connection:
            condemned = self._quarantine.judge(
                connection, vote.answer_key, vote.tenant, vote.model_revision, needed
            )
        if condemned:
            self._metrics.quarantined.labels(vote.model_revision or "").inc()
            fields = {"answer_key": vote.answer_key, "revision": vote.model_revision}
            log.info("answer quarantined", extra={"fields": fields})


def _same(one: Any, other: Any) -> Any:
    """Equal, or both NULL."""
    return (one == other) | (one.is_(None) & other.is_(None))


def _keep(connection: Connection, vote: Row[Any]) -> None:
    """The vote in `feedback`, unless a later one of the same voter is there."""
    there = feedback.c.interaction_id == vote.interaction_id
    row = {name: getattr(vote, name) for name in feedback.c.keys()}  # noqa: SIM118
    changed = update(feedback).where(there, feedback.c.created_at <= vote.created_at).values(row)
    if connection.execute(changed).rowcount == 0 and not connection.scalar(
        select(exists().where(there))
    ):
        connection.execute(insert(feedback), row)


def _first_id(at: float) -> uuid.UUID:
    """The smallest UUID of version 7 of a moment (Unix seconds)."""
    return uuid.UUID(int=(int(at * 1000) << 80))
