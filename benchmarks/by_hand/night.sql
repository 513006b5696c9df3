-- The benchmark workspace by hand for DuckDB. Python fills in the instant, the local day and the hundred lines of rules.py;
-- business_days(day, n) is a calendar table: n business days up to and including the day.
WITH visible AS (
    SELECT account_id, event, field, value, number, key, occurred_at, (occurred_at + 32400000000) // 86400000000 AS day
    FROM read_parquet('{records}')
    WHERE occurred_at <= {now} AND known_at <= {now}
),
folded AS (
    SELECT
        account_id,
        nullif(arg_max(value, occurred_at) FILTER (WHERE field = 'hearing.recruit_kind'), '') AS recruit_kind,
        nullif(arg_max(value, occurred_at) FILTER (WHERE field = 'hearing.will'), '') AS will,
        nullif(arg_max(number, occurred_at) FILTER (WHERE field = 'hearing.guidance_start'), {no_number}) AS guidance_start,
        nullif(arg_max(value, occurred_at) FILTER (WHERE field = 'sfa.contract'), '') AS contract,
        nullif(arg_max(number, occurred_at) FILTER (WHERE field = 'sfa.seats'), {no_number}) AS seats,
        count(*) FILTER (WHERE event = 'product.login' AND day BETWEEN {today} - 6 AND {today}) AS logins_7,
        count(*) FILTER (WHERE event = 'product.login' AND day BETWEEN {today} - 27 AND {today}) AS logins_28,
        count(*) FILTER (WHERE event = 'product.setting_saved' AND day BETWEEN {today} - 6 AND {today}) AS settings_7,
        count(*) FILTER (WHERE event = 'product.setting_saved' AND day BETWEEN {today} - 27 AND {today}) AS settings_28,
        count(*) FILTER (WHERE event = 'product.setting_error' AND day BETWEEN {today} - 6 AND {today}) AS errors_7,
        count(*) FILTER (WHERE event = 'product.setting_error' AND day BETWEEN {today} - 27 AND {today}) AS errors_28,
        count(*) FILTER (WHERE event = 'product.page_viewed' AND day BETWEEN {today} - 6 AND {today}) AS views_7,
        count(*) FILTER (WHERE event = 'product.page_viewed' AND day BETWEEN {today} - 27 AND {today}) AS views_28,
        count(*) FILTER (WHERE event = 'product.application_received' AND day BETWEEN {today} - 6 AND {today}) AS applications_7,
        count(*) FILTER (WHERE event = 'product.application_received' AND day BETWEEN {today} - 27 AND {today}) AS applications_28,
        coalesce(bit_count(bit_or(CASE WHEN event = 'product.login' AND day BETWEEN {today} - 27 AND {today} THEN 1::BIGINT << ({today} - day) END)), 0) AS active_28,
        coalesce(bit_count(bit_or(CASE WHEN event = 'product.login' AND day BETWEEN {today} - 55 AND {today} - 28 THEN 1::BIGINT << ({today} - 28 - day) END)), 0) AS active_before,
        max(occurred_at) FILTER (WHERE event = 'product.login') AS last_login,
        max(occurred_at) FILTER (WHERE event = 'product.setting_saved') AS last_setting,
        max(occurred_at) FILTER (WHERE event = 'product.flow_saved') AS last_flow,
        max(occurred_at) FILTER (WHERE event = 'sfa.applied') AS last_applied,
        max(occurred_at) FILTER (WHERE event IN ('call.talked', 'support.case_closed')) AS last_contact,
        min(occurred_at) FILTER (WHERE event = 'sfa.applied') AS own_applied,
        min(occurred_at) FILTER (WHERE event = 'product.account_issued') AS at_account_issued,
        min(occurred_at) FILTER (WHERE event = 'product.login') AS at_first_login,
        min(occurred_at) FILTER (WHERE event = 'product.settings_completed') AS at_initial_settings,
        min(occurred_at) FILTER (WHERE event = 'product.flow_published') AS at_flow_designed,
        min(occurred_at) FILTER (WHERE event = 'product.briefing_held') AS at_briefing_held,
        min(occurred_at) FILTER (WHERE event = 'product.interview_booked') AS at_interview_booked,
        min(occurred_at) FILTER (WHERE event = 'product.interview_held') AS at_interview_held,
        min(occurred_at) FILTER (WHERE event = 'sfa.lost') AS lost_at
    FROM visible
    GROUP BY account_id
),
cases AS (
    SELECT account_id, count(*) AS open_cases
    FROM (
        SELECT account_id
        FROM visible
        WHERE event IN ('support.case_opened', 'support.case_closed') AND key IS NOT NULL
        GROUP BY account_id, key
        HAVING max(occurred_at) FILTER (WHERE event = 'support.case_opened' AND day >= {today} - 29)
            > coalesce(max(occurred_at) FILTER (WHERE event = 'support.case_closed'), 0)
    )
    GROUP BY account_id
),
applications AS (
    SELECT account_id, count(*) AS unanswered
    FROM (
        SELECT account_id
        FROM visible
        WHERE event IN ('product.application_received', 'product.applicant_replied') AND key IS NOT NULL
        GROUP BY account_id, key
        HAVING max(occurred_at) FILTER (WHERE event = 'product.application_received' AND occurred_at <= {now} - 36 * 3600000000)
            > coalesce(max(occurred_at) FILTER (WHERE event = 'product.applicant_replied'), 0)
    )
    GROUP BY account_id
),
steps AS (
    SELECT
        folded.*,
        coalesce(own_applied, least(at_account_issued, at_first_login, at_initial_settings, at_flow_designed, at_briefing_held, at_interview_booked, at_interview_held)) AS at_applied,
        CASE
            WHEN at_applied IS NULL THEN 'applied'
            WHEN at_account_issued IS NULL THEN 'account_issued'
            WHEN at_first_login IS NULL THEN 'first_login'
            WHEN at_initial_settings IS NULL THEN 'initial_settings'
            WHEN at_flow_designed IS NULL THEN 'flow_designed'
            WHEN at_briefing_held IS NULL AND recruit_kind = 'new_grad' THEN 'briefing_held'
            WHEN at_briefing_held IS NULL AND recruit_kind IS NULL THEN NULL
            WHEN at_interview_booked IS NULL THEN 'interview_booked'
            WHEN at_interview_held IS NULL THEN 'interview_held'
            ELSE 'complete'
        END AS next_step,
        CASE next_step
            WHEN 'account_issued' THEN at_applied
            WHEN 'first_login' THEN greatest(at_applied, at_account_issued)
            WHEN 'initial_settings' THEN greatest(at_applied, at_account_issued, at_first_login, last_setting)
            WHEN 'flow_designed' THEN greatest(at_applied, at_account_issued, at_first_login, at_initial_settings, last_flow)
            WHEN 'briefing_held' THEN greatest(at_applied, at_account_issued, at_first_login, at_initial_settings, at_flow_designed)
            WHEN 'interview_booked' THEN greatest(at_applied, at_account_issued, at_first_login, at_initial_settings, at_flow_designed, at_briefing_held)
            WHEN 'interview_held' THEN greatest(at_applied, at_account_issued, at_first_login, at_initial_settings, at_flow_designed, at_briefing_held, at_interview_booked)
        END AS stalled_since
    FROM folded
),
facts AS (
    SELECT
        steps.*,
        coalesce(cases.open_cases, 0) AS open_cases,
        coalesce(applications.unanswered, 0) AS unanswered,
        {today} - (last_login + 32400000000) // 86400000000 AS login_gap,
        {today} - (greatest(last_setting, last_flow) + 32400000000) // 86400000000 AS setting_gap,
        {today} - (last_applied + 32400000000) // 86400000000 AS days_from_apply,
        {today} - (coalesce(last_contact, last_applied) + 32400000000) // 86400000000 AS contact_gap,
        guidance.n - now.n AS days_to_guidance,
        now.n - stalled.n AS stalled_days,
        CASE WHEN days_to_guidance >= 41 THEN 'later' WHEN days_to_guidance BETWEEN 1 AND 40 THEN 'soon' ELSE 'now' END AS timing,
        CASE
            WHEN recruit_kind = 'new_grad' AND contains(will, '|briefing|') THEN 'briefing'
            WHEN contains(will, '|schedule|') THEN 'schedule'
            WHEN contains(will, '|list|') THEN 'list'
            ELSE 'unclear'
        END AS main_will,
        CASE
            WHEN timing IN ('later', 'soon') THEN 'step'
            WHEN days_from_apply >= 60 AND at_initial_settings IS NOT NULL AND at_interview_booked IS NULL AND stalled_days >= 10 AND active_28 <= 3 THEN 'restart'
            ELSE 'step'
        END AS approach
    FROM steps
    LEFT JOIN cases USING (account_id)
    LEFT JOIN applications USING (account_id)
    LEFT JOIN business_days AS guidance ON guidance.day = guidance_start
    LEFT JOIN business_days AS stalled ON stalled.day = (stalled_since + 32400000000) // 86400000000
    JOIN business_days AS now ON now.day = {today}
)
SELECT
    account_id, recruit_kind, next_step, stalled_days, will, guidance_start, contract, seats, logins_7, logins_28, settings_7, settings_28,
    errors_7, errors_28, views_7, views_28, applications_7, applications_28, active_28,
    active_before, login_gap, setting_gap, days_from_apply, contact_gap, days_to_guidance, open_cases, unanswered,
    timing, main_will, approach,
{rules},
    (contract = 'closed' OR lost_at IS NOT NULL) AS excluded
FROM facts
