"""The tables of canaries and of the weights of revisions. A gateway's account adds rows and changes
none: who decided what, on which figures, stays as it was written."""

from sqlalchemy import BigInteger, Column, Index, Integer, Table

from gateway.log.schema.columns import TABLE_OPTIONS, UtcTime, UuidBytes, ascii_text, code, utc_now
from gateway.log.schema.tables import metadata

# What was decided, one row each, numbered without gaps: of two gateways that decide at once the
# second finds its number taken. A canary is named by the number of its start. `details` is JSON.
canary_log = Table(
    "canary_log",
    metadata,
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("done_at", UtcTime, nullable=False, server_default=utc_now()),
    Column("actor", code(64), nullable=False),
    Column("action", code(32), nullable=False),
    Column("details", ascii_text(), nullable=False),
    **TABLE_OPTIONS,
)

# What happened at either revision in one stretch of a canary's time. `side`: baseline or canary.
# `requests` went to a replica, `failed` of them. `computed` were answered, or left after they had
# become slow, `slow` of them. `votes` were counted, `down` of them.
canary_figures = Table(
    "canary_figures",
    metadata,
    Column("canary", Integer, primary_key=True, autoincrement=False),
    Column("block", Integer, primary_key=True, autoincrement=False),
    Column("side", code(8), primary_key=True),
    Column("requests", Integer, nullable=False),
    Column("failed", Integer, nullable=False),
    Column("computed", Integer, nullable=False),
    Column("slow", Integer, nullable=False),
    Column("votes", Integer, nullable=False),
    Column("down", Integer, nullable=False),
    **TABLE_OPTIONS,
)

# Shares of callers, every version of them: the highest is in force. NULL: those of the settings.
revision_weights = Table(
    "revision_weights",
    metadata,
    Column("version", BigInteger, primary_key=True, autoincrement=False),
    Column("set_at", UtcTime, nullable=False, server_default=utc_now()),
    Column("weights", ascii_text()),
    **TABLE_OPTIONS,
)

# Answers that nobody asked for: computed by another revision because `source_key` was asked often.
# An erasure that forgets the source forgets them.
warmed_answers = Table(
    "warmed_answers",
    metadata,
    Column("warmed_id", UuidBytes, primary_key=True),
    Column("source_key", code(64), nullable=False),
    Column("answer_key", code(64), nullable=False),
    Column("model_revision", code(64), nullable=False),
    Column("image_digest", code(64), nullable=False),
    Column("warmed_at", UtcTime, nullable=False, server_default=utc_now()),
    Index(None, "source_key"),
    Index(None, "warmed_at"),
    **TABLE_OPTIONS,
)
