"""The types of the log's columns, the same on SQLite, MariaDB and MySQL. Tables use them; what a
migration makes is written down in migrations/, and a test compares the two."""

import uuid
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    BINARY,
    BigInteger,
    Column,
    Date,
    DateTime,
    Dialect,
    Double,
    LargeBinary,
    String,
    Text,
    TypeDecorator,
)
from sqlalchemy.dialects import mysql
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement
from sqlalchemy.types import TypeEngine

MYSQL = ("mysql", "mariadb")
MODERATION_LENGTH = 120
ROUTE_LENGTH = 48
TABLE_OPTIONS: dict[str, Any] = {
    f"{dialect}_{name}": value
    for dialect in MYSQL
    for name, value in (
        ("engine", "InnoDB"),
        ("charset", "utf8mb4"),
        ("collate", "utf8mb4_unicode_ci"),
    )
}


class UuidBytes(TypeDecorator[uuid.UUID]):
    """A UUID as its 16 bytes. UUIDs of version 7 then sort by time."""

    impl = LargeBinary
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> Any:
        binary = BINARY(16) if dialect.name in MYSQL else LargeBinary(16)
        return dialect.type_descriptor(binary)

    def process_bind_param(self, value: uuid.UUID | None, dialect: Dialect) -> bytes | None:
        return None if value is None else value.bytes

    def process_result_value(self, value: Any, dialect: Dialect) -> uuid.UUID | None:
        return None if value is None else uuid.UUID(bytes=bytes(value))


class UtcTime(TypeDecorator[datetime]):
    """A moment in UTC, to the millisecond. The column itself stores no time zone."""

    impl = DateTime
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> Any:
        if dialect.name in MYSQL:
            return dialect.type_descriptor(mysql.DATETIME(fsp=3))
        return dialect.type_descriptor(DateTime())

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        return None if value is None else value.astimezone(UTC).replace(tzinfo=None)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        return None if value is None else value.replace(tzinfo=UTC)


class utc_now(FunctionElement[datetime]):  # noqa: N801 - reads as SQL
    """The database's clock in UTC, to the millisecond, whatever the session's time zone is."""

    type = UtcTime()
    inherit_cache = True


@compiles(utc_now, "mysql")
@compiles(utc_now, "mariadb")
def _utc_now_mysql(*_: Any, **__: Any) -> str:
    return "(UTC_TIMESTAMP(3))"


@compiles(utc_now, "sqlite")
def _utc_now_sqlite(*_: Any, **__: Any) -> str:
    return "(STRFTIME('%Y-%m-%d %H:%M:%f000', 'now'))"  # as SQLAlchemy writes a DateTime there


class seconds_between(FunctionElement[float]):  # noqa: N801 - reads as SQL
    """Seconds from the first moment to the second one, to the millisecond."""

    type = Double()
    inherit_cache = True


@compiles(seconds_between, "mysql")
@compiles(seconds_between, "mariadb")
def _seconds_between_mysql(element: FunctionElement[float], compiler: Any, **kw: Any) -> str:
    earlier, later = (compiler.process(each, **kw) for each in element.clauses)
    return f"TIMESTAMPDIFF(MICROSECOND, {earlier}, {later}) / 1000000.0"


@compiles(seconds_between, "sqlite")
def _seconds_between_sqlite(element: FunctionElement[float], compiler: Any, **kw: Any) -> str:
    # A Julian day as a double is exact to 0.05 ms today.
    earlier, later = (compiler.process(each, **kw) for each in element.clauses)
    return f"ROUND((JULIANDAY({later}) - JULIANDAY({earlier})) * 86400, 3)"


def code(length: int) -> String:
    """A column for codes, digests and ids: ASCII, one byte per character, compared byte by byte."""
    plain = String(length)
    return plain.with_variant(mysql.VARCHAR(length, charset="ascii", collation="ascii_bin"), *MYSQL)


def words(length: int) -> String:
    """A column for a few words in any language, to group by: compared letter by letter, as SQLite
    does. To `utf8mb4_unicode_ci` all emoji are the same."""
    plain = String(length)
    exact = mysql.VARCHAR(length, charset="utf8mb4", collation="utf8mb4_bin")
    return plain.with_variant(exact, *MYSQL)


def unicode_text() -> Text:
    """A column for text in any language."""
    return Text().with_variant(
        mysql.TEXT(charset="utf8mb4", collation="utf8mb4_unicode_ci"), *MYSQL
    )


def ascii_text() -> Text:
    """A column for long JSON in ASCII, such as a whole event."""
    long = mysql.MEDIUMTEXT(charset="ascii", collation="ascii_bin")
    return Text().with_variant(long, *MYSQL)


def daily_columns(counts: Iterable[str], **keys: TypeEngine[Any]) -> list[Column[Any]]:
    """The columns of a daily roll-up: the primary key, then the counts."""
    key_types: Mapping[str, TypeEngine[Any]] = {"business_day": Date(), "tenant": code(64), **keys}
    return [
        *(
            Column(name, kind, primary_key=True, autoincrement=False)
            for name, kind in key_types.items()
        ),
        *(Column(name, BigInteger, nullable=False) for name in counts),
    ]
