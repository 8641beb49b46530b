"""Dead letters: events that the database has refused for good, each with the reason. Once the cause
is repaired, they can be sent again."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

from sqlalchemy import Connection, Engine, delete, func, insert, inspect, select

from gateway.log import tombstones
from gateway.log.event import BadEvent, id_of, pseudonym_of
from gateway.log.faults import Fault, fault_of, reason_of
from gateway.log.outbox.delivery import Delivery, ErasedMeanwhile
from gateway.log.outbox.spool import SpooledEvent
from gateway.log.redaction import fields_of
from gateway.log.schema.privacy_tables import tombstones as tombstones_table
from gateway.log.schema.tables import dead_letters

# Events of one batch of a replay.
REPLAY_ROWS = 500
EPOCH = datetime.fromtimestamp(0, UTC)


@dataclass(frozen=True)
class DeadLetter:
    interaction_id: UUID
    died_at: datetime
    reason: str
    event: str


def insert_dead_letter(
    engine: Engine, spooled: SpooledEvent, error: Exception, attempts: int
) -> None:
    """Store a refused event; one that is stored already is no error. Raises ErasedMeanwhile if the
    event's person was erased: the event must be delivered again, which redacts it."""
    row = {
        "interaction_id": id_of(spooled.event),
        "user_pseudonym": pseudonym_of(spooled.event),
        "died_at": datetime.now(UTC),
        "attempts": attempts,
        "reason": reason_of(error),
        "event": spooled.event,
    }
    has_tombstones = inspect(engine).has_table(tombstones_table.name)
    try:
        with engine.begin() as connection:
            connection.execute(insert(dead_letters), row)
            # Read after the insert, for the reason given in `Delivery._insert`.
            if has_tombstones and _is_erased(connection, spooled.event):
                raise ErasedMeanwhile
    except Exception as refused:
        if fault_of(refused) is not Fault.DUPLICATE:
            raise


def _is_erased(connection: Connection, event: str) -> bool:
    try:
        fields = fields_of(event)
    except BadEvent:
        return False
    return tombstones.read_since(connection, EPOCH).cover(fields)


def count(engine: Engine) -> int:
    with engine.connect() as connection:
        return connection.scalar(select(func.count()).select_from(dead_letters)) or 0


def read_page(
    engine: Engine, after: UUID | None = None, limit: int = REPLAY_ROWS
) -> list[DeadLetter]:
    """Up to `limit` dead letters with ids above `after`, in the order of their ids."""
    key = dead_letters.c.interaction_id
    query = select(key, dead_letters.c.died_at, dead_letters.c.reason, dead_letters.c.event)
    if after is not None:
        query = query.where(key > after)
    with engine.connect() as connection:
        return [DeadLetter(*row) for row in connection.execute(query.order_by(key).limit(limit))]


def replay(engine: Engine, report: Callable[[DeadLetter, str | None], None]) -> None:
    """Send all dead letters to the database again, and delete those that it accepts. `report` is
    called for each, with the reason if the database refuses it again. Raises ServerFault."""
    delivery = Delivery(engine, lambda _: None)
    last: UUID | None = None
    while letters := read_page(engine, last):
        last = letters[-1].interaction_id
        result = delivery.deliver(
            [SpooledEvent(n, 0.0, letter.event) for n, letter in enumerate(letters)]
        )
        for spooled, error in result.rejected:
            report(letters[spooled.seq], reason_of(error))
        accepted = [letters[spooled.seq] for spooled in result.accepted]
        # Deleted only after the rows are committed. A replay that is killed in between may be
        # repeated: it inserts no row twice.
        with engine.begin() as connection:
            ids = [letter.interaction_id for letter in accepted]
            connection.execute(delete(dead_letters).where(dead_letters.c.interaction_id.in_(ids)))
        for letter in accepted:
            report(letter, None)
