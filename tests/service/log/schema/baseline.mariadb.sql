-- The schema of 0001 as it was made before: by 29 revisions, the last of them 0030.
CREATE TABLE `alembic_version` (
  `version_num` varchar(32) NOT NULL,
  PRIMARY KEY (`version_num`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci;
INSERT INTO alembic_version VALUES ('0030');
CREATE TABLE `audit` (
  `audit_id` binary(16) NOT NULL,
  `done_at` datetime(3) NOT NULL,
  `actor` varchar(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  `action` varchar(32) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  `tenant` varchar(64) CHARACTER SET ascii COLLATE ascii_bin DEFAULT NULL,
  `subject` varchar(32) CHARACTER SET ascii COLLATE ascii_bin DEFAULT NULL,
  `details` mediumtext CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  PRIMARY KEY (`audit_id`),
  KEY `ix_audit_done_at` (`done_at`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci;
CREATE TABLE `business_days` (
  `business_day` date NOT NULL,
  `starts_at` datetime(3) NOT NULL,
  `ends_at` datetime(3) NOT NULL,
  PRIMARY KEY (`business_day`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci;
CREATE TABLE `daily_funnel` (
  `business_day` date NOT NULL,
  `tenant` varchar(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  `sessions` bigint(20) NOT NULL,
  `with_photo` bigint(20) NOT NULL,
  `asked` bigint(20) NOT NULL,
  `answered` bigint(20) NOT NULL,
  `asked_again` bigint(20) NOT NULL,
  `voted` bigint(20) NOT NULL,
  `thumbs_up` bigint(20) NOT NULL,
  PRIMARY KEY (`business_day`,`tenant`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci;
CREATE TABLE `daily_photos` (
  `business_day` date NOT NULL,
  `tenant` varchar(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  `image_digest` varchar(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  `uploads` bigint(20) NOT NULL,
  `asked` bigint(20) NOT NULL,
  `questions` bigint(20) NOT NULL,
  `sessions` bigint(20) NOT NULL,
  `image_format` varchar(8) CHARACTER SET ascii COLLATE ascii_bin DEFAULT NULL,
  `image_width` int(11) DEFAULT NULL,
  `image_height` int(11) DEFAULT NULL,
  PRIMARY KEY (`business_day`,`tenant`,`image_digest`),
  KEY `ix_daily_photos_image_digest` (`image_digest`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci;
CREATE TABLE `daily_questions` (
  `business_day` date NOT NULL,
  `tenant` varchar(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  `question_hash` varchar(32) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  `asked` bigint(20) NOT NULL,
  `answered` bigint(20) NOT NULL,
  `from_cache` bigint(20) NOT NULL,
  `photos` bigint(20) NOT NULL,
  `sessions` bigint(20) NOT NULL,
  `language` varchar(8) CHARACTER SET ascii COLLATE ascii_bin DEFAULT NULL,
  `intent` varchar(16) CHARACTER SET ascii COLLATE ascii_bin DEFAULT NULL,
  `example_id` binary(16) NOT NULL,
  PRIMARY KEY (`business_day`,`tenant`,`question_hash`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci;
CREATE TABLE `daily_reach` (
  `business_day` date NOT NULL,
  `tenant` varchar(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  `users` bigint(20) NOT NULL,
  `sessions` bigint(20) NOT NULL,
  `photos` bigint(20) NOT NULL,
  `questions` bigint(20) NOT NULL,
  PRIMARY KEY (`business_day`,`tenant`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci;
CREATE TABLE `daily_repeats` (
  `business_day` date NOT NULL,
  `tenant` varchar(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  `asks` bigint(20) NOT NULL,
  `different` bigint(20) NOT NULL,
  `by_asker` bigint(20) NOT NULL,
  PRIMARY KEY (`business_day`,`tenant`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci;
CREATE TABLE `daily_topics` (
  `business_day` date NOT NULL,
  `tenant` varchar(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  `language` varchar(8) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  `intent` varchar(16) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  `client` varchar(16) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  `asks` bigint(20) NOT NULL,
  `answered` bigint(20) NOT NULL,
  PRIMARY KEY (`business_day`,`tenant`,`language`,`intent`,`client`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci;
CREATE TABLE `dead_letters` (
  `interaction_id` binary(16) NOT NULL,
  `user_pseudonym` varchar(32) CHARACTER SET ascii COLLATE ascii_bin DEFAULT NULL,
  `died_at` datetime(3) NOT NULL,
  `attempts` int(11) NOT NULL,
  `reason` text NOT NULL,
  `event` mediumtext CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  PRIMARY KEY (`interaction_id`),
  KEY `ix_dead_letters_user_pseudonym` (`user_pseudonym`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci;
CREATE TABLE `feedback` (
  `interaction_id` binary(16) NOT NULL,
  `vote` varchar(8) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  `reason` text DEFAULT NULL,
  `created_at` datetime(3) NOT NULL,
  `tenant` varchar(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  `user_pseudonym` varchar(32) CHARACTER SET ascii COLLATE ascii_bin DEFAULT NULL,
  `session_id` varchar(32) CHARACTER SET ascii COLLATE ascii_bin DEFAULT NULL,
  `answer_key` varchar(64) CHARACTER SET ascii COLLATE ascii_bin DEFAULT NULL,
  PRIMARY KEY (`interaction_id`),
  KEY `ix_feedback_created_at` (`created_at`),
  KEY `ix_feedback_user_pseudonym` (`user_pseudonym`),
  KEY `ix_feedback_session_id` (`session_id`),
  KEY `ix_feedback_answer_key` (`answer_key`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci;
CREATE TABLE `hourly_latency` (
  `starts_at` datetime(3) NOT NULL,
  `business_day` date NOT NULL,
  `tenant` varchar(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  `kind` varchar(16) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  `route` varchar(48) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  `cache` varchar(8) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  `model_revision` varchar(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  `up_to_ms` double NOT NULL,
  `answers` bigint(20) NOT NULL,
  PRIMARY KEY (`starts_at`,`tenant`,`kind`,`route`,`cache`,`model_revision`,`up_to_ms`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci;
CREATE TABLE `hourly_usage` (
  `starts_at` datetime(3) NOT NULL,
  `business_day` date NOT NULL,
  `business_hour` int(11) NOT NULL,
  `tenant` varchar(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  `kind` varchar(16) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  `route` varchar(48) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  `outcome` varchar(16) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  `error_code` varchar(32) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  `cache` varchar(8) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  `model_revision` varchar(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  `requests` bigint(20) NOT NULL,
  `total_ms` double NOT NULL,
  `model_ms` double NOT NULL,
  `prompt_tokens` bigint(20) NOT NULL,
  `completion_tokens` bigint(20) NOT NULL,
  PRIMARY KEY (`starts_at`,`tenant`,`kind`,`route`,`outcome`,`error_code`,`cache`,`model_revision`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci;
CREATE TABLE `images` (
  `image_id` binary(16) NOT NULL,
  `tenant` varchar(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  `session_id` varchar(32) CHARACTER SET ascii COLLATE ascii_bin DEFAULT NULL,
  `image_digest` varchar(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  `image_format` varchar(8) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  `image_width` int(11) NOT NULL,
  `image_height` int(11) NOT NULL,
  `image_bytes` int(11) NOT NULL,
  `created_at` datetime(3) NOT NULL,
  `expires_at` datetime(3) NOT NULL,
  `consent` varchar(16) CHARACTER SET ascii COLLATE ascii_bin DEFAULT NULL,
  `user_pseudonym` varchar(32) CHARACTER SET ascii COLLATE ascii_bin DEFAULT NULL,
  PRIMARY KEY (`image_id`),
  KEY `ix_images_expires_at` (`expires_at`),
  KEY `ix_images_session_id` (`session_id`),
  KEY `ix_images_user_pseudonym` (`user_pseudonym`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci;
CREATE TABLE `interactions` (
  `interaction_id` binary(16) NOT NULL,
  `parent_interaction_id` binary(16) DEFAULT NULL,
  `asked_at` datetime(3) NOT NULL,
  `kind` varchar(16) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  `tenant` varchar(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  `user_pseudonym` varchar(32) CHARACTER SET ascii COLLATE ascii_bin DEFAULT NULL,
  `session_id` varchar(32) CHARACTER SET ascii COLLATE ascii_bin DEFAULT NULL,
  `request_id` varchar(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  `image_digest` varchar(64) CHARACTER SET ascii COLLATE ascii_bin DEFAULT NULL,
  `image_format` varchar(8) CHARACTER SET ascii COLLATE ascii_bin DEFAULT NULL,
  `image_width` int(11) DEFAULT NULL,
  `image_height` int(11) DEFAULT NULL,
  `image_bytes` int(11) DEFAULT NULL,
  `question` text DEFAULT NULL,
  `language` varchar(8) CHARACTER SET ascii COLLATE ascii_bin DEFAULT NULL,
  `answer` text DEFAULT NULL,
  `outcome` varchar(16) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  `error_code` varchar(32) CHARACTER SET ascii COLLATE ascii_bin DEFAULT NULL,
  `finish_reason` varchar(16) CHARACTER SET ascii COLLATE ascii_bin DEFAULT NULL,
  `cache` varchar(8) CHARACTER SET ascii COLLATE ascii_bin DEFAULT NULL,
  `model_revision` varchar(64) CHARACTER SET ascii COLLATE ascii_bin DEFAULT NULL,
  `prompt_tokens` int(11) DEFAULT NULL,
  `completion_tokens` int(11) DEFAULT NULL,
  `identify_ms` double DEFAULT NULL,
  `screen_ms` double DEFAULT NULL,
  `look_up_ms` double DEFAULT NULL,
  `first_text_ms` double DEFAULT NULL,
  `total_ms` double NOT NULL,
  `answer_key` varchar(64) CHARACTER SET ascii COLLATE ascii_bin DEFAULT NULL,
  `route` varchar(48) CHARACTER SET ascii COLLATE ascii_bin DEFAULT NULL,
  `client` varchar(16) CHARACTER SET ascii COLLATE ascii_bin DEFAULT NULL,
  `question_hash` varchar(32) CHARACTER SET ascii COLLATE ascii_bin DEFAULT NULL,
  `intent` varchar(16) CHARACTER SET ascii COLLATE ascii_bin DEFAULT NULL,
  `moderation` varchar(120) CHARACTER SET ascii COLLATE ascii_bin DEFAULT NULL,
  `replica` varchar(64) CHARACTER SET ascii COLLATE ascii_bin DEFAULT NULL,
  `join_ms` double DEFAULT NULL,
  `upstream_ms` double DEFAULT NULL,
  `arrived_at` datetime(3) NOT NULL DEFAULT utc_timestamp(3),
  PRIMARY KEY (`interaction_id`),
  KEY `ix_interactions_asked_at` (`asked_at`),
  KEY `ix_interactions_image_digest` (`image_digest`),
  KEY `ix_interactions_session_id` (`session_id`),
  KEY `ix_interactions_arrived_at` (`arrived_at`),
  KEY `ix_interactions_user_pseudonym` (`user_pseudonym`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci
 PARTITION BY RANGE  COLUMNS(`interaction_id`)
(PARTITION `p202611` VALUES LESS THAN (_binary 0x01a22ee6b00000000000000000000000) ENGINE = InnoDB,
 PARTITION `p202612` VALUES LESS THAN (_binary 0x01a2ce8bd40000000000000000000000) ENGINE = InnoDB,
 PARTITION `p202701` VALUES LESS THAN (_binary 0x01a36e30f80000000000000000000000) ENGINE = InnoDB,
 PARTITION `p202702` VALUES LESS THAN (_binary 0x01a3fe63080000000000000000000000) ENGINE = InnoDB,
 PARTITION `p_rest` VALUES LESS THAN (MAXVALUE) ENGINE = InnoDB);
CREATE TABLE `quarantined_answers` (
  `answer_key` varchar(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  `attempt` int(11) NOT NULL,
  `current_key` varchar(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  `tenant` varchar(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  `model_revision` varchar(64) CHARACTER SET ascii COLLATE ascii_bin DEFAULT NULL,
  `changed_at` datetime(3) NOT NULL,
  PRIMARY KEY (`answer_key`),
  KEY `ix_quarantined_answers_changed_at` (`changed_at`),
  KEY `ix_quarantined_answers_current_key` (`current_key`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci;
CREATE TABLE `rollup_due` (
  `name` varchar(16) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  `starts_at` datetime(3) NOT NULL,
  PRIMARY KEY (`name`,`starts_at`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci;
CREATE TABLE `rollup_state` (
  `name` varchar(16) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  `seen_until` datetime(3) NOT NULL,
  PRIMARY KEY (`name`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci;
CREATE TABLE `tombstones` (
  `tenant` varchar(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  `kind` varchar(8) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  `subject` varchar(32) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  `erased_at` datetime(3) NOT NULL,
  PRIMARY KEY (`tenant`,`kind`,`subject`),
  KEY `ix_tombstones_erased_at` (`erased_at`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci;
CREATE TABLE `votes` (
  `vote_id` binary(16) NOT NULL,
  `interaction_id` binary(16) NOT NULL,
  `vote` varchar(8) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  `reason` text DEFAULT NULL,
  `created_at` datetime(3) NOT NULL,
  `tenant` varchar(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  `user_pseudonym` varchar(32) CHARACTER SET ascii COLLATE ascii_bin DEFAULT NULL,
  `session_id` varchar(32) CHARACTER SET ascii COLLATE ascii_bin DEFAULT NULL,
  PRIMARY KEY (`vote_id`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci;
CREATE ALGORITHM=UNDEFINED SQL SECURITY DEFINER VIEW `cache_savings_by_day` AS select
    `d`.`business_day` AS `business_day`,`d`.`tenant` AS `tenant`,`d`.`model_revision` AS
    `model_revision`,`d`.`answers` AS `answers`,`d`.`from_cache` AS `from_cache`,round(100.0 *
    `d`.`from_cache` / `d`.`answers`,1) AS `percent_from_cache`,round(`d`.`model_ms` / 1000,1) AS
    `model_seconds_spent`,round(`d`.`from_cache` * coalesce(`d`.`model_ms` /
    nullif(`d`.`computed`,0),`a`.`model_ms` / nullif(`a`.`computed`,0),0) / 1000,1) AS
    `model_seconds_saved` from ((select `hourly_usage`.`business_day` AS
    `business_day`,`hourly_usage`.`tenant` AS `tenant`,`hourly_usage`.`model_revision` AS
    `model_revision`,sum(`hourly_usage`.`requests`) AS `answers`,sum(case when
    `hourly_usage`.`cache` = 'miss' then `hourly_usage`.`requests` else 0 end) AS
    `computed`,sum(case when `hourly_usage`.`cache` <> 'miss' then `hourly_usage`.`requests` else 0
    end) AS `from_cache`,sum(`hourly_usage`.`model_ms`) AS `model_ms` from `hourly_usage` where
    `hourly_usage`.`outcome` = 'answered' and `hourly_usage`.`cache` <> '' group by
    `hourly_usage`.`business_day`,`hourly_usage`.`tenant`,`hourly_usage`.`model_revision`) `d` join
    (select `hourly_usage`.`model_revision` AS `model_revision`,sum(`hourly_usage`.`model_ms`) AS
    `model_ms`,sum(case when `hourly_usage`.`cache` = 'miss' then `hourly_usage`.`requests` else 0
    end) AS `computed` from `hourly_usage` where `hourly_usage`.`outcome` = 'answered' and
    `hourly_usage`.`cache` <> '' group by `hourly_usage`.`model_revision`) `a`
    on(`a`.`model_revision` = `d`.`model_revision`));
CREATE ALGORITHM=UNDEFINED SQL SECURITY DEFINER VIEW `feedback_by_revision` AS select
    `i`.`model_revision` AS `model_revision`,`i`.`tenant` AS `tenant`,`i`.`language` AS
    `language`,`i`.`intent` AS `intent`,count(0) AS `votes`,sum(case when `f`.`vote` = 'up' then 1
    else 0 end) AS `up`,sum(case when `f`.`vote` = 'down' then 1 else 0 end) AS `down`,round(100.0 *
    sum(case when `f`.`vote` = 'up' then 1 else 0 end) / count(0),1) AS `percent_up` from
    (`feedback` `f` join `interactions` `i` on(`i`.`interaction_id` = `f`.`interaction_id`)) group
    by `i`.`model_revision`,`i`.`tenant`,`i`.`language`,`i`.`intent`;
CREATE ALGORITHM=UNDEFINED SQL SECURITY DEFINER VIEW `images_by_day` AS select
    `daily_photos`.`business_day` AS `business_day`,`daily_photos`.`tenant` AS
    `tenant`,`daily_photos`.`image_digest` AS `image_digest`,`daily_photos`.`image_format` AS
    `image_format`,`daily_photos`.`image_width` AS `image_width`,`daily_photos`.`image_height` AS
    `image_height`,`daily_photos`.`uploads` AS `uploads`,`daily_photos`.`asked` AS
    `asked`,`daily_photos`.`questions` AS `questions`,`daily_photos`.`sessions` AS `sessions` from
    `daily_photos`;
CREATE ALGORITHM=UNDEFINED SQL SECURITY DEFINER VIEW `latency_by_day` AS select
    `cumulated`.`business_day` AS `business_day`,`cumulated`.`tenant` AS `tenant`,`cumulated`.`kind`
    AS `kind`,`cumulated`.`route` AS `route`,`cumulated`.`cache` AS
    `cache`,`cumulated`.`model_revision` AS `model_revision`,max(`cumulated`.`total`) AS
    `answers`,round(max(case when `cumulated`.`reached` >= 0.5 * `cumulated`.`total` and
    `cumulated`.`reached` - `cumulated`.`answers` < 0.5 * `cumulated`.`total` then
    `cumulated`.`up_to_ms` * (1 - 0.159104 * (`cumulated`.`reached` - 0.5 * `cumulated`.`total`) /
    `cumulated`.`answers`) end),1) AS `p50_ms`,round(max(case when `cumulated`.`reached` >= 0.95 *
    `cumulated`.`total` and `cumulated`.`reached` - `cumulated`.`answers` < 0.95 *
    `cumulated`.`total` then `cumulated`.`up_to_ms` * (1 - 0.159104 * (`cumulated`.`reached` - 0.95
    * `cumulated`.`total`) / `cumulated`.`answers`) end),1) AS `p95_ms`,round(max(case when
    `cumulated`.`reached` >= 0.99 * `cumulated`.`total` and `cumulated`.`reached` -
    `cumulated`.`answers` < 0.99 * `cumulated`.`total` then `cumulated`.`up_to_ms` * (1 - 0.159104 *
    (`cumulated`.`reached` - 0.99 * `cumulated`.`total`) / `cumulated`.`answers`) end),1) AS
    `p99_ms` from (select `steps`.`business_day` AS `business_day`,`steps`.`tenant` AS
    `tenant`,`steps`.`kind` AS `kind`,`steps`.`route` AS `route`,`steps`.`cache` AS
    `cache`,`steps`.`model_revision` AS `model_revision`,`steps`.`up_to_ms` AS
    `up_to_ms`,`steps`.`answers` AS `answers`,sum(`steps`.`answers`) over ( partition by
    `steps`.`business_day`,`steps`.`tenant`,`steps`.`kind`,`steps`.`route`,`steps`.`cache`,`steps`.`model_revision`
    order by `steps`.`up_to_ms`) AS `reached`,sum(`steps`.`answers`) over ( partition by
    `steps`.`business_day`,`steps`.`tenant`,`steps`.`kind`,`steps`.`route`,`steps`.`cache`,`steps`.`model_revision`)
    AS `total` from (select `hourly_latency`.`business_day` AS
    `business_day`,`hourly_latency`.`tenant` AS `tenant`,`hourly_latency`.`kind` AS
    `kind`,`hourly_latency`.`route` AS `route`,`hourly_latency`.`cache` AS
    `cache`,`hourly_latency`.`model_revision` AS `model_revision`,`hourly_latency`.`up_to_ms` AS
    `up_to_ms`,sum(`hourly_latency`.`answers`) AS `answers` from `hourly_latency` group by
    `hourly_latency`.`business_day`,`hourly_latency`.`tenant`,`hourly_latency`.`kind`,`hourly_latency`.`route`,`hourly_latency`.`cache`,`hourly_latency`.`model_revision`,`hourly_latency`.`up_to_ms`)
    `steps`) `cumulated` group by
    `cumulated`.`business_day`,`cumulated`.`tenant`,`cumulated`.`kind`,`cumulated`.`route`,`cumulated`.`cache`,`cumulated`.`model_revision`;
CREATE ALGORITHM=UNDEFINED SQL SECURITY DEFINER VIEW `questions_by_day` AS select `q`.`business_day`
    AS `business_day`,`q`.`tenant` AS `tenant`,`q`.`question_hash` AS `question_hash`,`i`.`question`
    AS `question`,`q`.`language` AS `language`,`q`.`intent` AS `intent`,`q`.`asked` AS
    `asked`,`q`.`answered` AS `answered`,`q`.`from_cache` AS `from_cache`,`q`.`photos` AS
    `photos`,`q`.`sessions` AS `sessions` from (`daily_questions` `q` left join `interactions` `i`
    on(`i`.`interaction_id` = `q`.`example_id`));
CREATE ALGORITHM=UNDEFINED SQL SECURITY DEFINER VIEW `repeat_asks_by_day` AS select
    `daily_repeats`.`business_day` AS `business_day`,`daily_repeats`.`tenant` AS
    `tenant`,`daily_repeats`.`asks` AS `asks`,`daily_repeats`.`asks` - `daily_repeats`.`different`
    AS `repeated`,`daily_repeats`.`asks` - `daily_repeats`.`by_asker` AS
    `repeated_by_the_same`,round(100.0 * (`daily_repeats`.`asks` - `daily_repeats`.`different`) /
    `daily_repeats`.`asks`,1) AS `percent_repeated`,round(100.0 * (`daily_repeats`.`asks` -
    `daily_repeats`.`by_asker`) / `daily_repeats`.`asks`,1) AS `percent_repeated_by_the_same` from
    `daily_repeats`;
CREATE ALGORITHM=UNDEFINED SQL SECURITY DEFINER VIEW `session_funnel_by_day` AS select
    `daily_funnel`.`business_day` AS `business_day`,`daily_funnel`.`tenant` AS
    `tenant`,`daily_funnel`.`sessions` AS `sessions`,`daily_funnel`.`with_photo` AS
    `with_photo`,`daily_funnel`.`asked` AS `asked`,`daily_funnel`.`answered` AS
    `answered`,`daily_funnel`.`asked_again` AS `asked_again`,`daily_funnel`.`voted` AS
    `voted`,`daily_funnel`.`thumbs_up` AS `thumbs_up` from `daily_funnel`;
CREATE ALGORITHM=UNDEFINED SQL SECURITY DEFINER VIEW `topics_by_day` AS select `t`.`business_day` AS
    `business_day`,`t`.`tenant` AS `tenant`,`t`.`language` AS `language`,`t`.`intent` AS
    `intent`,`t`.`client` AS `client`,`t`.`asks` AS `asks`,`t`.`answered` AS `answered`,round(100.0
    * `t`.`asks` / `a`.`asks`,1) AS `percent_of_asks` from (`daily_topics` `t` join (select
    `daily_topics`.`business_day` AS `business_day`,`daily_topics`.`tenant` AS
    `tenant`,sum(`daily_topics`.`asks`) AS `asks` from `daily_topics` group by
    `daily_topics`.`business_day`,`daily_topics`.`tenant`) `a` on(`a`.`business_day` =
    `t`.`business_day` and `a`.`tenant` = `t`.`tenant`));
CREATE ALGORITHM=UNDEFINED SQL SECURITY DEFINER VIEW `unanswered_by_day` AS select
    `u`.`business_day` AS `business_day`,`u`.`tenant` AS `tenant`,`u`.`kind` AS `kind`,`u`.`outcome`
    AS `outcome`,`u`.`error_code` AS `error_code`,sum(`u`.`requests`) AS `requests`,round(100.0 *
    sum(`u`.`requests`) / max(`t`.`requests`),2) AS `percent_of_requests` from (`hourly_usage` `u`
    join (select `hourly_usage`.`business_day` AS `business_day`,`hourly_usage`.`tenant` AS
    `tenant`,sum(`hourly_usage`.`requests`) AS `requests` from `hourly_usage` group by
    `hourly_usage`.`business_day`,`hourly_usage`.`tenant`) `t` on(`t`.`business_day` =
    `u`.`business_day` and `t`.`tenant` = `u`.`tenant`)) where `u`.`outcome` <> 'answered' group by
    `u`.`business_day`,`u`.`tenant`,`u`.`kind`,`u`.`outcome`,`u`.`error_code`;
CREATE ALGORITHM=UNDEFINED SQL SECURITY DEFINER VIEW `usage_by_day` AS select `u`.`business_day` AS
    `business_day`,`u`.`tenant` AS `tenant`,`u`.`requests` AS `requests`,`u`.`questions_asked` AS
    `questions_asked`,`u`.`answered` AS `answered`,`u`.`refused` AS `refused`,`u`.`failed` AS
    `failed`,`u`.`cancelled` AS `cancelled`,`u`.`from_cache` AS `from_cache`,`r`.`users` AS
    `users`,`r`.`sessions` AS `sessions`,`r`.`photos` AS `photos`,`r`.`questions` AS
    `different_questions` from ((select `hourly_usage`.`business_day` AS
    `business_day`,`hourly_usage`.`tenant` AS `tenant`,sum(`hourly_usage`.`requests`) AS
    `requests`,sum(case when `hourly_usage`.`kind` = 'ask' then `hourly_usage`.`requests` else 0
    end) AS `questions_asked`,sum(case when `hourly_usage`.`outcome` = 'answered' then
    `hourly_usage`.`requests` else 0 end) AS `answered`,sum(case when `hourly_usage`.`outcome` =
    'refused' then `hourly_usage`.`requests` else 0 end) AS `refused`,sum(case when
    `hourly_usage`.`outcome` = 'failed' then `hourly_usage`.`requests` else 0 end) AS
    `failed`,sum(case when `hourly_usage`.`outcome` = 'cancelled' then `hourly_usage`.`requests`
    else 0 end) AS `cancelled`,sum(case when `hourly_usage`.`cache` in ('hit','stale','joined') and
    `hourly_usage`.`outcome` = 'answered' then `hourly_usage`.`requests` else 0 end) AS `from_cache`
    from `hourly_usage` group by `hourly_usage`.`business_day`,`hourly_usage`.`tenant`) `u` left
    join `daily_reach` `r` on(`r`.`business_day` = `u`.`business_day` and `r`.`tenant` =
    `u`.`tenant`));
