"""The analysts' views. One revision for all: each statement may be run again, so one that fails
halfway is simply repeated. The same text on SQLite, MariaDB and MySQL."""

from alembic import op

revision = "0016"
down_revision = "0015"

VIEWS = {
    "usage_by_day": """
        SELECT u.business_day, u.tenant, u.requests, u.questions_asked, u.answered, u.refused,
            u.failed, u.cancelled, u.from_cache, r.users, r.sessions, r.photos,
            r.questions AS different_questions
        FROM (
            SELECT business_day, tenant, SUM(requests) AS requests,
                SUM(CASE WHEN kind = 'ask' THEN requests ELSE 0 END) AS questions_asked,
                SUM(CASE WHEN outcome = 'answered' THEN requests ELSE 0 END) AS answered,
                SUM(CASE WHEN outcome = 'refused' THEN requests ELSE 0 END) AS refused,
                SUM(CASE WHEN outcome = 'failed' THEN requests ELSE 0 END) AS failed,
                SUM(CASE WHEN outcome = 'cancelled' THEN requests ELSE 0 END) AS cancelled,
                SUM(CASE WHEN cache IN ('hit', 'stale', 'joined') AND outcome = 'answered'
                    THEN requests ELSE 0 END) AS from_cache
            FROM hourly_usage GROUP BY business_day, tenant
        ) AS u
        LEFT JOIN daily_reach AS r ON r.business_day = u.business_day AND r.tenant = u.tenant
    """,
    # Within its step of the histogram a percentile is interpolated; a step begins at 2^(-1/4) of
    # its end.
    "latency_by_day": """
        SELECT business_day, tenant, kind, route, cache, model_revision, MAX(total) AS answers,
            ROUND(MAX(CASE WHEN reached >= 0.5 * total AND reached - answers < 0.5 * total
                THEN up_to_ms * (1 - 0.159104 * (reached - 0.5 * total) / answers) END), 1)
                AS p50_ms,
            ROUND(MAX(CASE WHEN reached >= 0.95 * total AND reached - answers < 0.95 * total
                THEN up_to_ms * (1 - 0.159104 * (reached - 0.95 * total) / answers) END), 1)
                AS p95_ms,
            ROUND(MAX(CASE WHEN reached >= 0.99 * total AND reached - answers < 0.99 * total
                THEN up_to_ms * (1 - 0.159104 * (reached - 0.99 * total) / answers) END), 1)
                AS p99_ms
        FROM (
            SELECT business_day, tenant, kind, route, cache, model_revision, up_to_ms, answers,
                SUM(answers) OVER (
                    PARTITION BY business_day, tenant, kind, route, cache, model_revision
                    ORDER BY up_to_ms) AS reached,
                SUM(answers) OVER (
                    PARTITION BY business_day, tenant, kind, route, cache, model_revision) AS total
            FROM (
                SELECT business_day, tenant, kind, route, cache, model_revision, up_to_ms,
                    SUM(answers) AS answers
                FROM hourly_latency
                GROUP BY business_day, tenant, kind, route, cache, model_revision, up_to_ms
            ) AS steps
        ) AS cumulated
        GROUP BY business_day, tenant, kind, route, cache, model_revision
    """,
    # What an answer out of the cache would have cost: the day's mean of those that were computed,
    # on a day without any the revision's.
    "cache_savings_by_day": """
        SELECT d.business_day, d.tenant, d.model_revision, d.answers, d.from_cache,
            ROUND(100.0 * d.from_cache / d.answers, 1) AS percent_from_cache,
            ROUND(d.model_ms / 1000, 1) AS model_seconds_spent,
            ROUND(d.from_cache * COALESCE(d.model_ms / NULLIF(d.computed, 0),
                a.model_ms / NULLIF(a.computed, 0), 0) / 1000, 1) AS model_seconds_saved
        FROM (
            SELECT business_day, tenant, model_revision, SUM(requests) AS answers,
                SUM(CASE WHEN cache = 'miss' THEN requests ELSE 0 END) AS computed,
                SUM(CASE WHEN cache <> 'miss' THEN requests ELSE 0 END) AS from_cache,
                SUM(model_ms) AS model_ms
            FROM hourly_usage WHERE outcome = 'answered' AND cache <> ''
            GROUP BY business_day, tenant, model_revision
        ) AS d
        JOIN (
            SELECT model_revision, SUM(model_ms) AS model_ms,
                SUM(CASE WHEN cache = 'miss' THEN requests ELSE 0 END) AS computed
            FROM hourly_usage WHERE outcome = 'answered' AND cache <> ''
            GROUP BY model_revision
        ) AS a ON a.model_revision = d.model_revision
    """,
    "questions_by_day": """
        SELECT d.business_day, i.tenant, i.question_hash, MIN(i.question) AS question,
            MIN(i.language) AS language, MIN(i.intent) AS intent, COUNT(*) AS asked,
            SUM(CASE WHEN i.outcome = 'answered' THEN 1 ELSE 0 END) AS answered,
            SUM(CASE WHEN i.cache IN ('hit', 'stale', 'joined') THEN 1 ELSE 0 END) AS from_cache,
            COUNT(DISTINCT i.image_digest) AS photos, COUNT(DISTINCT i.session_id) AS sessions
        FROM business_days AS d
        JOIN interactions AS i ON i.asked_at >= d.starts_at AND i.asked_at < d.ends_at
        WHERE i.question_hash IS NOT NULL
        GROUP BY d.business_day, i.tenant, i.question_hash
    """,
    "images_by_day": """
        SELECT d.business_day, i.tenant, i.image_digest, MIN(i.image_format) AS image_format,
            MIN(i.image_width) AS image_width, MIN(i.image_height) AS image_height,
            SUM(CASE WHEN i.kind = 'upload' THEN 1 ELSE 0 END) AS uploads,
            SUM(CASE WHEN i.question_hash IS NOT NULL THEN 1 ELSE 0 END) AS asked,
            COUNT(DISTINCT i.question_hash) AS questions,
            COUNT(DISTINCT i.session_id) AS sessions
        FROM business_days AS d
        JOIN interactions AS i ON i.asked_at >= d.starts_at AND i.asked_at < d.ends_at
        WHERE i.image_digest IS NOT NULL
        GROUP BY d.business_day, i.tenant, i.image_digest
    """,
    "repeat_asks_by_day": """
        SELECT business_day, tenant, asks, asks - different AS repeated,
            asks - by_asker AS repeated_by_the_same,
            ROUND(100.0 * (asks - different) / asks, 1) AS percent_repeated,
            ROUND(100.0 * (asks - by_asker) / asks, 1) AS percent_repeated_by_the_same
        FROM daily_repeats
    """,
    "unanswered_by_day": """
        SELECT u.business_day, u.tenant, u.kind, u.outcome, u.error_code,
            SUM(u.requests) AS requests,
            ROUND(100.0 * SUM(u.requests) / MAX(t.requests), 2) AS percent_of_requests
        FROM hourly_usage AS u
        JOIN (
            SELECT business_day, tenant, SUM(requests) AS requests
            FROM hourly_usage GROUP BY business_day, tenant
        ) AS t ON t.business_day = u.business_day AND t.tenant = u.tenant
        WHERE u.outcome <> 'answered'
        GROUP BY u.business_day, u.tenant, u.kind, u.outcome, u.error_code
    """,
    "topics_by_day": """
        SELECT t.business_day, t.tenant, t.language, t.intent, t.client, t.asks, t.answered,
            ROUND(100.0 * t.asks / a.asks, 1) AS percent_of_asks
        FROM daily_topics AS t
        JOIN (
            SELECT business_day, tenant, SUM(asks) AS asks
            FROM daily_topics GROUP BY business_day, tenant
        ) AS a ON a.business_day = t.business_day AND a.tenant = t.tenant
    """,
    "feedback_by_revision": """
        SELECT i.model_revision, i.tenant, i.language, i.intent, COUNT(*) AS votes,
            SUM(CASE WHEN f.vote = 'up' THEN 1 ELSE 0 END) AS up,
            SUM(CASE WHEN f.vote = 'down' THEN 1 ELSE 0 END) AS down,
            ROUND(100.0 * SUM(CASE WHEN f.vote = 'up' THEN 1 ELSE 0 END) / COUNT(*), 1)
                AS percent_up
        FROM feedback AS f
        JOIN interactions AS i ON i.interaction_id = f.interaction_id
        GROUP BY i.model_revision, i.tenant, i.language, i.intent
    """,
    # A session counts on each day on which it came.
    "session_funnel_by_day": """
        SELECT business_day, tenant, COUNT(*) AS sessions,
            SUM(with_photo) AS with_photo, SUM(asked) AS asked, SUM(answered) AS answered,
            SUM(asked_again) AS asked_again, SUM(voted) AS voted, SUM(thumbs_up) AS thumbs_up
        FROM (
            SELECT d.business_day, i.tenant, i.session_id,
                MAX(CASE WHEN i.image_digest IS NOT NULL THEN 1 ELSE 0 END) AS with_photo,
                MAX(CASE WHEN i.question_hash IS NOT NULL THEN 1 ELSE 0 END) AS asked,
                MAX(CASE WHEN i.question_hash IS NOT NULL AND i.outcome = 'answered'
                    THEN 1 ELSE 0 END) AS answered,
                CASE WHEN COUNT(i.question_hash) > 1 THEN 1 ELSE 0 END AS asked_again,
                MAX(CASE WHEN f.vote IS NOT NULL THEN 1 ELSE 0 END) AS voted,
                MAX(CASE WHEN f.vote = 'up' THEN 1 ELSE 0 END) AS thumbs_up
            FROM business_days AS d
            JOIN interactions AS i ON i.asked_at >= d.starts_at AND i.asked_at < d.ends_at
            LEFT JOIN feedback AS f ON f.interaction_id = i.interaction_id
            WHERE i.session_id IS NOT NULL
            GROUP BY d.business_day, i.tenant, i.session_id
        ) AS visits
        GROUP BY business_day, tenant
    """,
}


def upgrade() -> None:
    for name, query in VIEWS.items():
        op.execute(f"DROP VIEW IF EXISTS {name}")
        op.execute(f"CREATE VIEW {name} AS {query}")


def downgrade() -> None:
    for name in VIEWS:
        op.execute(f"DROP VIEW IF EXISTS {name}")
