-- What analysts read besides. The same text on SQLite, MariaDB and MySQL; recent_days is in 0008's code.

CREATE VIEW thumb_funnel_by_day AS
SELECT business_day, tenant, language, asked, answered, asked_again, voted, thumbs_up,
    ROUND(thumb_seconds / NULLIF(voted, 0), 1) AS seconds_to_thumb
FROM daily_first_questions;

-- NULL until the later day is over.
CREATE VIEW retention_by_day AS
SELECT b.business_day, b.tenant, b.visitors,
    CASE WHEN n1.days_ago > 0 THEN COALESCE(r1.visitors, 0) END AS after_1_day,
    CASE WHEN n7.days_ago > 0 THEN COALESCE(r7.visitors, 0) END AS after_7_days,
    CASE WHEN n1.days_ago > 0
        THEN ROUND(100.0 * COALESCE(r1.visitors, 0) / b.visitors, 1) END AS percent_after_1_day,
    CASE WHEN n7.days_ago > 0
        THEN ROUND(100.0 * COALESCE(r7.visitors, 0) / b.visitors, 1) END AS percent_after_7_days
FROM daily_retention AS b
JOIN business_days AS d ON d.business_day = b.business_day
LEFT JOIN recent_days AS n1 ON n1.day_number = d.day_number + 1
LEFT JOIN daily_retention AS r1
    ON r1.business_day = n1.business_day AND r1.tenant = b.tenant AND r1.days_later = 1
LEFT JOIN recent_days AS n7 ON n7.day_number = d.day_number + 7
LEFT JOIN daily_retention AS r7
    ON r7.business_day = n7.business_day AND r7.tenant = b.tenant AND r7.days_later = 7
WHERE b.days_later = 0;

CREATE VIEW products_by_day AS
SELECT business_day, tenant, product_kind, intent, cards, asks, answered, photos
FROM daily_products;

-- An answer out of the cache would have cost the mean of those that were computed for the tenant that
-- day, as in cache_savings_by_day: the sums are the same.
CREATE VIEW money_by_day AS
SELECT u.business_day, u.tenant, u.intent, u.model_revision, u.answers, u.from_cache,
    ROUND(u.model_ms / 1000, 1) AS model_seconds_spent,
    ROUND(u.from_cache * COALESCE(d.model_ms / NULLIF(d.computed, 0),
        a.model_ms / NULLIF(a.computed, 0), 0) / 1000, 1) AS model_seconds_saved,
    ROUND(u.model_ms / 1000 * c.model_second_cost, 6) AS spent,
    ROUND(u.from_cache * COALESCE(d.model_ms / NULLIF(d.computed, 0),
        a.model_ms / NULLIF(a.computed, 0), 0) / 1000 * c.model_second_cost, 6) AS saved,
    c.currency
FROM (
    SELECT business_day, tenant, intent, model_revision, SUM(requests) AS answers,
        SUM(CASE WHEN cache <> 'miss' THEN requests ELSE 0 END) AS from_cache,
        SUM(model_ms) AS model_ms
    FROM hourly_usage WHERE outcome = 'answered' AND cache <> ''
    GROUP BY business_day, tenant, intent, model_revision
) AS u
JOIN (
    SELECT business_day, tenant, model_revision, SUM(model_ms) AS model_ms,
        SUM(CASE WHEN cache = 'miss' THEN requests ELSE 0 END) AS computed
    FROM hourly_usage WHERE outcome = 'answered' AND cache <> ''
    GROUP BY business_day, tenant, model_revision
) AS d ON d.business_day = u.business_day AND d.tenant = u.tenant
    AND d.model_revision = u.model_revision
JOIN (
    SELECT model_revision, SUM(model_ms) AS model_ms,
        SUM(CASE WHEN cache = 'miss' THEN requests ELSE 0 END) AS computed
    FROM hourly_usage WHERE outcome = 'answered' AND cache <> ''
    GROUP BY model_revision
) AS a ON a.model_revision = u.model_revision
LEFT JOIN business_days AS c ON c.business_day = u.business_day;
