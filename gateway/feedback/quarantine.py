"""Which answers were voted down, and so at which attempt their questions are. In memory, because
every question asks; in SQL, because neither Redis nor a gateway lasts."""

import time
from dataclasses import replace
from datetime import UTC, datetime
from functools import lru_cache

from sqlalchemy import Connection, Engine, func, insert, select, update

from contract.attempts import MAX_ATTEMPT
from gateway.cache.key import AnswerKey, digest_of_attempt
from gateway.log.schema.tables import feedback, quarantined_answers

# The latest; about 250 bytes each. Of an older one the first answer may come back.
REMEMBERED = 20_000
AGAIN_S = 60.0


class Quarantine:
    """`refresh` and `judge` are one thread's, `current` the event loop's."""

    def __init__(self) -> None:
        self._attempts: dict[str, int] = {}  # replaced, never changed
        self._seen: datetime | None = None  # the latest change
        self._again_at = 0.0  # monotonic

    def current(self, key: AnswerKey) -> AnswerKey:
        """The key under which a question is answered now; costs a question that was never voted
        down one look into a dict."""
        attempt = self._attempts.get(key.digest, 0)
        return _later(key, attempt) if attempt else key

    def refresh(self, engine: Engine) -> None:
        """Learn what this or another gateway has put there, at once; within a minute what a person
        has taken away, which only looking through the whole of it tells."""
        table = quarantined_answers.c
        with engine.connect() as connection:
            latest_change = connection.scalar(select(func.max(table.changed_at)))
            if latest_change == self._seen and time.monotonic() < self._again_at:
                return
            latest = select(table.answer_key, table.attempt).order_by(table.changed_at.desc())
            found = connection.execute(latest.limit(REMEMBERED))
            self._attempts = {row.answer_key: row.attempt for row in found}
        self._seen = latest_change
        self._again_at = time.monotonic() + AGAIN_S

    def judge(
        self, connection: Connection, answer_key: str, tenant: str, revision: str | None, votes: int
    ) -> bool:
        """Whether so many different voters are against an answer that it is in quarantine from now
        on. Others may judge at the same time: one of them does it."""
        if not votes or _voters_against(connection, answer_key, tenant) < votes:
            return False
        table = quarantined_answers
        now = datetime.now(UTC)
        known = connection.execute(
            select(table.c.answer_key, table.c.attempt).where(table.c.current_key == answer_key)
        ).first()
        if known is not None:
            if known.attempt >= MAX_ATTEMPT:
                return False
            there = (table.c.answer_key == known.answer_key) & (table.c.attempt == known.attempt)
            raised = {
                "attempt": known.attempt + 1,
                "current_key": digest_of_attempt(known.answer_key, known.attempt + 1),
                "changed_at": now,
            }
            return connection.execute(update(table).where(there).values(raised)).rowcount == 1
        before = select(table.c.answer_key).where(table.c.answer_key == answer_key)
        if connection.execute(before).first() is not None:  # a late vote on what is gone already
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


@lru_cache(maxsize=256)  # answers voted down are popular ones: hashing them anew costs 30 us
def _later(key: AnswerKey, attempt: int) -> AnswerKey:
    return replace(key, attempt=attempt)


def _voters_against(connection: Connection, answer_key: str, tenant: str) -> int:
    """A session is one voter whatever users it names; a tenant's calls without a user are one."""
    voter = func.coalesce(feedback.c.session_id, feedback.c.user_pseudonym, "")
    against = (feedback.c.vote == "down") & (feedback.c.answer_key == answer_key)
    query = select(func.count(voter.distinct())).where(against, feedback.c.tenant == tenant)
    return connection.scalar(query) or 0
