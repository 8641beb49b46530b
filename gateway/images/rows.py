"""The rows of uploads. An owner has one row and one file of a photo: who uploads it again gets the
same id, for as long again."""

import hashlib
import uuid
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, insert, select, update

from gateway.log.schema.tables import images

column = images.c


def owner_digest(tenant: str, session: str | None, pseudonym: str | None, image: str) -> str:
    """Of a photo and whose it is. Parts are told apart by their lengths."""
    hasher = hashlib.sha256()
    for part in (tenant, session or "", pseudonym or "", image):
        hasher.update(f"{len(part)}:{part}".encode())
    return hasher.hexdigest()


def renew(
    connection: Connection, digest: str, asked_at: datetime, expires_at: datetime, consent: Any
) -> Row[Any] | None:
    """The owner's row of that photo, as of this later upload; None where there is none. Consent is
    what both uploads have given: a refusal counts more."""
    is_it = column.owner_digest == digest
    row = connection.execute(select(images).where(is_it).with_for_update()).first()
    if row is None:
        return None
    values = {
        # Never back in time: an erasure of meanwhile has to see the later one.
        "created_at": max(row.created_at, asked_at),
        "expires_at": max(row.expires_at, expires_at),
        "consent": consent if row.consent == consent else None,
    }
    connection.execute(update(images).where(is_it).values(values))
    return connection.execute(select(images).where(is_it)).first()


def add(connection: Connection, key: uuid.UUID, digest: str, **values: Any) -> None:
    """Raises IntegrityError where another upload of the same was faster."""
    connection.execute(insert(images), {"image_id": key, "owner_digest": digest, **values})


def take(connection: Connection, which: ColumnElement[bool], limit: int) -> list[uuid.UUID]:
    """Up to `limit` rows that are about to be deleted with their files. From then on none is found
    by its owner: who uploads the photo again gets a new one, whose file nobody deletes."""
    keys = list(connection.scalars(select(column.image_id).where(which).limit(limit)))
    own = column.image_id.in_(keys)
    connection.execute(update(images).where(own, which).values(owner_digest=None))
    return list(
        connection.scalars(select(column.image_id).where(own, column.owner_digest.is_(None)))
    )


def of(connection: Connection, key: uuid.UUID) -> Row[Any] | None:
    return connection.execute(select(images).where(column.image_id == key)).first()


def of_photo(connection: Connection, tenant: str, digest: str, now: datetime) -> Row[Any] | None:
    """The upload of a photo that is kept the longest, whoever's it is."""
    is_it = (column.image_digest == digest, column.tenant == tenant, column.expires_at > now)
    query = select(images).where(*is_it).order_by(column.expires_at.desc()).limit(1)
    return connection.execute(query).first()
