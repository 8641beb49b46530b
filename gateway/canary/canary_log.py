"""The log of canaries: who decided what, on which figures. Rows are added and never changed."""

import json
from typing import Any

from sqlalchemy import Engine, func, insert, select
from sqlalchemy.exc import IntegrityError

from gateway.canary.record import Action, Canary, Entry, newest_canary
from gateway.log.schema.canary_tables import canary_log

column = canary_log.c


class DecidedElsewhereError(Exception):
    """Another gateway, or another person, has decided something meanwhile."""


def read_newest(engine: Engine) -> Canary | None:
    """Raises SQLAlchemyError."""
    start = select(func.max(column.number)).where(column.action == "started").scalar_subquery()
    query = select(canary_log).where(column.number >= start).order_by(column.number)
    with engine.connect() as connection:
        rows = connection.execute(query).all()
    return newest_canary(
        [
            Entry(row.number, row.done_at, row.actor, row.action, json.loads(row.details))
            for row in rows
        ]
    )


def append(
    engine: Engine, after: Canary | None, actor: str, action: Action, **details: Any
) -> None:
    """Add a row behind `after.last`, which is what the decision was made on. Raises
    DecidedElsewhereError if there is a row behind it already, and SQLAlchemyError."""
    row = {
        "number": (after.last if after is not None else 0) + 1,
        "actor": actor,
        "action": action,
        "details": json.dumps(details),
    }
    try:
        with engine.begin() as connection:
            connection.execute(insert(canary_log), row)
    except IntegrityError:
        raise DecidedElsewhereError from None
