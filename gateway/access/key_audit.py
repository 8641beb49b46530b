"""Adds rows to the audit of keys and limits, in the transaction of what they tell."""

import getpass
import json
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, func, insert, select
from uuid6 import uuid7

from gateway.log.schema.access_tables import key_audit
from gateway.log.schema.columns import MYSQL

ACTOR_CHARS = 128
ROTATED = "key rotated"


def record(
    connection: Connection, action: str, *, tenant: str | None, subject: str | None, **details: Any
) -> None:
    row = {
        "audit_id": UUID(int=uuid7().int),
        "done_at": datetime.now(UTC),
        "actor": _actor(connection)[:ACTOR_CHARS],
        "action": action,
        "tenant": tenant,
        "subject": subject,
        "details": json.dumps(details),
    }
    connection.execute(insert(key_audit), row)


def rotated_into(connection: Connection, key_id: str) -> str | None:
    """The key that was made in the place of this one."""
    is_it = (key_audit.c.action == ROTATED) & (key_audit.c.subject == key_id)
    details = connection.scalar(select(key_audit.c.details).where(is_it))
    return None if details is None else str(json.loads(details)["into"])


def _actor(connection: Connection) -> str:
    """The account that the database knows; with SQLite the one of this machine."""
    if connection.dialect.name in MYSQL:
        return str(connection.scalar(select(func.current_user())))
    try:
        name = getpass.getuser()
    except (OSError, KeyError):  # a container's user without a name
        return "unnamed"
    return name if name.isascii() else "unnamed"
