"""The audit table: who did what by hand or on demand, such as erasures, purges and weights. It
never holds the id of a person, nor anything that a person said."""

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

INTERNAL = "internal"  # whoever reaches the administration
FORWARDER = "forwarder"


def insert_row(
    connection: Connection,
    actor: str,
    action: str,
    *,
    tenant: str | None = None,
    subject: str | None = None,
    **details: Any,
) -> None:
    """Add one row in the caller's transaction. `actor` is `key:` and the first digits of an API
    key's hash, `session`, INTERNAL or FORWARDER. `subject` is a pseudonym or a session."""
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
    """Adds rows in a transaction of their own. A row that cannot be written becomes a line of the
    log file: it does not stop what ops are doing."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def add(self, actor: str, action: str, **details: Any) -> None:
        try:
            with self._engine.begin() as connection:
                insert_row(connection, actor, action, **details)
        except SQLAlchemyError as error:
            fields = {"action": action, "actor": actor, "why": type(error).__name__, **details}
            log.error("audit entry not written", extra={"fields": fields})

    async def add_internal(self, action: str, **details: Any) -> None:
        """Add a row about somebody at the administration."""
        await asyncio.to_thread(self.add, INTERNAL, action, **details)
