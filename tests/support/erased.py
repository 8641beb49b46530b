"""Somebody who is erased, for tests of events that come to the database afterwards."""

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Engine, select

from gateway.log import tombstones
from gateway.log.event import id_of
from gateway.log.schema.tables import interactions
from gateway.log.tombstones import Subject
from tests.support.events import event

WHO = Subject("public", "user", "0" * 32)


def erase(engine: Engine, *subjects: Subject, at: datetime | None = None) -> None:
    with engine.begin() as connection:
        tombstones.upsert(connection, subjects or [WHO], at or datetime.now(UTC))


def hers(question: str = "canary", **columns: Any) -> str:
    known = {"user_pseudonym": WHO.name, "question": question, "image_digest": "d" * 64}
    return event(**(known | {"client": "ios", "total_ms": 5.0} | columns))


def row(engine: Engine, text: str) -> dict[str, Any]:
    with engine.connect() as connection:
        query = select(interactions).where(interactions.c.interaction_id == id_of(text))
        return dict(connection.execute(query).mappings().one())
