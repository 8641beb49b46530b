-- What analysts read. The same text on SQLite, MariaDB and MySQL.

CREATE VIEW usage_by_day AS
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
LEFT JOIN daily_reach AS r ON r.business_day = u.business_day AND r.tenant = u.tenant;

-- Within its step of the histogram a percentile is interpolated. A step begins at 2^(-1/4) of its end.
CREATE VIEW latency_by_day AS
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
GROUP BY business_day, tenant, kind, route, cache, model_revision;

-- What an answer out of the cache would have cost: the day's mean of those that were computed, on a
-- day without any the revision's.
CREATE VIEW cache_savings_by_day AS
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
) AS a ON a.model_revision = d.model_revision;

CREATE VIEW repeat_asks_by_day AS
SELECT business_day, tenant, asks, asks - different AS repeated,
    asks - by_asker AS repeated_by_the_same,
    ROUND(100.0 * (asks - different) / asks, 1) AS percent_repeated,
    ROUND(100.0 * (asks - by_asker) / asks, 1) AS percent_repeated_by_the_same
FROM daily_repeats;

CREATE VIEW unanswered_by_day AS
SELECT u.business_day, u.tenant, u.kind, u.outcome, u.error_code,
    SUM(u.requests) AS requests,
    ROUND(100.0 * SUM(u.requests) / MAX(t.requests), 2) AS percent_of_requests
FROM hourly_usage AS u
JOIN (
    SELECT business_day, tenant, SUM(requests) AS requests
    FROM hourly_usage GROUP BY business_day, tenant
) AS t ON t.business_day = u.business_day AND t.tenant = u.tenant
WHERE u.outcome <> 'answered'
GROUP BY u.business_day, u.tenant, u.kind, u.outcome, u.error_code;

CREATE VIEW topics_by_day AS
SELECT t.business_day, t.tenant, t.language, t.intent, t.client, t.asks, t.answered,
    ROUND(100.0 * t.asks / a.asks, 1) AS percent_of_asks
FROM daily_topics AS t
JOIN (
    SELECT business_day, tenant, SUM(asks) AS asks
    FROM daily_topics GROUP BY business_day, tenant
) AS a ON a.business_day = t.business_day AND a.tenant = t.tenant;

CREATE VIEW feedback_by_revision AS
SELECT i.model_revision, i.tenant, i.language, i.intent, COUNT(*) AS votes,
    SUM(CASE WHEN f.vote = 'up' THEN 1 ELSE 0 END) AS up,
    SUM(CASE WHEN f.vote = 'down' THEN 1 ELSE 0 END) AS down,
    ROUND(100.0 * SUM(CASE WHEN f.vote = 'up' THEN 1 ELSE 0 END) / COUNT(*), 1)
        AS percent_up
FROM feedback AS f
JOIN interactions AS i ON i.interaction_id = f.interaction_id
GROUP BY i.model_revision, i.tenant, i.language, i.intent;

-- An interaction that has been erased takes the words of its question with it.
CREATE VIEW questions_by_day AS
SELECT q.business_day, q.tenant, q.question_hash, i.question, q.language, q.intent,
    q.asked, q.answered, q.from_cache, q.photos, q.sessions
FROM daily_questions AS q LEFT JOIN interactions AS i ON i.interaction_id = q.example_id;

CREATE VIEW images_by_day AS
SELECT business_day, tenant, image_digest, image_format, image_width, image_height,
    uploads, asked, questions, sessions
FROM daily_photos;

-- A session counts on each day on which it came.
CREATE VIEW session_funnel_by_day AS
SELECT business_day, tenant, sessions, with_photo, asked, answered, asked_again, voted,
    thumbs_up
FROM daily_funnel;
