"""Column types for revisions, the same columns on SQLite, MariaDB and MySQL. A type that a revision
has used stays as it is: a change is a new type."""

import sqlalchemy as sa
from sqlalchemy.dialects import mysql
from sqlalchemy.types import TypeEngine

SERVERS = ("mysql", "mariadb")

DAY = sa.Date()
INTEGER = sa.Integer()
NUMBER = sa.Double()
# A UUID as its 16 bytes.
UUID = sa.LargeBinary().with_variant(sa.BINARY(16), *SERVERS)
# A moment in UTC to the millisecond.
MOMENT = sa.DateTime().with_variant(mysql.DATETIME(fsp=3), *SERVERS)
# Text of people, any language.
WORDS = sa.Text().with_variant(
    mysql.TEXT(charset="utf8mb4", collation="utf8mb4_unicode_ci"), *SERVERS
)
# JSON in ASCII, longer than any column of the row that it is about.
DOCUMENT = sa.Text().with_variant(
    mysql.MEDIUMTEXT(charset="ascii", collation="ascii_bin"), *SERVERS
)


def code(length: int) -> TypeEngine[str]:
    """Codes, digests and ids: compared byte by byte, one byte a character."""
    of_a_server = mysql.VARCHAR(length, charset="ascii", collation="ascii_bin")
    return sa.String(length).with_variant(of_a_server, *SERVERS)


def words(length: int) -> TypeEngine[str]:
    """A few words in any language, to group by."""
    of_a_server = mysql.VARCHAR(length, charset="utf8mb4", collation="utf8mb4_unicode_ci")
    return sa.String(length).with_variant(of_a_server, *SERVERS)


def exact_words(length: int) -> TypeEngine[str]:
    """The same, compared letter by letter."""
    of_a_server = mysql.VARCHAR(length, charset="utf8mb4", collation="utf8mb4_bin")
    return sa.String(length).with_variant(of_a_server, *SERVERS)


def counts(*names: str) -> list[sa.Column[int]]:
    """How many, never absent."""
    return [sa.Column(name, sa.BigInteger(), nullable=False) for name in names]
