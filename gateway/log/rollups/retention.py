"""Retention: drops content (what was asked and answered) after days, and rows after months. It
works in small batches, so that no writer waits long: SQLite has one writer, a server locks rows."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    Engine,
    Table,
    and_,
    delete,
    or_,
    select,
    update,
)

from gateway.log.event import BadEvent
from gateway.log.redaction import CONTENT, WITHOUT_CONTENT, without_content
from gateway.log.rollups.countable import (
    ASKED,
    DROPPING,
    EPOCH,
    MONTHS,
    move_forward,
    state,
)
from gateway.log.schema.access_tables import key_audit
from gateway.log.schema.canary_tables import warmed_answers
from gateway.log.schema.columns import utc_now
from gateway.log.schema.partitions import drop_months_before, first_id_at, month_of
from gateway.log.schema.privacy_tables import audit, tombstones
from gateway.log.schema.tables import dead_letters, feedback, interactions, quarantined_answers

# Rows of one transaction: about 20 ms on a server.
BATCH_ROWS = 1_000
# A row becomes visible at most so much later than its `arrived_at`, see `pending_spans`.
OVERLAP = timedelta(minutes=3)
# Rows of the audit stay as long as somebody may have to answer for them.
AUDIT_DAYS = 3 * 365
# Name in `rollup_state`: content is dropped from late rows that arrived before this moment.
ARRIVED = "content-arrived"
# Replaces the database's reason for refusing an event, which may quote the event.
REASON = "content dropped"

column = interactions.c


def drop_months(engine: Engine, oldest: datetime) -> int:
    """Remove the months before `oldest`, as `drop_months_before`. From then on none of their hours
    and days is counted, even if rows of them come late."""
    move_forward(engine, MONTHS, oldest)
    return drop_months_before(engine, oldest)


def drop_content(engine: Engine, before: datetime) -> int:
    """Clear the content of interactions, votes and dead letters from before `before`, and notes of
    answers computed ahead. Returns how many interactions had content. Their roll-ups must have
    been made."""
    with engine.connect() as connection:
        now = connection.scalar(select(utc_now())) or before
        asked = state(connection, ASKED) or EPOCH
        arrived = state(connection, ARRIVED) or EPOCH
    move_forward(engine, DROPPING, before)
    old = column.interaction_id < first_id_at(before)
    cleared = _clear_content(engine, and_(old, column.interaction_id >= first_id_at(asked)))
    # Rows of an earlier time that have arrived since, such as from a spool adopted late. Also those
    # that a longer retention would keep by now: their day cannot be counted with them any more.
    late = and_(column.interaction_id < first_id_at(asked), column.arrived_at >= arrived)
    if asked > EPOCH:
        cleared += _clear_content(engine, late)
    has_content = or_(feedback.c.reason.is_not(None), feedback.c.answer_key.is_not(None))
    old_votes = and_(has_content, feedback.c.created_at < before)
    for keys in _batches(engine, feedback, old_votes):
        with engine.begin() as connection:
            change = update(feedback).where(feedback.c.interaction_id.in_(keys))
            connection.execute(change.values(reason=None, answer_key=None))
    _clear_dead_letters(engine, before)
    with engine.begin() as connection:  # one batch: a canary warms some thousands at most
        connection.execute(delete(warmed_answers).where(warmed_answers.c.warmed_at < before))
    move_forward(engine, ASKED, before)
    move_forward(engine, ARRIVED, now - OVERLAP)
    return cleared


def drop_rows(engine: Engine, before: datetime) -> int:
    """Delete older votes, dead letters and quarantines, and rows of the audit after AUDIT_DAYS.
    Interactions are dropped by months, see `partitions`. A tombstone stays as long as any of them
    that it covers: a backup may bring that back. Returns how many rows."""
    deleted = 0
    for table, old in (
        (feedback, feedback.c.created_at < before),
        (dead_letters, dead_letters.c.died_at < before),
    ):
        for keys in _batches(engine, table, old):
            with engine.begin() as connection:
                batch = delete(table).where(table.c.interaction_id.in_(keys))
                deleted += connection.execute(batch).rowcount
    audited = datetime.now(UTC) - timedelta(days=AUDIT_DAYS)
    with engine.begin() as connection:  # one batch: these tables are small
        old_stones = delete(tombstones).where(tombstones.c.erased_at < month_of(before))
        deleted += connection.execute(old_stones).rowcount
        # Kept as long as the votes that caused them.
        lifted = delete(quarantined_answers).where(quarantined_answers.c.changed_at < before)
        deleted += connection.execute(lifted).rowcount
        for table in (audit, key_audit):
            old_entries = delete(table).where(table.c.done_at < audited)
            deleted += connection.execute(old_entries).rowcount
    return deleted


def _clear_content(engine: Engine, which: ColumnElement[bool]) -> int:
    has_content = or_(*(column[name].is_not(None) for name in CONTENT))
    cleared = 0
    for keys in _batches(engine, interactions, and_(which, has_content)):
        with engine.begin() as connection:
            change = update(interactions).where(column.interaction_id.in_(keys))
            cleared += connection.execute(change.values(WITHOUT_CONTENT)).rowcount
    return cleared


def _clear_dead_letters(engine: Engine, before: datetime) -> None:
    """Clear the content of old dead letters. What is left may still be replayed."""
    letter = dead_letters.c
    old = and_(letter.died_at < before, letter.reason != REASON)
    for keys in _batches(engine, dead_letters, old):
        with engine.begin() as connection:
            query = select(letter.interaction_id, letter.event)
            for key, event in connection.execute(query.where(letter.interaction_id.in_(keys))):
                values: dict[str, Any] = {"reason": REASON}
                try:
                    values["event"] = without_content(event)
                except BadEvent:  # what of it is content cannot be told
                    values["event"] = "{}"
                change = update(dead_letters).where(letter.interaction_id == key)
                connection.execute(change.values(values))


def _batches(engine: Engine, table: Table, which: ColumnElement[bool]) -> Iterator[list[UUID]]:
    """The keys of the rows that match `which`, in order, BATCH_ROWS at a time, each key once."""
    key = table.c.interaction_id
    last: UUID | None = None
    while True:
        query = select(key).where(which).order_by(key).limit(BATCH_ROWS)
        if last is not None:
            query = query.where(key > last)
        with engine.connect() as connection:
            keys = list(connection.scalars(query))
        if not keys:
            return
        yield keys
        last = keys[-1]
