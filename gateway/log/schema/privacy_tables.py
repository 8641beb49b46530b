"""The tables of tombstones and of the audit. An erasure does not touch them."""

from sqlalchemy import Column, Index, Table

from gateway.log.schema.columns import TABLE_OPTIONS, UtcTime, UuidBytes, ascii_text, code
from gateway.log.schema.tables import metadata

# Who was erased, and when. Events from before that moment are recorded without content or person,
# however late they reach the database.
tombstones = Table(
    "tombstones",
    metadata,
    Column("tenant", code(64), primary_key=True),
    Column("kind", code(8), primary_key=True),
    Column("subject", code(32), primary_key=True),
    Column("erased_at", UtcTime, nullable=False),
    Index(None, "erased_at"),
    **TABLE_OPTIONS,
)

# What was done by hand or on demand. `subject` is a pseudonym or a session, never the id of a
# person. `details` is JSON with numbers and our own names only.
audit = Table(
    "audit",
    metadata,
    Column("audit_id", UuidBytes, primary_key=True),
    Column("done_at", UtcTime, nullable=False),
    Column("actor", code(64), nullable=False),
    Column("action", code(32), nullable=False),
    Column("tenant", code(64)),
    Column("subject", code(32)),
    Column("details", ascii_text(), nullable=False),
    Index(None, "done_at"),
    **TABLE_OPTIONS,
)
