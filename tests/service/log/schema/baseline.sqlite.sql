-- The schema of 0001 as it was made before: by 29 revisions, the last of them 0030.
CREATE TABLE alembic_version (
    version_num VARCHAR(32) NOT NULL,
    CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)
);
INSERT INTO alembic_version VALUES ('0030');
CREATE TABLE audit (
    audit_id BLOB NOT NULL,
    done_at DATETIME NOT NULL,
    actor VARCHAR(64) NOT NULL,
    action VARCHAR(32) NOT NULL,
    tenant VARCHAR(64),
    subject VARCHAR(32),
    details TEXT NOT NULL,
    CONSTRAINT pk_audit PRIMARY KEY (audit_id)
);
CREATE TABLE business_days (
    business_day DATE NOT NULL,
    starts_at DATETIME NOT NULL,
    ends_at DATETIME NOT NULL,
    CONSTRAINT pk_business_days PRIMARY KEY (business_day)
);
CREATE TABLE daily_funnel (
    business_day DATE NOT NULL,
    tenant VARCHAR(64) NOT NULL,
    sessions BIGINT NOT NULL,
    with_photo BIGINT NOT NULL,
    asked BIGINT NOT NULL,
    answered BIGINT NOT NULL,
    asked_again BIGINT NOT NULL,
    voted BIGINT NOT NULL,
    thumbs_up BIGINT NOT NULL,
    CONSTRAINT pk_daily_funnel PRIMARY KEY (business_day, tenant)
);
CREATE TABLE daily_photos (
    business_day DATE NOT NULL,
    tenant VARCHAR(64) NOT NULL,
    image_digest VARCHAR(64) NOT NULL,
    uploads BIGINT NOT NULL,
    asked BIGINT NOT NULL,
    questions BIGINT NOT NULL,
    sessions BIGINT NOT NULL,
    image_format VARCHAR(8),
    image_width INTEGER,
    image_height INTEGER,
    CONSTRAINT pk_daily_photos PRIMARY KEY (business_day, tenant, image_digest)
);
CREATE TABLE daily_questions (
    business_day DATE NOT NULL,
    tenant VARCHAR(64) NOT NULL,
    question_hash VARCHAR(32) NOT NULL,
    asked BIGINT NOT NULL,
    answered BIGINT NOT NULL,
    from_cache BIGINT NOT NULL,
    photos BIGINT NOT NULL,
    sessions BIGINT NOT NULL,
    language VARCHAR(8),
    intent VARCHAR(16),
    example_id BLOB NOT NULL,
    CONSTRAINT pk_daily_questions PRIMARY KEY (business_day, tenant, question_hash)
);
CREATE TABLE daily_reach (
    business_day DATE NOT NULL,
    tenant VARCHAR(64) NOT NULL,
    users BIGINT NOT NULL,
    sessions BIGINT NOT NULL,
    photos BIGINT NOT NULL,
    questions BIGINT NOT NULL,
    CONSTRAINT pk_daily_reach PRIMARY KEY (business_day, tenant)
);
CREATE TABLE daily_repeats (
    business_day DATE NOT NULL,
    tenant VARCHAR(64) NOT NULL,
    asks BIGINT NOT NULL,
    different BIGINT NOT NULL,
    by_asker BIGINT NOT NULL,
    CONSTRAINT pk_daily_repeats PRIMARY KEY (business_day, tenant)
);
CREATE TABLE daily_topics (
    business_day DATE NOT NULL,
    tenant VARCHAR(64) NOT NULL,
    language VARCHAR(8) NOT NULL,
    intent VARCHAR(16) NOT NULL,
    client VARCHAR(16) NOT NULL,
    asks BIGINT NOT NULL,
    answered BIGINT NOT NULL,
    CONSTRAINT pk_daily_topics PRIMARY KEY (business_day, tenant, language, intent, client)
);
CREATE TABLE dead_letters (
    interaction_id BLOB NOT NULL,
    user_pseudonym VARCHAR(32),
    died_at DATETIME NOT NULL,
    attempts INTEGER NOT NULL,
    reason TEXT NOT NULL,
    event TEXT NOT NULL,
    CONSTRAINT pk_dead_letters PRIMARY KEY (interaction_id)
);
CREATE TABLE feedback (
    interaction_id BLOB NOT NULL,
    vote VARCHAR(8) NOT NULL,
    reason TEXT,
    created_at DATETIME NOT NULL,
    tenant VARCHAR(64) NOT NULL,
    user_pseudonym VARCHAR(32),
    session_id VARCHAR(32), answer_key VARCHAR(64),
    CONSTRAINT pk_feedback PRIMARY KEY (interaction_id)
);
CREATE TABLE hourly_latency (
    starts_at DATETIME NOT NULL,
    business_day DATE NOT NULL,
    tenant VARCHAR(64) NOT NULL,
    kind VARCHAR(16) NOT NULL,
    route VARCHAR(48) NOT NULL,
    cache VARCHAR(8) NOT NULL,
    model_revision VARCHAR(64) NOT NULL,
    up_to_ms DOUBLE NOT NULL,
    answers BIGINT NOT NULL,
    CONSTRAINT pk_hourly_latency PRIMARY KEY (starts_at, tenant, kind, route, cache, model_revision, up_to_ms)
);
CREATE TABLE hourly_usage (
    starts_at DATETIME NOT NULL,
    business_day DATE NOT NULL,
    business_hour INTEGER NOT NULL,
    tenant VARCHAR(64) NOT NULL,
    kind VARCHAR(16) NOT NULL,
    route VARCHAR(48) NOT NULL,
    outcome VARCHAR(16) NOT NULL,
    error_code VARCHAR(32) NOT NULL,
    cache VARCHAR(8) NOT NULL,
    model_revision VARCHAR(64) NOT NULL,
    requests BIGINT NOT NULL,
    total_ms DOUBLE NOT NULL,
    model_ms DOUBLE NOT NULL,
    prompt_tokens BIGINT NOT NULL,
    completion_tokens BIGINT NOT NULL,
    CONSTRAINT pk_hourly_usage PRIMARY KEY (starts_at, tenant, kind, route, outcome, error_code, cache, model_revision)
);
CREATE TABLE images (
    image_id BLOB NOT NULL,
    tenant VARCHAR(64) NOT NULL,
    session_id VARCHAR(32),
    image_digest VARCHAR(64) NOT NULL,
    image_format VARCHAR(8) NOT NULL,
    image_width INTEGER NOT NULL,
    image_height INTEGER NOT NULL,
    image_bytes INTEGER NOT NULL,
    created_at DATETIME NOT NULL,
    expires_at DATETIME NOT NULL, consent VARCHAR(16), user_pseudonym VARCHAR(32),
    CONSTRAINT pk_images PRIMARY KEY (image_id)
);
CREATE TABLE "interactions" (
    interaction_id BLOB NOT NULL,
    parent_interaction_id BLOB,
    asked_at DATETIME NOT NULL,
    kind VARCHAR(16) NOT NULL,
    tenant VARCHAR(64) NOT NULL,
    user_pseudonym VARCHAR(32),
    session_id VARCHAR(32),
    request_id VARCHAR(64) NOT NULL,
    image_digest VARCHAR(64),
    image_format VARCHAR(8),
    image_width INTEGER,
    image_height INTEGER,
    image_bytes INTEGER,
    question TEXT,
    language VARCHAR(8),
    answer TEXT,
    outcome VARCHAR(16) NOT NULL,
    error_code VARCHAR(32),
    finish_reason VARCHAR(16),
    cache VARCHAR(8),
    model_revision VARCHAR(64),
    prompt_tokens INTEGER,
    completion_tokens INTEGER,
    identify_ms DOUBLE,
    screen_ms DOUBLE,
    look_up_ms DOUBLE,
    first_text_ms DOUBLE,
    total_ms DOUBLE NOT NULL,
    answer_key VARCHAR(64),
    route VARCHAR(48),
    client VARCHAR(16),
    question_hash VARCHAR(32),
    intent VARCHAR(16),
    moderation VARCHAR(120),
    replica VARCHAR(64),
    join_ms DOUBLE,
    upstream_ms DOUBLE,
    arrived_at DATETIME DEFAULT (STRFTIME('%Y-%m-%d %H:%M:%f000', 'now')) NOT NULL,
    CONSTRAINT pk_interactions PRIMARY KEY (interaction_id)
);
CREATE TABLE quarantined_answers (
    answer_key VARCHAR(64) NOT NULL,
    attempt INTEGER NOT NULL,
    current_key VARCHAR(64) NOT NULL,
    tenant VARCHAR(64) NOT NULL,
    model_revision VARCHAR(64),
    changed_at DATETIME NOT NULL,
    CONSTRAINT pk_quarantined_answers PRIMARY KEY (answer_key)
);
CREATE TABLE rollup_due (
    name VARCHAR(16) NOT NULL,
    starts_at DATETIME NOT NULL,
    CONSTRAINT pk_rollup_due PRIMARY KEY (name, starts_at)
);
CREATE TABLE rollup_state (
    name VARCHAR(16) NOT NULL,
    seen_until DATETIME NOT NULL,
    CONSTRAINT pk_rollup_state PRIMARY KEY (name)
);
CREATE TABLE tombstones (
    tenant VARCHAR(64) NOT NULL,
    kind VARCHAR(8) NOT NULL,
    subject VARCHAR(32) NOT NULL,
    erased_at DATETIME NOT NULL,
    CONSTRAINT pk_tombstones PRIMARY KEY (tenant, kind, subject)
);
CREATE TABLE votes (
    vote_id BLOB NOT NULL,
    interaction_id BLOB NOT NULL,
    vote VARCHAR(8) NOT NULL,
    reason TEXT,
    created_at DATETIME NOT NULL,
    tenant VARCHAR(64) NOT NULL,
    user_pseudonym VARCHAR(32),
    session_id VARCHAR(32),
    CONSTRAINT pk_votes PRIMARY KEY (vote_id)
);
CREATE INDEX ix_audit_done_at ON audit (done_at);
CREATE INDEX ix_daily_photos_image_digest ON daily_photos (image_digest);
CREATE INDEX ix_dead_letters_user_pseudonym ON dead_letters (user_pseudonym);
CREATE INDEX ix_feedback_answer_key ON feedback (answer_key);
CREATE INDEX ix_feedback_created_at ON feedback (created_at);
CREATE INDEX ix_feedback_session_id ON feedback (session_id);
CREATE INDEX ix_feedback_user_pseudonym ON feedback (user_pseudonym);
CREATE INDEX ix_images_expires_at ON images (expires_at);
CREATE INDEX ix_images_session_id ON images (session_id);
CREATE INDEX ix_images_user_pseudonym ON images (user_pseudonym);
CREATE INDEX ix_interactions_arrived_at ON interactions (arrived_at);
CREATE INDEX ix_interactions_asked_at ON interactions (asked_at);
CREATE INDEX ix_interactions_image_digest ON interactions (image_digest);
CREATE INDEX ix_interactions_session_id ON interactions (session_id);
CREATE INDEX ix_interactions_user_pseudonym ON interactions (user_pseudonym);
CREATE INDEX ix_quarantined_answers_changed_at ON quarantined_answers (changed_at);
CREATE INDEX ix_quarantined_answers_current_key ON quarantined_answers (current_key);
CREATE INDEX ix_tombstones_erased_at ON tombstones (erased_at);
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
CREATE VIEW feedback_by_revision AS
    SELECT i.model_revision, i.tenant, i.language, i.intent, COUNT(*) AS votes,
        SUM(CASE WHEN f.vote = 'up' THEN 1 ELSE 0 END) AS up,
        SUM(CASE WHEN f.vote = 'down' THEN 1 ELSE 0 END) AS down,
        ROUND(100.0 * SUM(CASE WHEN f.vote = 'up' THEN 1 ELSE 0 END) / COUNT(*), 1)
            AS percent_up
    FROM feedback AS f
    JOIN interactions AS i ON i.interaction_id = f.interaction_id
    GROUP BY i.model_revision, i.tenant, i.language, i.intent;
