"""Writes into the rows of a day which step of its session each one is. Not at the request: there it
would cost a look-up, and requests of one session may come by several gateways."""

from sqlalchemy import Connection, bindparam, or_, update

from gateway.log.rollups.journeys import steps
from gateway.log.schema.tables import interactions

# Rows of one transaction: some milliseconds.
BATCH_ROWS = 200

column = interactions.c
_STEPS = steps()
# An erasure of meanwhile has emptied its rows: these stay empty.
_STILL = or_(column.session_id.is_not(None), column.user_pseudonym.is_not(None))
_FILL = (
    update(interactions)
    .where(column.interaction_id == bindparam("key"), _STILL)
    .values(session_step=bindparam("step"), seconds_since_previous=bindparam("seconds"))
)


def fill_steps(connection: Connection, bound: dict[str, object]) -> None:
    """For the day that is bound as `begin` and `end`. Commits batch by batch; rows that say the
    right step already are not touched."""
    rows = connection.execute(_STEPS, bound).all()
    connection.commit()
    filled = [{"key": row.interaction_id, "step": row.step, "seconds": row.seconds} for row in rows]
    for start in range(0, len(filled), BATCH_ROWS):
        connection.execute(_FILL, filled[start : start + BATCH_ROWS])
        connection.commit()
