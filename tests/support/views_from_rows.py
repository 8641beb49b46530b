"""What three views said before they had roll-ups: SELECTs on the rows themselves, to compare with
their answers and times."""

FROM_ROWS = {
    "questions_by_day": """
        SELECT d.business_day, i.tenant, i.question_hash, MIN(i.question) AS question,
            MIN(i.language) AS language, MIN(i.intent) AS intent, COUNT(*) AS asked,
            SUM(CASE WHEN i.outcome = 'answered' THEN 1 ELSE 0 END) AS answered,
            SUM(CASE WHEN i.cache IN ('hit', 'stale', 'joined') AND i.outcome = 'answered'
                THEN 1 ELSE 0 END) AS from_cache,
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
            SELECT d.business_day, i.tenant,
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
            WHERE COALESCE(i.session_id, i.user_pseudonym) IS NOT NULL
            GROUP BY d.business_day, i.tenant, COALESCE(i.session_id, i.user_pseudonym)
        ) AS visits
        GROUP BY business_day, tenant
    """,
}
