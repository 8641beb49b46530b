"""Events that the database has refused for good: kept with the reason, to be sent again after what
was wrong has been put right."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

from sqlalchemy import Connection, Engine, delete, func, insert, inspect, select

from gateway.log import tombstones
from gateway.log.event import BadEvent, id_of, pseudonym_of
from gateway.log.faults import Fault, fault_of, reason_of
from gateway.log.outbox.delivery import Delivery
from gateway.log.outbox.spool import SpooledEvent
from gateway.log.redaction import fields_of
from gateway.log.schema.privacy_tables import tombstones as tombstones_table
from gateway.log.schema.tables import dead_letters

# Of one replay's batch.
REPLAY_ROWS = 500
LONG_AGO = datetime.fromtimestamp(0, UTC)


class ErasedMeanwhile(Exception):
    """Its person has just been erased: it is to be delivered again, without what it said."""


@dataclass(frozen=True)
class DeadLetter:
    interaction_id: UUID
    died_at: datetime
    reason: str
    event: str


def bury(engine: Engine, spooled: SpooledEvent, error: Exception, attempts: int) -> None:
    """Keep it; that it is kept already is no error. Raises ErasedMeanwhile."""
    row = {
        "interaction_id": id_of(spooled.event),
        "user_pseudonym": pseudonym_of(spooled.event),
        "died_at": datetime.now(UTC),
        "attempts": attempts,
        "reason": reason_of(error),
        "event": spooled.event,
    }
    looks = inspect(engine).has_table(tombstones_table.name)
    try:
        with engine.begin() as connection:
            connection.execute(insert(dead_letters), row)
            if looks and _erased(connection, spooled.event):  # after the insert, as Delivery looks
                raise ErasedMeanwhile
    except Exception as refused:
        if fault_of(refused) is not Fault.DUPLICATE:
            raise


def _erased(connection: Connection, event: str) -> bool:
    try:
        fields = fields_of(event)
    except BadEvent:
        return False
    return tombstones.since(connection, LONG_AGO).cover(fields)


def count(engine: Engine) -> int:
    with engine.connect() as connection:
        return connection.scalar(select(func.count()).select_from(dead_letters)) or 0


def listed(engine: Engine, after: UUID | None = None, limit: int = REPLAY_ROWS) -> list[DeadLetter]:
    """In the order of their ids, from the one after `after`."""
    key = dead_letters.c.interaction_id
    query = select(key, dead_letters.c.died_at, dead_letters.c.reason, dead_letters.c.event)
    if after is not None:
        query = query.where(key > after)
    with engine.connect() as connection:
        return [DeadLetter(*row) for row in connection.execute(query.order_by(key).limit(limit))]


def replay(engine: Engine, report: Callable[[DeadLetter, str | None], None]) -> None:
    """Send each again; what is taken is no dead letter any more. `report` hears of each, with the
    reason if it is refused once more. Raises ServerFault."""
    delivery = Delivery(engine, lambda _: None)
    last: UUID | None = None
    while letters := listed(engine, last):
        last = letters[-1].interaction_id
        outcome = delivery.deliver(
            [SpooledEvent(n, 0.0, letter.event) for n, letter in enumerate(letters)]
        )
        for spooled, error in outcome.rejected:
            report(letters[spooled.seq], reason_of(error))
        taken = [letters[spooled.seq] for spooled in outcome.accepted]
        # Only after the rows are committed: a replay that is broken off is done again.
        with engine.begin() as connection:
            wanted = [letter.interaction_id for letter in taken]
            connection.execute(
                delete(dead_letters).where(dead_letters.c.interaction_id.in_(wanted))
            )
        for letter in taken:
            report(letter, None)
