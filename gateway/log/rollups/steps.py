"""Writes into the rows of a day which step of its session each one is. Not at the request: there it
would cost a look-up, and requests of one session may come by several gateways."""

from sqlalchemy import Connection, case, or_, update

from gateway.log.rollups.journeys import steps
from gateway.log.schema.tables import interactions

# Rows of one UPDATE, and of one transaction: some milliseconds.
BATCH_ROWS = 200

column = interactions.c
_STEPS = steps()


def fill_steps(connection: Connection, bound: dict[str, object]) -> None:
    """For the day that is bound as `begin` and `end`. Commits batch by batch; rows that say the
    right step already are not touched."""
    rows = connection.execute(_STEPS, bound).all()
    connection.commit()
    for start in range(0, len(rows), BATCH_ROWS):
        batch = rows[start : start + BATCH_ROWS]
        key = column.interaction_id
        # An erasure of meanwhile has emptied its rows: these stay empty.
        still = or_(column.session_id.is_not(None), column.user_pseudonym.is_not(None))
        step = case(*((key == row.interaction_id, row.step) for row in batch))
        seconds = case(*((key == row.interaction_id, row.seconds) for row in batch))
        connection.execute(
            update(interactions)
            .where(key.in_([row.interaction_id for row in batch]), still)
            .values(session_step=step, seconds_since_previous=seconds)
        )
        connection.commit()
