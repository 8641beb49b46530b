"""The tables of the roll-ups: counts and latencies by hour and by business day, made by `roll_up`
from the interactions. An empty text stands for NULL in an interaction."""

from sqlalchemy import BigInteger, Column, Date, Double, Index, Integer, Table, text

from gateway.log.schema.columns import (
    MODERATION_LENGTH,
    ROUTE_LENGTH,
    TABLE_OPTIONS,
    UtcTime,
    UuidBytes,
    code,
    daily_columns,
    words,
)
from gateway.log.schema.tables import metadata

# Business days of the configured zone, in UTC. Views join this table, so that no database has to
# know time zones.
business_days = Table(
    "business_days",
    metadata,
    Column("business_day", Date, primary_key=True),
    Column("starts_at", UtcTime, nullable=False),
    Column("ends_at", UtcTime, nullable=False),
    # Whole numbers and texts to compute with and to group by, since no two databases share a
    # function of dates. NULL in rows of older versions, until the calendar is filled again.
    Column("day_number", Integer),
    Column("month", code(7)),
    Column("week", code(8)),
    Column("weekday", Integer),
    # What a second of a model cost on that day.
    Column("model_second_cost", Double),
    Column("currency", code(3)),
    **TABLE_OPTIONS,
)

hourly_usage = Table(
    "hourly_usage",
    metadata,
    Column("starts_at", UtcTime, primary_key=True),
    Column("business_day", Date, nullable=False),
    Column("business_hour", Integer, nullable=False),
    Column("tenant", code(64), primary_key=True),
    Column("kind", code(16), primary_key=True),
    Column("route", code(ROUTE_LENGTH), primary_key=True),
    Column("outcome", code(16), primary_key=True),
    Column("error_code", code(32), primary_key=True),
    Column("cache", code(8), primary_key=True),
    Column("model_revision", code(64), primary_key=True),
    Column("requests", BigInteger, nullable=False),
    Column("total_ms", Double, nullable=False),
    # Of misses, however they ended: time from the request to a replica until the end of its answer.
    Column("model_ms", Double, nullable=False),
    Column("prompt_tokens", BigInteger, nullable=False),
    Column("completion_tokens", BigInteger, nullable=False),
    # The default is for a worker of the version before, which counts without it.
    Column("intent", code(16), primary_key=True, server_default=text("''")),
    **TABLE_OPTIONS,
)

# A histogram of the `total_ms` of answered requests. `up_to_ms` is one of `queries.BOUNDS_MS`.
hourly_latency = Table(
    "hourly_latency",
    metadata,
    Column("starts_at", UtcTime, primary_key=True),
    Column("business_day", Date, nullable=False),
    Column("tenant", code(64), primary_key=True),
    Column("kind", code(16), primary_key=True),
    Column("route", code(ROUTE_LENGTH), primary_key=True),
    Column("cache", code(8), primary_key=True),
    Column("model_revision", code(64), primary_key=True),
    Column("up_to_ms", Double, primary_key=True),
    Column("answers", BigInteger, nullable=False),
    Column("business_hour", Integer),
    **TABLE_OPTIONS,
)

# Counts of different users, photos and so on. They cannot be added up, neither over hours nor days.
daily_reach = Table(
    "daily_reach",
    metadata,
    *daily_columns(("users", "sessions", "photos", "questions")),
    **TABLE_OPTIONS,
)

# `different` counts pairs of question and photo, `by_asker` triples of question, photo and asker (a
# session or a user).
daily_repeats = Table(
    "daily_repeats", metadata, *daily_columns(("asks", "different", "by_asker")), **TABLE_OPTIONS
)

daily_topics = Table(
    "daily_topics",
    metadata,
    *daily_columns(("asks", "answered"), language=code(8), intent=code(16), client=code(16)),
    **TABLE_OPTIONS,
)

# The question's text is not here. `example_id` is the first interaction of the day that asked it;
# the text is lost when that row loses its content.
daily_questions = Table(
    "daily_questions",
    metadata,
    *daily_columns(
        ("asked", "answered", "from_cache", "photos", "sessions"), question_hash=code(32)
    ),
    Column("language", code(8)),
    Column("intent", code(16)),
    Column("example_id", UuidBytes, nullable=False),
    **TABLE_OPTIONS,
)

daily_photos = Table(
    "daily_photos",
    metadata,
    *daily_columns(("uploads", "asked", "questions", "sessions"), image_digest=code(64)),
    Column("image_format", code(8)),
    Column("image_width", Integer),
    Column("image_height", Integer),
    Index(None, "image_digest"),
    **TABLE_OPTIONS,
)

# Counts of sessions, and of users of callers without one. Each counts on each day on which it was
# active.
daily_funnel = Table(
    "daily_funnel",
    metadata,
    *daily_columns(
        ("sessions", "with_photo", "asked", "answered", "asked_again", "voted", "thumbs_up")
    ),
    **TABLE_OPTIONS,
)

# Visitors by the language of their first question of the day. `thumb_seconds`: the sum of the times
# from that question to the first thumb.
daily_first_questions = Table(
    "daily_first_questions",
    metadata,
    *daily_columns(("asked", "answered", "asked_again", "voted", "thumbs_up"), language=code(8)),
    Column("thumb_seconds", Double, nullable=False),
    **TABLE_OPTIONS,
)

# Of 0 days later: visitors of the day. Of 1 and 7: those of so many days before who came again.
daily_retention = Table(
    "daily_retention",
    metadata,
    *daily_columns(("visitors",), days_later=Integer()),
    **TABLE_OPTIONS,
)

# An empty intent is that of cards.
daily_products = Table(
    "daily_products",
    metadata,
    *daily_columns(
        ("cards", "asks", "answered", "photos"), product_kind=words(64), intent=code(16)
    ),
    **TABLE_OPTIONS,
)

# Answers that say what their photo does not show, and what moderation found, as in the rows.
daily_unseen = Table(
    "daily_unseen",
    metadata,
    *daily_columns(("answers",), cannot_see=code(64), intent=code(16)),
    **TABLE_OPTIONS,
)

daily_moderation = Table(
    "daily_moderation",
    metadata,
    *daily_columns(("requests",), moderation=code(MODERATION_LENGTH)),
    **TABLE_OPTIONS,
)

rollup_state = Table(
    "rollup_state",
    metadata,
    Column("name", code(16), primary_key=True),
    # By the database's clock: every row that had arrived by then is counted, or noted in
    # `rollup_due`.
    Column("seen_until", UtcTime, nullable=False),
    **TABLE_OPTIONS,
)

# Hours and days that have to be counted, see `pending_spans`.
rollup_due = Table(
    "rollup_due",
    metadata,
    Column("name", code(16), primary_key=True),
    Column("starts_at", UtcTime, primary_key=True),
    **TABLE_OPTIONS,
)
