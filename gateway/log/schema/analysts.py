"""What an analyst's account may read: interactions, roll-ups and views. It may read neither uploads
nor dead letters."""

import re

from sqlalchemy import Connection, text

from gateway.log.schema.columns import MYSQL

VIEWS = (
    "usage_by_day",
    "latency_by_day",
    "cache_savings_by_day",
    "questions_by_day",
    "images_by_day",
    "repeat_asks_by_day",
    "unanswered_by_day",
    "topics_by_day",
    "feedback_by_revision",
    "session_funnel_by_day",
    "thumb_funnel_by_day",
    "retention_by_day",
    "products_by_day",
    "money_by_day",
    "recent_days",
)
TABLES = (
    "interactions",
    "feedback",
    "quarantined_answers",
    "business_days",
    "hourly_usage",
    "hourly_latency",
    "daily_reach",
    "daily_repeats",
    "daily_topics",
    "daily_questions",
    "daily_photos",
    "daily_funnel",
    "daily_first_questions",
    "daily_retention",
    "daily_products",
    "daily_unseen",
    "daily_moderation",
)


def grant_reading(connection: Connection, account: str) -> None:
    """Let an existing account of a MySQL server read TABLES and VIEWS. The connected account needs
    the grant option. Raises ValueError for an unusual account name."""
    if connection.dialect.name not in MYSQL:
        return
    checked_account(account)
    for name in (*TABLES, *VIEWS):
        connection.execute(text(f"GRANT SELECT ON {name} TO '{account}'@'%'"))


def checked_account(name: str) -> str:
    """The name, which is to stand in a GRANT. Raises ValueError."""
    if not re.fullmatch(r"\w{1,32}", name):
        raise ValueError("an account's name is letters, digits and _")
    return name
