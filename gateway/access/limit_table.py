"""The table of limits that ops set for a tenant or a key. What changes it also tells the audit."""

import math
from collections.abc import Mapping

from sqlalchemy import Connection, Engine, func, insert, select, update

from gateway.access.key_audit import record
from gateway.limits.limits import NAMES, checked
from gateway.log.schema.access_tables import limits

KINDS = ("tenant", "batch", "key")
column = limits.c
# NULL is the setting's own value, so infinity needs a number.
NO_LIMIT = -1.0


def read_version(connection: Connection) -> tuple[int, int]:
    """Changes with every change of the table."""
    query = select(func.count(), func.coalesce(func.sum(column.changes), 0)).select_from(limits)
    rows, changes = connection.execute(query).one()
    return int(rows), int(changes)


def read_overrides(connection: Connection) -> dict[str, dict[str, float]]:
    """By `tenant:acme`, `batch:acme` or `key:…`, then by the limit's name."""
    found: dict[str, dict[str, float]] = {}
    for row in connection.execute(select(limits).where(column.value.is_not(None))):
        if row.name in NAMES:  # a newer version may have others
            value = math.inf if row.value < 0 else row.value
            found.setdefault(f"{row.kind}:{row.subject}", {})[row.name] = value
    return found


def copy_limits(connection: Connection, subject: str, to: str) -> None:
    """For a subject that has none yet."""
    kind, _, name = subject.partition(":")
    which = (column.kind == kind) & (column.subject == name) & column.value.is_not(None)
    rows = connection.execute(select(limits).where(which)).mappings().all()
    if rows:
        new = {"subject": to.partition(":")[2], "changes": 1}
        connection.execute(insert(limits), [{**row, **new} for row in rows])


def set_limits(engine: Engine, subject: str, values: Mapping[str, float | None]) -> None:
    """`subject`: `tenant:acme`, `batch:acme` or `key:0123456789ab`. None: back to the setting.
    Raises ValueError."""
    kind, _, name = subject.partition(":")
    if kind not in KINDS or not name or len(name) > 64 or not name.isascii():
        raise ValueError("limits are those of tenant:NAME, of batch:TENANT or of key:ID")
    for limit, value in values.items():
        if value is not None:
            checked(limit, value)
    with engine.begin() as connection:
        for limit, value in values.items():
            stored = NO_LIMIT if value == math.inf else value
            which = (column.kind == kind, column.subject == name, column.name == limit)
            change = update(limits).where(*which)
            changed = {"value": stored, "changes": column.changes + 1}
            if not connection.execute(change.values(changed)).rowcount:
                row = {"kind": kind, "subject": name, "name": limit, "value": stored, "changes": 1}
                connection.execute(insert(limits), row)
        details = {limit: str(value) for limit, value in values.items()}
        tenant = name if kind != "key" else None
        record(connection, "limits set", tenant=tenant, subject=subject[:64], **details)
