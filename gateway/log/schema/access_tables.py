"""The tables of keys and limits. On a server a gateway's account may read `api_keys` and nothing of
`key_audit`: whoever takes a gateway over can neither make keys nor change who made them."""

from sqlalchemy import BigInteger, Column, Date, Double, Index, Integer, Table

from gateway.log.schema.columns import TABLE_OPTIONS, UtcTime, UuidBytes, ascii_text, code
from gateway.log.schema.tables import metadata

# `key_id` is the beginning of `key_hash`. `changes` counts the changes of a row: the sum over the
# table tells a gateway whether there is something new.
api_keys = Table(
    "api_keys",
    metadata,
    Column("key_id", code(16), primary_key=True),
    Column("key_hash", code(64), nullable=False),
    Column("tenant", code(64), nullable=False),
    Column("scopes", code(120), nullable=False),
    Column("created_at", UtcTime, nullable=False),
    Column("expires_at", UtcTime),
    Column("revoked_at", UtcTime),
    Column("changes", Integer, nullable=False),
    **TABLE_OPTIONS,
)

# Who did what to which key. `actor`: the account of the database, or of the machine with SQLite.
key_audit = Table(
    "key_audit",
    metadata,
    Column("audit_id", UuidBytes, primary_key=True),
    Column("done_at", UtcTime, nullable=False),
    Column("actor", code(128), nullable=False),
    Column("action", code(32), nullable=False),
    Column("tenant", code(64)),
    Column("subject", code(64)),
    Column("details", ascii_text(), nullable=False),
    Index(None, "done_at"),
    **TABLE_OPTIONS,
)

# What ops have set beside the settings. `value` is -1 for no limit, and NULL for the setting's.
# Rows are never deleted, so that `changes` only grows.
limits = Table(
    "limits",
    metadata,
    Column("kind", code(8), primary_key=True),
    Column("subject", code(64), primary_key=True),
    Column("name", code(32), primary_key=True),
    Column("value", Double),
    Column("changes", Integer, nullable=False),
    **TABLE_OPTIONS,
)

# What was used on a business day. `account`: `tenant:…`, `key:…`, or the keyed hash of an address
# or a session, which is another one each day.
daily_use = Table(
    "daily_use",
    metadata,
    Column("day", Date, primary_key=True),
    Column("account", code(80), primary_key=True),
    Column("tokens", BigInteger, nullable=False),
    Column("bytes", BigInteger, nullable=False),
    **TABLE_OPTIONS,
)
