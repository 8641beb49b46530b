"""Writes down who did what by hand or on demand: erasures, purges, weights. Never an id of a
person, nor anything that one has said."""

import json
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, insert
from uuid6 import uuid7

from gateway.log.privacy_tables import audit

INTERNAL = "internal"  # whoever reaches the internal port


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
    hash, `session`, INTERNAL or `retention`; `subject`: a pseudonym or a session."""
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
