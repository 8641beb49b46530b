"""Writes down who did what by hand or on demand: erasures, purges, weights. Never an id of a
person, nor anything that one has said."""

import asyncio
import json
import logging
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Engine, insert
from sqlalchemy.exc import SQLAlchemyError
from uuid6 import uuid7

from gateway.log.schema.privacy_tables import audit

log = logging.getLogger(__name__)

INTERNAL = "internal"  # whoever reaches the internal port
FORWARDER = "forwarder"


def note(
    connection: Connection,
    actor: str,
    action: str,
    *,
    tenant: str | None = None,
    subject: str | None = None,
    **details: Any,
) -> None:
    """One entry, in the caller's transaction. `actor`: `key:` and the first digits of an API key's
    hash, `session`, INTERNAL or FORWARDER; `subject`: a pseudonym or a session."""
    row = {
        "audit_id": UUID(int=uuid7().int),
        "done_at": datetime.now(UTC),
        "actor": actor,
        "action": action,
        "tenant": tenant,
        "subject": subject,
        "details": json.dumps(details),
    }
    connection.execute(insert(audit), row)


class Audit:
    """Entries of their own transaction. One that cannot be written is a line of the log file, and
    does not keep ops from what they are doing."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def add(self, actor: str, action: str, **entry: Any) -> None:
        try:
            with self._engine.begin() as connection:
                note(connection, actor, action, **entry)
        except SQLAlchemyError as error:
            fields = {"action": action, "actor": actor, "why": type(error).__name__, **entry}
            log.error("audit entry not written", extra={"fields": fields})

    async def acted(self, action: str, **entry: Any) -> None:
        """By somebody at the internal port."""
        await asyncio.to_thread(self.add, INTERNAL, action, **entry)
