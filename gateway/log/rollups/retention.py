"""What is kept for how long: what was asked and answered for days, who asked when for months. A
little at a time, so that nobody waits: a file has one writer, a server's rows have locks."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    Connection,
    Engine,
    Table,
    and_,
    delete,
    insert,
    or_,
    select,
    update,
)

from gateway.log.event import BadEvent
from gateway.log.redaction import CONTENT, WITHOUT_CONTENT, without_content
from gateway.log.rollups.tables import rollup_state
from gateway.log.schema.columns import utc_now
from gateway.log.schema.partitions import first_id_at
from gateway.log.schema.privacy_tables import audit, tombstones
from gateway.log.schema.tables import dead_letters, feedback, interactions, quarantined_answers

# Rows of one transaction: some 20 ms on a server.
BATCH_ROWS = 1_000
# As of roll-ups: a row is seen at most so much later than its arrival is stamped.
OVERLAP = timedelta(minutes=3)
# Who did what: as long as it may have to be answered for.
AUDIT_DAYS = 3 * 365
# How far it has come, in rollup_state: asked until then; arrived until then, for late ones.
ASKED, ARRIVED = "content-asked", "content-arrived"
# In place of the database's words on why it refused an event, which may quote it.
REASON = "content dropped"
LONG_AGO = datetime.fromtimestamp(0, UTC)

column = interactions.c


def content_dropped_until(connection: Connection) -> datetime | None:
    """Of what was asked earlier, content is gone: it cannot be counted anew."""
    until = _state(connection, ASKED)
    return until if until > LONG_AGO else None


def drop_content(engine: Engine, before: datetime) -> int:
    """Empty the content of interactions, thumbs and dead letters that are older; answers how many
    interactions had any. Their roll-ups must have been made."""
    with engine.connect() as connection:
        now = connection.scalar(select(utc_now())) or before
        asked, arrived = _state(connection, ASKED), _state(connection, ARRIVED)
    old = column.interaction_id < first_id_at(before)
    emptied = _empty(engine, and_(old, column.interaction_id >= first_id_at(asked)))
    # What has come since from a spool that lay about, from a time that was seen to before.
    late = and_(column.interaction_id < first_id_at(asked), column.arrived_at >= arrived)
    if asked > LONG_AGO:
        emptied += _empty(engine, late)
    some = or_(feedback.c.reason.is_not(None), feedback.c.answer_key.is_not(None))
    reasons = and_(some, feedback.c.created_at < before)
    for keys in _batches(engine, feedback, reasons):
        with engine.begin() as connection:
            theirs = update(feedback).where(feedback.c.interaction_id.in_(keys))
            connection.execute(theirs.values(reason=None, answer_key=None))
    _empty_dead_letters(engine, before)
    _remember(engine, ASKED, before)
    _remember(engine, ARRIVED, now - OVERLAP)
    return emptied


def drop_rows(engine: Engine, before: datetime) -> int:
    """Delete thumbs, dead letters, quarantines and tombstones that are older, and what the audit no
    longer needs; the interactions go by months, see partitions. Answers how many."""
    gone = 0
    for table, old in (
        (feedback, feedback.c.created_at < before),
        (dead_letters, dead_letters.c.died_at < before),
    ):
        for keys in _batches(engine, table, old):
            with engine.begin() as connection:
                theirs = delete(table).where(table.c.interaction_id.in_(keys))
                gone += connection.execute(theirs).rowcount
    audited = datetime.now(UTC) - timedelta(days=AUDIT_DAYS)
    with engine.begin() as connection:  # few: one a person, one an act
        stones = delete(tombstones).where(tombstones.c.erased_at < before)
        gone += connection.execute(stones).rowcount
        # As long as the thumbs that put them there.
        condemned = delete(quarantined_answers).where(quarantined_answers.c.changed_at < before)
        gone += connection.execute(condemned).rowcount
        gone += connection.execute(delete(audit).where(audit.c.done_at < audited)).rowcount
    return gone


def _empty(engine: Engine, which: ColumnElement[bool]) -> int:
    some = or_(*(column[name].is_not(None) for name in CONTENT))
    emptied = 0
    for keys in _batches(engine, interactions, and_(which, some)):
        with engine.begin() as connection:
            theirs = update(interactions).where(column.interaction_id.in_(keys))
            emptied += connection.execute(theirs.values(WITHOUT_CONTENT)).rowcount
    return emptied


def _empty_dead_letters(engine: Engine, before: datetime) -> None:
    """They may still be replayed, as what is left of them."""
    letter = dead_letters.c
    old = and_(letter.died_at < before, letter.reason != REASON)
    for keys in _batches(engine, dead_letters, old):
        with engine.begin() as connection:
            query = select(letter.interaction_id, letter.event)
            for key, event in connection.execute(query.where(letter.interaction_id.in_(keys))):
                values: dict[str, Any] = {"reason": REASON}
                try:
                    values["event"] = without_content(event)
                except BadEvent:  # nobody can tell what of it is content
                    values["event"] = "{}"
                mine = update(dead_letters).where(letter.interaction_id == key)
                connection.execute(mine.values(values))


def _batches(engine: Engine, table: Table, which: ColumnElement[bool]) -> Iterator[list[UUID]]:
    """The keys of the rows that fit, in their order; each row comes once."""
    key = table.c.interaction_id
    last: UUID | None = None
    while True:
        query = select(key).where(which).order_by(key).limit(BATCH_ROWS)
        if last is not None:
            query = query.where(key > last)
        with engine.connect() as connection:
            found = list(connection.scalars(query))
        if not found:
            return
        yield found
        last = found[-1]


def _state(connection: Connection, name: str) -> datetime:
    query = select(rollup_state.c.seen_until).where(rollup_state.c.name == name)
    return connection.scalar(query) or LONG_AGO


def _remember(engine: Engine, name: str, until: datetime) -> None:
    mine = rollup_state.c.name == name
    with engine.begin() as connection:
        changed = connection.execute(update(rollup_state).where(mine).values(seen_until=until))
        if not changed.rowcount:
            connection.execute(insert(rollup_state).values(name=name, seen_until=until))
