-- What a model has worked for, however it ended. The same text on SQLite, MariaDB and MySQL.

-- What an answer out of the cache would have cost: the day's mean of the answers that were computed, on
-- a day without any the revision's. What broke off is spent, but no part of the mean.
CREATE VIEW cache_savings_by_day AS
SELECT d.business_day, d.tenant, d.model_revision, d.answers, d.from_cache,
    ROUND(100.0 * d.from_cache / NULLIF(d.answers, 0), 1) AS percent_from_cache,
    ROUND(d.model_ms / 1000, 1) AS model_seconds_spent,
    ROUND(d.from_cache * COALESCE(d.answered_ms / NULLIF(d.computed, 0),
        a.answered_ms / NULLIF(a.computed, 0), 0) / 1000, 1) AS model_seconds_saved
FROM (
    SELECT business_day, tenant, model_revision,
        SUM(CASE WHEN outcome = 'answered' THEN requests ELSE 0 END) AS answers,
        SUM(CASE WHEN outcome = 'answered' AND cache = 'miss' THEN requests ELSE 0 END)
            AS computed,
        SUM(CASE WHEN outcome = 'answered' AND cache <> 'miss' THEN requests ELSE 0 END)
            AS from_cache,
        SUM(CASE WHEN outcome = 'answered' THEN model_ms ELSE 0 END) AS answered_ms,
        SUM(model_ms) AS model_ms
    FROM hourly_usage WHERE cache <> '' AND (outcome = 'answered' OR model_ms > 0)
    GROUP BY business_day, tenant, model_revision
) AS d
JOIN (
    SELECT model_revision,
        SUM(CASE WHEN outcome = 'answered' THEN model_ms ELSE 0 END) AS answered_ms,
        SUM(CASE WHEN outcome = 'answered' AND cache = 'miss' THEN requests ELSE 0 END)
            AS computed
    FROM hourly_usage WHERE cache <> '' AND (outcome = 'answered' OR model_ms > 0)
    GROUP BY model_revision
) AS a ON a.model_revision = d.model_revision;

-- An answer out of the cache would have cost the mean of those that were computed for the tenant that
-- day, as in cache_savings_by_day: the sums are the same.
CREATE VIEW money_by_day AS
SELECT u.business_day, u.tenant, u.intent, u.model_revision, u.answers, u.from_cache,
    ROUND(u.model_ms / 1000, 1) AS model_seconds_spent,
    ROUND(u.from_cache * COALESCE(d.answered_ms / NULLIF(d.computed, 0),
        a.answered_ms / NULLIF(a.computed, 0), 0) / 1000, 1) AS model_seconds_saved,
    ROUND(u.model_ms / 1000 * c.model_second_cost, 6) AS spent,
    ROUND(u.from_cache * COALESCE(d.answered_ms / NULLIF(d.computed, 0),
        a.answered_ms / NULLIF(a.computed, 0), 0) / 1000 * c.model_second_cost, 6) AS saved,
    c.currency
FROM (
    SELECT business_day, tenant, intent, model_revision,
        SUM(CASE WHEN outcome = 'answered' THEN requests ELSE 0 END) AS answers,
        SUM(CASE WHEN outcome = 'answered' AND cache <> 'miss' THEN requests ELSE 0 END)
            AS from_cache,
        SUM(model_ms) AS model_ms
    FROM hourly_usage WHERE cache <> '' AND (outcome = 'answered' OR model_ms > 0)
    GROUP BY business_day, tenant, intent, model_revision
) AS u
JOIN (
    SELECT business_day, tenant, model_revision,
        SUM(CASE WHEN outcome = 'answered' THEN model_ms ELSE 0 END) AS answered_ms,
        SUM(CASE WHEN outcome = 'answered' AND cache = 'miss' THEN requests ELSE 0 END)
            AS computed
    FROM hourly_usage WHERE cache <> '' AND (outcome = 'answered' OR model_ms > 0)
    GROUP BY business_day, tenant, model_revision
) AS d ON d.business_day = u.business_day AND d.tenant = u.tenant
    AND d.model_revision = u.model_revision
JOIN (
    SELECT model_revision,
        SUM(CASE WHEN outcome = 'answered' THEN model_ms ELSE 0 END) AS answered_ms,
        SUM(CASE WHEN outcome = 'answered' AND cache = 'miss' THEN requests ELSE 0 END)
            AS computed
    FROM hourly_usage WHERE cache <> '' AND (outcome = 'answered' OR model_ms > 0)
    GROUP BY model_revision
) AS a ON a.model_revision = u.model_revision
LEFT JOIN business_days AS c ON c.business_day = u.business_day;
