"""All of it: the log, its roll-ups, and the analysts' views, whose text is in 0001_views.sql."""

from pathlib import Path

from alembic import op
from sqlalchemy import Column

from migrations.columns import DAY, DOCUMENT, INTEGER, MOMENT, NUMBER, UUID, WORDS, code, counts
from migrations.months import by_month
from migrations.statements import create, now, view, views_of

revision = "0001"
down_revision = None

LOG = ("interactions", "images", "feedback", "votes", "quarantined_answers", "dead_letters")
PRIVACY = ("tombstones", "audit")
HOURLY = ("business_days", "hourly_usage", "hourly_latency", "rollup_state", "rollup_due")
DAILY = ("reach", "repeats", "topics", "questions", "photos", "funnel")
VIEWS = views_of(Path(__file__).with_name("0001_views.sql"))


def upgrade() -> None:
    create(
        "interactions",
        Column("interaction_id", UUID, primary_key=True),
        Column("parent_interaction_id", UUID),
        Column("asked_at", MOMENT, nullable=False),
        Column("kind", code(16), nullable=False),
        Column("tenant", code(64), nullable=False),
        Column("user_pseudonym", code(32)),
        Column("session_id", code(32)),
        Column("request_id", code(64), nullable=False),
        Column("image_digest", code(64)),
        Column("image_format", code(8)),
        Column("image_width", INTEGER),
        Column("image_height", INTEGER),
        Column("image_bytes", INTEGER),
        Column("question", WORDS),
        Column("language", code(8)),
        Column("answer", WORDS),
        Column("outcome", code(16), nullable=False),
        Column("error_code", code(32)),
        Column("finish_reason", code(16)),
        Column("cache", code(8)),
        Column("model_revision", code(64)),
        Column("prompt_tokens", INTEGER),
        Column("completion_tokens", INTEGER),
        Column("identify_ms", NUMBER),
        Column("screen_ms", NUMBER),
        Column("look_up_ms", NUMBER),
        Column("first_text_ms", NUMBER),
        Column("total_ms", NUMBER, nullable=False),
        Column("answer_key", code(64)),
        Column("route", code(48)),
        Column("client", code(16)),
        Column("question_hash", code(32)),
        Column("intent", code(16)),
        Column("moderation", code(120)),
        Column("replica", code(64)),
        Column("join_ms", NUMBER),
        Column("upstream_ms", NUMBER),
        Column("arrived_at", MOMENT, nullable=False, server_default=now()),
        index=("asked_at", "user_pseudonym", "session_id", "image_digest", "arrived_at"),
        partitions=by_month("interaction_id", ahead=3),
    )
    create(
        "images",
        Column("image_id", UUID, primary_key=True),
        Column("tenant", code(64), nullable=False),
        Column("session_id", code(32)),
        Column("image_digest", code(64), nullable=False),
        Column("image_format", code(8), nullable=False),
        Column("image_width", INTEGER, nullable=False),
        Column("image_height", INTEGER, nullable=False),
        Column("image_bytes", INTEGER, nullable=False),
        Column("created_at", MOMENT, nullable=False),
        Column("expires_at", MOMENT, nullable=False),
        Column("consent", code(16)),
        Column("user_pseudonym", code(32)),
        index=("session_id", "expires_at", "user_pseudonym"),
    )
    create(
        "feedback",
        Column("interaction_id", UUID, primary_key=True),
        Column("vote", code(8), nullable=False),
        Column("reason", WORDS),
        Column("created_at", MOMENT, nullable=False),
        Column("tenant", code(64), nullable=False),
        Column("user_pseudonym", code(32)),
        Column("session_id", code(32)),
        Column("answer_key", code(64)),
        index=("created_at", "user_pseudonym", "session_id", "answer_key"),
    )
    create(
        "votes",
        Column("vote_id", UUID, primary_key=True),
        Column("interaction_id", UUID, nullable=False),
        Column("vote", code(8), nullable=False),
        Column("reason", WORDS),
        Column("created_at", MOMENT, nullable=False),
        Column("tenant", code(64), nullable=False),
        Column("user_pseudonym", code(32)),
        Column("session_id", code(32)),
    )
    create(
        "quarantined_answers",
        Column("answer_key", code(64), primary_key=True),
        Column("attempt", INTEGER, nullable=False),
        Column("current_key", code(64), nullable=False),
        Column("tenant", code(64), nullable=False),
        Column("model_revision", code(64)),
        Column("changed_at", MOMENT, nullable=False),
        index=("current_key", "changed_at"),
    )
    create(
        "dead_letters",
        Column("interaction_id", UUID, primary_key=True),
        Column("user_pseudonym", code(32)),
        Column("died_at", MOMENT, nullable=False),
        Column("attempts", INTEGER, nullable=False),
        Column("reason", WORDS, nullable=False),
        Column("event", DOCUMENT, nullable=False),
        index=("user_pseudonym",),
    )
    create(
        "tombstones",
        Column("tenant", code(64), primary_key=True),
        Column("kind", code(8), primary_key=True),
        Column("subject", code(32), primary_key=True),
        Column("erased_at", MOMENT, nullable=False),
        index=("erased_at",),
    )
    create(
        "audit",
        Column("audit_id", UUID, primary_key=True),
        Column("done_at", MOMENT, nullable=False),
        Column("actor", code(64), nullable=False),
        Column("action", code(32), nullable=False),
        Column("tenant", code(64)),
        Column("subject", code(32)),
        Column("details", DOCUMENT, nullable=False),
        index=("done_at",),
    )
    create(
        "business_days",
        Column("business_day", DAY, primary_key=True),
        Column("starts_at", MOMENT, nullable=False),
        Column("ends_at", MOMENT, nullable=False),
    )
    create(
        "hourly_usage",
        Column("starts_at", MOMENT, primary_key=True),
        Column("business_day", DAY, nullable=False),
        Column("business_hour", INTEGER, nullable=False),
        Column("tenant", code(64), primary_key=True),
        Column("kind", code(16), primary_key=True),
        Column("route", code(48), primary_key=True),
        Column("outcome", code(16), primary_key=True),
        Column("error_code", code(32), primary_key=True),
        Column("cache", code(8), primary_key=True),
        Column("model_revision", code(64), primary_key=True),
        *counts("requests"),
        Column("total_ms", NUMBER, nullable=False),
        Column("model_ms", NUMBER, nullable=False),
        *counts("prompt_tokens", "completion_tokens"),
    )
    create(
        "hourly_latency",
        Column("starts_at", MOMENT, primary_key=True),
        Column("business_day", DAY, nullable=False),
        Column("tenant", code(64), primary_key=True),
        Column("kind", code(16), primary_key=True),
        Column("route", code(48), primary_key=True),
        Column("cache", code(8), primary_key=True),
        Column("model_revision", code(64), primary_key=True),
        Column("up_to_ms", NUMBER, primary_key=True),
        *counts("answers"),
    )
    create(
        "daily_reach",
        Column("business_day", DAY, primary_key=True),
        Column("tenant", code(64), primary_key=True),
        *counts("users", "sessions", "photos", "questions"),
    )
    create(
        "daily_repeats",
        Column("business_day", DAY, primary_key=True),
        Column("tenant", code(64), primary_key=True),
        *counts("asks", "different", "by_asker"),
    )
    create(
        "daily_topics",
        Column("business_day", DAY, primary_key=True),
        Column("tenant", code(64), primary_key=True),
        Column("language", code(8), primary_key=True),
        Column("intent", code(16), primary_key=True),
        Column("client", code(16), primary_key=True),
        *counts("asks", "answered"),
    )
    create(
        "daily_questions",
        Column("business_day", DAY, primary_key=True),
        Column("tenant", code(64), primary_key=True),
        Column("question_hash", code(32), primary_key=True),
        *counts("asked", "answered", "from_cache", "photos", "sessions"),
        Column("language", code(8)),
        Column("intent", code(16)),
        Column("example_id", UUID, nullable=False),
    )
    create(
        "daily_photos",
        Column("business_day", DAY, primary_key=True),
        Column("tenant", code(64), primary_key=True),
        Column("image_digest", code(64), primary_key=True),
        *counts("uploads", "asked", "questions", "sessions"),
        Column("image_format", code(8)),
        Column("image_width", INTEGER),
        Column("image_height", INTEGER),
        index=("image_digest",),
    )
    create(
        "daily_funnel",
        Column("business_day", DAY, primary_key=True),
        Column("tenant", code(64), primary_key=True),
        *counts("sessions", "with_photo", "asked", "answered", "asked_again", "voted", "thumbs_up"),
    )
    create(
        "rollup_state",
        Column("name", code(16), primary_key=True),
        Column("seen_until", MOMENT, nullable=False),
    )
    create(
        "rollup_due",
        Column("name", code(16), primary_key=True),
        Column("starts_at", MOMENT, primary_key=True),
    )
    for name, query in VIEWS.items():
        view(name, query)


def downgrade() -> None:
    for name in VIEWS:
        op.execute(f"DROP VIEW {name}")
    for name in (*LOG, *PRIVACY, *HOURLY, *(f"daily_{name}" for name in DAILY)):
        op.drop_table(name)
