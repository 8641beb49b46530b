"""How questions come and what follows them: columns of interactions, roll-ups by product, language
and day of return, and what model time costs. Each step may be run again after a migration that was
killed, and a worker of the version before goes on counting meanwhile."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from alembic import op
from sqlalchemy import Column, inspect, text

from migrations.columns import DAY, INTEGER, MOMENT, NUMBER, SERVERS, code, counts, words
from migrations.statements import alter, create, undo_alter, view, views_of

revision = "0008"
down_revision = "0007"

OLD_VIEWS = views_of(Path(__file__).with_name("0001_views.sql"))
VIEWS = views_of(Path(__file__).with_name("0008_views.sql"))
NEW_TABLES = (
    *("daily_first_questions", "daily_retention", "daily_products"),
    *("daily_unseen", "daily_moderation"),
)
OF_A_DAY = ("day_number", "month", "week", "weekday", "model_second_cost", "currency")
USAGE_KEY = (
    *("starts_at", "tenant", "kind", "route", "outcome", "error_code", "cache"),
    "model_revision",
)
SUMS = ("requests", "total_ms", "model_ms", "prompt_tokens", "completion_tokens")


def upgrade() -> None:
    _add(
        "interactions",
        Column("source", code(16)),
        Column("turns", INTEGER),
        Column("photos", INTEGER),
        Column("prompt_version", code(16)),
        Column("cannot_see", code(64)),
        Column("session_step", INTEGER),
        Column("seconds_since_previous", NUMBER),
    )
    _add(
        "business_days",
        Column("day_number", INTEGER),
        Column("month", code(7)),
        Column("week", code(8)),
        Column("weekday", INTEGER),
        Column("model_second_cost", NUMBER),
        Column("currency", code(3)),
    )
    _add("hourly_latency", Column("business_hour", INTEGER))
    _intent_into_usage()
    create(
        "daily_first_questions",
        Column("business_day", DAY, primary_key=True),
        Column("tenant", code(64), primary_key=True),
        Column("language", code(8), primary_key=True),
        *counts("asked", "answered", "asked_again", "voted", "thumbs_up"),
        Column("thumb_seconds", NUMBER, nullable=False),
    )
    create(
        "daily_retention",
        Column("business_day", DAY, primary_key=True),
        Column("tenant", code(64), primary_key=True),
        Column("days_later", INTEGER, primary_key=True, autoincrement=False),
        *counts("visitors"),
    )
    create(
        "daily_products",
        Column("business_day", DAY, primary_key=True),
        Column("tenant", code(64), primary_key=True),
        Column("product_kind", words(64), primary_key=True),
        Column("intent", code(16), primary_key=True),
        *counts("cards", "asks", "answered", "photos"),
    )
    create(
        "daily_unseen",
        Column("business_day", DAY, primary_key=True),
        Column("tenant", code(64), primary_key=True),
        Column("cannot_see", code(64), primary_key=True),
        Column("intent", code(16), primary_key=True),
        *counts("answers"),
    )
    create(
        "daily_moderation",
        Column("business_day", DAY, primary_key=True),
        Column("tenant", code(64), primary_key=True),
        Column("moderation", code(120), primary_key=True),
        *counts("requests"),
    )
    # Hours that have all their rows are counted anew, with intents and hours of the day. What is
    # older stays as it was counted.
    op.execute("DELETE FROM rollup_state WHERE name IN ('hourly', 'journeys')")
    view("recent_days", _recent_days())
    for name, query in (OLD_VIEWS | VIEWS).items():
        view(name, query)


def downgrade() -> None:
    for name in (*VIEWS, "recent_days", *OLD_VIEWS):
        op.execute(f"DROP VIEW IF EXISTS {name}")
    for name in NEW_TABLES:
        op.drop_table(name)
    op.execute("ALTER TABLE hourly_usage RENAME TO hourly_usage_0008")
    create("hourly_usage", *_usage_columns())
    whole = ", ".join((*USAGE_KEY, "business_day", "business_hour"))
    sums = ", ".join(f"SUM({name})" for name in SUMS)
    op.execute(
        f"INSERT INTO hourly_usage ({whole}, {', '.join(SUMS)})"  # noqa: S608
        f" SELECT {whole}, {sums} FROM hourly_usage_0008 GROUP BY {whole}"
    )
    op.drop_table("hourly_usage_0008")
    undo_alter("hourly_latency", drop=["business_hour"])
    undo_alter("business_days", drop=OF_A_DAY)
    undo_alter(
        "interactions",
        drop=[
            *("source", "turns", "photos", "prompt_version", "cannot_see"),
            *("session_step", "seconds_since_previous"),
        ],
    )
    for name, query in OLD_VIEWS.items():
        view(name, query)


def _add(table: str, *columns: Column[Any]) -> None:
    if not _has(table, columns[0].name):
        alter(table, add=columns)


def _has(table: str, name: str) -> bool:
    found = inspect(op.get_bind()).get_columns(table)
    return name in [column["name"] for column in found]


def _intent_into_usage() -> None:
    """With the key, since counts of different intents are different rows."""
    if _has("hourly_usage", "intent"):
        return
    key = ", ".join((*USAGE_KEY, "intent"))
    if op.get_bind().dialect.name in SERVERS:
        kind = code(16).compile(dialect=op.get_bind().dialect)
        op.execute(
            f"ALTER TABLE hourly_usage ADD COLUMN intent {kind} NOT NULL DEFAULT '',"
            f" DROP PRIMARY KEY, ADD PRIMARY KEY ({key})"
        )
        return
    for name in OLD_VIEWS:  # a file cannot rename a table that views read
        op.execute(f"DROP VIEW IF EXISTS {name}")
    op.execute("ALTER TABLE hourly_usage RENAME TO hourly_usage_0007")
    intent: Column[str] = Column("intent", code(16), primary_key=True, server_default=text("''"))
    create("hourly_usage", *_usage_columns(), intent)
    names = ", ".join((*USAGE_KEY, "business_day", "business_hour", *SUMS))
    op.execute(f"INSERT INTO hourly_usage ({names}) SELECT {names} FROM hourly_usage_0007")  # noqa: S608
    op.execute("DROP TABLE hourly_usage_0007")


def _usage_columns() -> Sequence[Column[Any]]:
    """Of revision 0001."""
    return (
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


def _recent_days() -> str:
    """By the database's clock in UTC, which has another name in each."""
    server = op.get_bind().dialect.name in SERVERS
    now = "UTC_TIMESTAMP(3)" if server else "STRFTIME('%Y-%m-%d %H:%M:%f000', 'now')"
    return f"""
SELECT d.business_day, t.day_number - d.day_number AS days_ago, d.day_number, d.month, d.week,
    d.weekday, d.starts_at, d.ends_at
FROM business_days AS d JOIN business_days AS t ON t.starts_at <= {now} AND t.ends_at > {now}
WHERE d.day_number <= t.day_number"""  # noqa: S608 - our own names
