"""The tables of the log, the same on SQLite, MariaDB and MySQL. migrations/ creates them."""

from sqlalchemy import Column, Double, Index, Integer, MetaData, Table

from gateway.log.schema.columns import (
    MODERATION_LENGTH,
    ROUTE_LENGTH,
    TABLE_OPTIONS,
    UtcTime,
    UuidBytes,
    ascii_text,
    code,
    unicode_text,
    utc_now,
    words,
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
    Column("kind", code(16), nullable=False),
    Column("tenant", code(64), nullable=False),
    Column("user_pseudonym", code(32)),
    Column("session_id", code(32)),
    Column("request_id", code(64), nullable=False),
    Column("image_digest", code(64)),
    Column("image_format", code(8)),
    Column("image_width", Integer),
    Column("image_height", Integer),
    Column("image_bytes", Integer),
    Column("question", unicode_text()),
    Column("language", code(8)),
    Column("answer", unicode_text()),
    Column("outcome", code(16), nullable=False),
    Column("error_code", code(32)),
    Column("finish_reason", code(16)),
    Column("cache", code(8)),
    Column("model_revision", code(64)),
    Column("prompt_tokens", Integer),
    Column("completion_tokens", Integer),
    Column("identify_ms", Double),
    Column("screen_ms", Double),
    Column("look_up_ms", Double),
    Column("first_text_ms", Double),
    Column("total_ms", Double, nullable=False),
    Column("answer_key", code(64)),
    Column("route", code(ROUTE_LENGTH)),
    Column("client", code(16)),
    Column("question_hash", code(32)),
    Column("intent", code(16)),
    Column("moderation", code(MODERATION_LENGTH)),
    Column("replica", code(64)),
    Column("join_ms", Double),
    Column("upstream_ms", Double),
    # By the database's clock: roll-ups find by it the rows that they have not counted yet.
    Column("arrived_at", UtcTime, nullable=False, server_default=utc_now()),
    # Of a card: its category as the model wrote it. Of a match: the score that was given.
    Column("product_kind", words(64)),
    Column("match_score", Double),
    # How the question came: `typed`, `suggested`, `api` or `batch`.
    Column("source", code(16)),
    # Of the conversation: the user's turns, and the photos in it.
    Column("turns", Integer),
    Column("photos", Integer),
    Column("prompt_version", code(16)),
    # What the answer says that the photo does not show, comma-separated.
    Column("cannot_see", code(64)),
    # Filled in by the roll-up of a day, see `rollups.steps`.
    Column("session_step", Integer),
    Column("seconds_since_previous", Double),
    Index(None, "asked_at"),
    Index(None, "arrived_at"),
    Index(None, "image_digest"),
    Index(None, "session_id"),
    Index(None, "user_pseudonym"),
    # By it an erasure finds whether others were given an answer, too.
    Index(None, "answer_key"),
    **TABLE_OPTIONS,
)

images = Table(
    "images",
    metadata,
    Column("image_id", UuidBytes, primary_key=True),
    Column("tenant", code(64), nullable=False),
    Column("session_id", code(32)),
    Column("image_digest", code(64), nullable=False),
    Column("image_format", code(8), nullable=False),
    Column("image_width", Integer, nullable=False),
    Column("image_height", Integer, nullable=False),
    Column("image_bytes", Integer, nullable=False),
    Column("created_at", UtcTime, nullable=False),
    Column("expires_at", UtcTime, nullable=False),
    Column("consent", code(16)),
    Column("user_pseudonym", code(32)),
    # Of the photo and whose it is; NULL in rows of older versions.
    Column("owner_digest", code(64)),
    Index(None, "tenant"),
    Index(None, "image_digest"),
    Index(None, "owner_digest", unique=True),
    Index(None, "expires_at"),
    Index(None, "session_id"),
    Index(None, "user_pseudonym"),
    **TABLE_OPTIONS,
)

# The vote on an interaction: one per interaction, the last one counts. There is no foreign key,
# because partitioned tables allow none, and a vote may arrive before its interaction's row.
feedback = Table(
    "feedback",
    metadata,
    Column("interaction_id", UuidBytes, primary_key=True),
    Column("vote", code(8), nullable=False),
    Column("reason", unicode_text()),
    Column("created_at", UtcTime, nullable=False),
    Column("tenant", code(64), nullable=False),
    Column("user_pseudonym", code(32)),
    Column("session_id", code(32)),
    Column("answer_key", code(64)),
    Index(None, "created_at"),
    Index(None, "user_pseudonym"),
    Index(None, "session_id"),
    Index(None, "answer_key"),
    **TABLE_OPTIONS,
)

# Votes that are not counted yet, each under the id of its own event. A vote waits for the row of
# its interaction, which tells who asked. Then it moves to `feedback`, or is deleted.
votes = Table(
    "votes",
    metadata,
    Column("vote_id", UuidBytes, primary_key=True),
    Column("interaction_id", UuidBytes, nullable=False),
    Column("vote", code(8), nullable=False),
    Column("reason", unicode_text()),
    Column("created_at", UtcTime, nullable=False),
    Column("tenant", code(64), nullable=False),
    Column("user_pseudonym", code(32)),
    Column("session_id", code(32)),
    **TABLE_OPTIONS,
)

# Cached answers that were voted down. `answer_key` is the key of attempt 0, `attempt` the current
# attempt of its question, `current_key` the key of that attempt. Whoever deletes a row lifts the
# quarantine.
quarantined_answers = Table(
    "quarantined_answers",
    metadata,
    Column("answer_key", code(64), primary_key=True),
    Column("attempt", Integer, nullable=False),
    Column("current_key", code(64), nullable=False),
    Column("tenant", code(64), nullable=False),
    Column("model_revision", code(64)),
    Column("changed_at", UtcTime, nullable=False),
    Index(None, "current_key"),
    Index(None, "changed_at"),
    **TABLE_OPTIONS,
)

# Events that the database refused to insert, each as the JSON text from the spool.
dead_letters = Table(
    "dead_letters",
    metadata,
    Column("interaction_id", UuidBytes, primary_key=True),
    Column("user_pseudonym", code(32)),
    Column("died_at", UtcTime, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("reason", unicode_text(), nullable=False),
    Column("event", ascii_text(), nullable=False),
    Index(None, "user_pseudonym"),
    **TABLE_OPTIONS,
)
