-- What the former mail tool sent, and how users answered.
SELECT u.company_id                            AS account_id,
       m.user_id                               AS contact_id,
       CASE m.action WHEN 'sent_weekly_digest'      THEN 'legacy.digest_sent'
                     WHEN 'sent_reengagement_email' THEN 'legacy.reengagement_sent'
                     WHEN 'email_open'              THEN 'legacy.opened'
                     WHEN 'email_clickthrough'      THEN 'legacy.clicked'
                     ELSE 'legacy.' || m.action END AS event,
       replace(m.occurred_at, ' ', 'T') || 'Z' AS occurred_at
FROM read_csv('emails.csv.gz', header = true, all_varchar = true) AS m
JOIN read_csv('users.csv.gz', header = true, all_varchar = true) AS u ON u.user_id = m.user_id
