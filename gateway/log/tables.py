"""The log's schema, the same on SQLite, MariaDB and MySQL. migrations/ creates it."""

import uuid
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    BINARY,
    Column,
    DateTime,
    Dialect,
    Double,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    TypeDecorator,
)
from sqlalchemy.dialects import mysql


class UuidBytes(TypeDecorator[uuid.UUID]):
    """A UUID as its 16 bytes: a version 7 then sorts by time, in 16 bytes of every index."""

    impl = LargeBinary
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> Any:
        binary = BINARY(16) if dialect.name in ("mysql", "mariadb") else LargeBinary(16)
        return dialect.type_descriptor(binary)

    def process_bind_param(self, value: uuid.UUID | None, dialect: Dialect) -> bytes | None:
        return None if value is None else value.bytes

    def process_result_value(self, value: Any, dialect: Dialect) -> uuid.UUID | None:
        return None if value is None else uuid.UUID(bytes=bytes(value))


class UtcTime(TypeDecorator[datetime]):
    """A moment in UTC to the millisecond; the column itself holds no zone."""

    impl = DateTime
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> Any:
        if dialect.name in ("mysql", "mariadb"):
            return dialect.type_descriptor(mysql.DATETIME(fsp=3))
        return dialect.type_descriptor(DateTime())

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        return None if value is None else value.astimezone(UTC).replace(tzinfo=None)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        return None if value is None else value.replace(tzinfo=UTC)


def _ascii(length: int) -> String:
    """Codes, digests and ids: compared byte by byte, one byte a character."""
    plain = String(length)
    return plain.with_variant(
        mysql.VARCHAR(length, charset="ascii", collation="ascii_bin"), "mysql", "mariadb"
    )


def _words() -> Text:
    """Text of people, any language."""
    return Text().with_variant(
        mysql.TEXT(charset="utf8mb4", collation="utf8mb4_unicode_ci"), "mysql", "mariadb"
    )


def _event() -> Text:
    """JSON in ASCII, longer than any column of the row that it was meant for."""
    return Text().with_variant(
        mysql.MEDIUMTEXT(charset="ascii", collation="ascii_bin"), "mysql", "mariadb"
    )


metadata = MetaData(
    naming_convention={"ix": "ix_%(table_name)s_%(column_0_name)s", "pk": "pk_%(table_name)s"}
)

interactions = Table(
    "interactions",
    metadata,
    Column("interaction_id", UuidBytes, primary_key=True),
    Column("parent_interaction_id", UuidBytes),
    Column("asked_at", UtcTime, nullable=False),
    Column("kind", _ascii(16), nullable=False),
    Column("tenant", _ascii(64), nullable=False),
    Column("user_pseudonym", _ascii(32)),
    Column("session_id", _ascii(32)),
    Column("request_id", _ascii(64), nullable=False),
    Column("image_digest", _ascii(64)),
    Column("image_format", _ascii(8)),
    Column("image_width", Integer),
    Column("image_height", Integer),
    Column("image_bytes", Integer),
    Column("question", _words()),
    Column("language", _ascii(8)),
    Column("answer", _words()),
    Column("outcome", _ascii(16), nullable=False),
    Column("error_code", _ascii(32)),
    Column("finish_reason", _ascii(16)),
    Column("cache", _ascii(8)),
    Column("model_revision", _ascii(64)),
    Column("prompt_tokens", Integer),
    Column("completion_tokens", Integer),
    Column("identify_ms", Double),
    Column("screen_ms", Double),
    Column("look_up_ms", Double),
    Column("first_text_ms", Double),
    Column("total_ms", Double, nullable=False),
    Index(None, "asked_at"),
    Index(None, "image_digest"),
    Index(None, "session_id"),
    mysql_engine="InnoDB",
    mysql_charset="utf8mb4",
    mysql_collate="utf8mb4_unicode_ci",
    mariadb_engine="InnoDB",
    mariadb_charset="utf8mb4",
    mariadb_collate="utf8mb4_unicode_ci",
)

# Events that the table above would not take, each as the JSON text that it was in the spool.
dead_letters = Table(
    "dead_letters",
    metadata,
    Column("interaction_id", UuidBytes, primary_key=True),
    Column("user_pseudonym", _ascii(32)),
    Column("died_at", UtcTime, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("reason", _words(), nullable=False),
    Column("event", _event(), nullable=False),
    Index(None, "user_pseudonym"),
    mysql_engine="InnoDB",
    mysql_charset="utf8mb4",
    mysql_collate="utf8mb4_unicode_ci",
    mariadb_engine="InnoDB",
    mariadb_charset="utf8mb4",
    mariadb_collate="utf8mb4_unicode_ci",
)
