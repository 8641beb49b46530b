"""The table of API keys. Only hashes of keys are in it. What changes it also tells the audit, in
the same transaction."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Engine, Row, func, insert, select, update

from gateway.access.key_audit import ROTATED, record, rotated_into
from gateway.access.limit_table import copy_limits
from gateway.identity.keys import ApiKey, hash_key, new_key
from gateway.identity.scopes import checked_scopes, checked_tenant, listed
from gateway.log.schema.access_tables import api_keys

column = api_keys.c


class UnknownKeyError(LookupError):
    """No key in the table has this id."""


@dataclass(frozen=True)
class MadeKey:
    id: str
    key: str
    """The key itself, which is stored nowhere."""


@dataclass(frozen=True)
class KeyRows:
    in_force: list[ApiKey]
    """Expired ones among them: each request looks at the time."""
    revoked: list[str]
    """Hashes."""


def read_version(connection: Connection) -> tuple[int, int]:
    """Changes with every change of the table."""
    query = select(func.count(), func.coalesce(func.sum(column.changes), 0)).select_from(api_keys)
    rows, changes = connection.execute(query).one()
    return int(rows), int(changes)


def read_keys(connection: Connection) -> KeyRows:
    in_force, revoked = [], []
    for row in connection.execute(select(api_keys)):
        if row.revoked_at is not None:
            revoked.append(row.key_hash)
            continue
        scopes = frozenset(row.scopes.split(","))
        never = float("inf")
        expires_at = row.expires_at.timestamp() if row.expires_at is not None else never
        in_force.append(ApiKey(row.key_hash, row.tenant, scopes, expires_at))
    return KeyRows(in_force, revoked)


def list_keys(engine: Engine, tenant: str | None = None) -> Sequence[Row[Any]]:
    """All rows, the oldest first."""
    query = select(api_keys).order_by(column.created_at)
    if tenant is not None:
        query = query.where(column.tenant == tenant)
    with engine.connect() as connection:
        return connection.execute(query).all()


def create_key(
    engine: Engine, tenant: str, scopes: frozenset[str], expires_at: datetime | None
) -> MadeKey:
    """Raises ValueError for a tenant that may not be."""
    checked_tenant(tenant)
    checked_scopes(",".join(scopes))
    with engine.begin() as connection:
        made = _insert(connection, tenant, listed(scopes), expires_at)
        record(
            connection,
            "key created",
            tenant=tenant,
            subject=made.id,
            scopes=listed(scopes),
            expires_at=expires_at.isoformat() if expires_at else None,
        )
    return made


def revoke_key(engine: Engine, key_id: str) -> None:
    """From now on the key is unknown. Raises UnknownKeyError; a revoked key may be named again."""
    with engine.begin() as connection:
        row = _row(connection, key_id)
        if row.revoked_at is None:
            _change(connection, row, revoked_at=datetime.now(UTC))
            record(connection, "key revoked", tenant=row.tenant, subject=key_id)


def rotate_key(engine: Engine, key_id: str, grace: timedelta) -> MadeKey:
    """Another key with the same tenant, scopes, expiry and limits. The old one expires after
    `grace`. Raises UnknownKeyError, also for a key that is revoked or has expired, and ValueError
    for one that was rotated already: its end is that of its grace, and the next one's is not."""
    now = datetime.now(UTC)
    with engine.begin() as connection:
        row = _row(connection, key_id)
        if row.revoked_at is not None or (row.expires_at is not None and row.expires_at <= now):
            raise UnknownKeyError(key_id)
        if (into := rotated_into(connection, key_id)) is not None:
            raise ValueError(
                f"{key_id} was rotated into {into} already: {_instead(connection, into)}"
            )
        made = _insert(connection, row.tenant, row.scopes, row.expires_at)
        copy_limits(connection, f"key:{key_id}", f"key:{made.id}")
        ends_at = min(filter(None, (row.expires_at, now + grace)))
        _change(connection, row, expires_at=ends_at)
        details = {"into": made.id, "expires_at": ends_at.isoformat()}
        record(connection, ROTATED, tenant=row.tenant, subject=key_id, **details)
    return made


def _insert(
    connection: Connection, tenant: str, scopes: str, expires_at: datetime | None
) -> MadeKey:
    key = new_key()
    hashed = hash_key(key)
    key_id = ApiKey(hashed, tenant).id
    row = {
        "key_id": key_id,
        "key_hash": hashed,
        "tenant": tenant,
        "scopes": scopes,
        "created_at": datetime.now(UTC),
        "expires_at": expires_at,
        "changes": 1,
    }
    connection.execute(insert(api_keys), row)
    return MadeKey(key_id, key)


def _instead(connection: Connection, into: str) -> str:
    """What is done in place of rotating a key again."""
    there = select(column.key_id).where(column.key_id == into, column.revoked_at.is_(None))
    if connection.execute(there).first() is not None:
        return "rotate that one"
    return "that one is gone, so make another with `shopsight keys create`"


def _row(connection: Connection, key_id: str) -> Row[Any]:
    row = connection.execute(
        select(api_keys).where(column.key_id == key_id).with_for_update()
    ).first()
    if row is None:
        raise UnknownKeyError(key_id)
    return row


def _change(connection: Connection, row: Row[Any], **values: Any) -> None:
    change = update(api_keys).where(column.key_id == row.key_id)
    connection.execute(change.values(changes=column.changes + 1, **values))
