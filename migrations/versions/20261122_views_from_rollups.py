"""Questions, photos and the funnel by day read roll-ups: the same names, the same columns."""

from alembic import op

revision = "0030"
down_revision = "0029"

FROM_ROLLUPS = {
    # An interaction that has been erased takes the words of its question with it.
    "questions_by_day": """
        SELECT q.business_day, q.tenant, q.question_hash, i.question, q.language, q.intent,
            q.asked, q.answered, q.from_cache, q.photos, q.sessions
        FROM daily_questions AS q LEFT JOIN interactions AS i ON i.interaction_id = q.example_id
    """,
    "images_by_day": """
        SELECT business_day, tenant, image_digest, image_format, image_width, image_height,
            uploads, asked, questions, sessions
        FROM daily_photos
    """,
    "session_funnel_by_day": """
        SELECT business_day, tenant, sessions, with_photo, asked, answered, asked_again, voted,
            thumbs_up
        FROM daily_funnel
    """,
}
FROM_ROWS = {
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
    _replace(FROM_ROLLUPS)


def downgrade() -> None:
    _replace(FROM_ROWS)


def _replace(views: dict[str, str]) -> None:
    for name, query in views.items():
        op.execute(f"DROP VIEW IF EXISTS {name}")
        op.execute(f"CREATE VIEW {name} AS {query}")