CREATE VIEW images_by_day AS
    SELECT business_day, tenant, image_digest, image_format, image_width, image_height,
        uploads, asked, questions, sessions
    FROM daily_photos;
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
CREATE VIEW questions_by_day AS
    SELECT q.business_day, q.tenant, q.question_hash, i.question, q.language, q.intent,
        q.asked, q.answered, q.from_cache, q.photos, q.sessions
    FROM daily_questions AS q LEFT JOIN interactions AS i ON i.interaction_id = q.example_id;
CREATE VIEW repeat_asks_by_day AS
    SELECT business_day, tenant, asks, asks - different AS repeated,
        asks - by_asker AS repeated_by_the_same,
        ROUND(100.0 * (asks - different) / asks, 1) AS percent_repeated,
        ROUND(100.0 * (asks - by_asker) / asks, 1) AS percent_repeated_by_the_same
    FROM daily_repeats;
CREATE VIEW session_funnel_by_day AS
    SELECT business_day, tenant, sessions, with_photo, asked, answered, asked_again, voted,
        thumbs_up
    FROM daily_funnel;
CREATE VIEW topics_by_day AS
    SELECT t.business_day, t.tenant, t.language, t.intent, t.client, t.asks, t.answered,
        ROUND(100.0 * t.asks / a.asks, 1) AS percent_of_asks
    FROM daily_topics AS t
    JOIN (
        SELECT business_day, tenant, SUM(asks) AS asks
        FROM daily_topics GROUP BY business_day, tenant
    ) AS a ON a.business_day = t.business_day AND a.tenant = t.tenant;
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
