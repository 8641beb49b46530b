"""The tables of the batch lane: files, batches, their lines. The bytes of files are in a folder."""

from sqlalchemy import BigInteger, Column, Index, Integer, Table

from gateway.log.schema.columns import (
    TABLE_OPTIONS,
    UtcTime,
    UuidBytes,
    ascii_text,
    code,
    unicode_text,
)
from gateway.log.schema.tables import metadata

# What a tenant has uploaded, and what its batches have written.
files = Table(
    "files",
    metadata,
    Column("file_id", UuidBytes, primary_key=True),
    Column("tenant", code(64), nullable=False),
    Column("purpose", code(16), nullable=False),
    Column("name", unicode_text(), nullable=False),
    Column("bytes", BigInteger, nullable=False),
    Column("created_at", UtcTime, nullable=False),
    Column("expires_at", UtcTime, nullable=False),
    Index(None, "tenant"),
    Index(None, "expires_at"),
    **TABLE_OPTIONS,
)

# States of batches that are still to be worked on.
OPEN = ("validating", "in_progress", "finalizing", "cancelling")

# `batch_id` is the interaction of the request that made it. `total`, `completed` and `failed` count
# lines. `labels` is the client's metadata, `errors` what is wrong with its file, both as JSON.
# Whoever works on the batch as a whole holds its lease: `fence` counts leases. `request_digest`
# finds the batch of a request with an Idempotency-Key that is sent again.
batches = Table(
    "batches",
    metadata,
    Column("batch_id", UuidBytes, primary_key=True),
    Column("tenant", code(64), nullable=False),
    Column("key_id", code(16), nullable=False),
    Column("endpoint", code(48), nullable=False),
    Column("status", code(16), nullable=False),
    Column("input_file_id", UuidBytes, nullable=False),
    Column("output_file_id", UuidBytes),
    Column("error_file_id", UuidBytes),
    Column("created_at", UtcTime, nullable=False),
    Column("expires_at", UtcTime, nullable=False),
    Column("in_progress_at", UtcTime),
    Column("finalizing_at", UtcTime),
    Column("completed_at", UtcTime),
    Column("failed_at", UtcTime),
    Column("expired_at", UtcTime),
    Column("cancelling_at", UtcTime),
    Column("cancelled_at", UtcTime),
    Column("total", Integer, nullable=False),
    Column("completed", Integer, nullable=False),
    Column("failed", Integer, nullable=False),
    Column("labels", ascii_text()),
    Column("errors", ascii_text()),
    Column("output_ttl_s", Integer, nullable=False),
    Column("fence", Integer, nullable=False),
    Column("leased_until", UtcTime, nullable=False),
    Column("request_digest", code(64)),
    Index(None, "tenant"),
    Index(None, "status"),
    Index(None, "request_digest", unique=True),
    Index(None, "input_file_id"),
    **TABLE_OPTIONS,
)

# Lines that are still to be done. A line that is done leaves this table and enters `batch_results`,
# in one transaction. `place` is its turn: lines about the same photo stand together. `number`,
# `position` and `length` say where it is in the file; `fence` counts its leases.
batch_lines = Table(
    "batch_lines",
    metadata,
    Column("batch_id", UuidBytes, primary_key=True),
    Column("place", Integer, primary_key=True, autoincrement=False),
    Column("number", Integer, nullable=False),
    Column("custom_id", unicode_text(), nullable=False),
    Column("position", BigInteger, nullable=False),
    Column("length", Integer, nullable=False),
    Column("user_pseudonym", code(32)),
    Column("due_at", UtcTime, nullable=False),
    Column("leased_until", UtcTime, nullable=False),
    Column("fence", Integer, nullable=False),
    Column("tries", Integer, nullable=False),
    Index(None, "user_pseudonym"),
    **TABLE_OPTIONS,
)

# Lines that are done. `outcome`: completed, failed, expired, cancelled or erased. `result` is the
# line of the file that the batch writes at its end, and NULL from then on.
batch_results = Table(
    "batch_results",
    metadata,
    Column("batch_id", UuidBytes, primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("custom_id", unicode_text()),
    Column("outcome", code(16), nullable=False),
    Column("result", ascii_text()),
    Column("user_pseudonym", code(32)),
    Index(None, "user_pseudonym"),
    **TABLE_OPTIONS,
)
