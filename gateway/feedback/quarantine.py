"""Answers that were voted down, and the attempt at which each of their questions is now. In memory,
because every question looks it up; in SQL, because Redis evicts and gateways restart."""

import time
from dataclasses import replace
from datetime import UTC, datetime
from functools import lru_cache

from sqlalchemy import Connection, Engine, func, insert, select, update

from contract.attempts import MAX_ATTEMPT
from gateway.cache.key import AnswerKey, digest_of_attempt
from gateway.identity.sessions import ORIGIN_DIGITS
from gateway.log.schema.tables import feedback, quarantined_answers

# Only the latest are in memory, about 250 bytes each. An older question may get its old answer
# again.
MAX_REMEMBERED = 20_000
# Interval for reading the whole table, which alone shows rows that were deleted.
FULL_REFRESH_S = 60.0


class Quarantine:
    """`current_key` is for the event loop; one thread calls the other methods."""

    def __init__(self) -> None:
        self._attempts: dict[str, int] = {}  # by digest of attempt 0; replaced, never mutated
        self._latest_change: datetime | None = None
        self._full_refresh_at = 0.0  # monotonic

    def current_key(self, key: AnswerKey) -> AnswerKey:
        """The key under which a question is answered now. For a question that was never voted down
        this costs one look-up in a dict."""
        attempt = self._attempts.get(key.digest, 0)
        return _at_attempt(key, attempt) if attempt else key

    def refresh(self, engine: Engine) -> None:
        """Read the table if it has changed. Added rows are seen at once. Rows that a person has
        deleted are seen within FULL_REFRESH_S."""
        table = quarantined_answers.c
        with engine.connect() as connection:
            latest_change = connection.scalar(select(func.max(table.changed_at)))
            unchanged = latest_change == self._latest_change
            if unchanged and time.monotonic() < self._full_refresh_at:
                return
            latest = select(table.answer_key, table.attempt).order_by(table.changed_at.desc())
            rows = connection.execute(latest.limit(MAX_REMEMBERED))
            self._attempts = {row.answer_key: row.attempt for row in rows}
        self._latest_change = latest_change
        self._full_refresh_at = time.monotonic() + FULL_REFRESH_S

    def quarantine_if_voted_down(
        self, connection: Connection, answer_key: str, tenant: str, revision: str | None, votes: int
    ) -> bool:
        """Quarantine an answer if at least `votes` different voters are against it (0: never).
        Returns whether this call did it: of several gateways at once, one does."""
        if not votes or _voters_against(connection, answer_key, tenant) < votes:
            return False
        table = quarantined_answers
        now = datetime.now(UTC)
        existing = connection.execute(
            select(table.c.answer_key, table.c.attempt).where(table.c.current_key == answer_key)
        ).first()
        if existing is not None:
            first_key, attempt = existing.answer_key, existing.attempt
            if attempt >= MAX_ATTEMPT:
                return False
            is_unchanged = (table.c.answer_key == first_key) & (table.c.attempt == attempt)
            next_attempt = {
                "attempt": attempt + 1,
                "current_key": digest_of_attempt(first_key, attempt + 1),
                "changed_at": now,
            }
            change = update(table).where(is_unchanged).values(next_attempt)
            return connection.execute(change).rowcount == 1
        earlier = select(table.c.answer_key).where(table.c.answer_key == answer_key)
        if connection.execute(earlier).first() is not None:  # a late vote on a replaced answer
            return False
        row = {
            "answer_key": answer_key,
            "attempt": 1,
            "current_key": digest_of_attempt(answer_key, 1),
            "tenant": tenant,
            "model_revision": revision,
            "changed_at": now,
        }
        connection.execute(insert(table), row)
        return True


@lru_cache(maxsize=256)  # quarantined answers are popular: hashing their keys again costs 30 us
def _at_attempt(key: AnswerKey, attempt: int) -> AnswerKey:
    return replace(key, attempt=attempt)


def _voters_against(connection: Connection, answer_key: str, tenant: str) -> int:
    """How many voters have voted an answer down. Sessions that began alike are one voter, whatever
    users they name: a client that keeps none has as many as it likes. All calls of a tenant without
    session and user are one voter."""
    origin = func.substr(feedback.c.session_id, 1, ORIGIN_DIGITS)
    voter = func.coalesce(origin, feedback.c.user_pseudonym, "")
    against = (feedback.c.vote == "down") & (feedback.c.answer_key == answer_key)
    query = select(func.count(voter.distinct())).where(against, feedback.c.tenant == tenant)
    return connection.scalar(query) or 0
