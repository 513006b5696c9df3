-- Product log, one row per event. Rows have no id; the workspace says `dedupe: content`.
-- An event knows its user only; the company comes from users.csv.gz.
SELECT u.company_id                              AS account_id,
       e.user_id                                 AS contact_id,
       'product.' || e.event_name                AS event,
       replace(e.occurred_at, ' ', 'T') || 'Z'   AS occurred_at,
       json_object('location', e.location, 'device', e.device) AS properties
FROM read_csv('events.csv.gz', header = true, all_varchar = true) AS e
JOIN read_csv('users.csv.gz', header = true, all_varchar = true) AS u ON u.user_id = e.user_id
