-- Companies and users as fields. Names and addresses are made up from the ids.
WITH users AS (
    SELECT user_id, company_id, state, replace(created_at, ' ', 'T') || 'Z' AS created_at
    FROM read_csv('users.csv.gz', header = true, all_varchar = true)
), companies AS (
    SELECT company_id, min(created_at) AS created_at FROM users GROUP BY company_id
), fields AS (
    SELECT company_id, NULL AS user_id, 'account.name' AS field, 'Company ' || company_id AS value, created_at FROM companies
    UNION ALL
    SELECT company_id, NULL, 'account.fresh', CASE WHEN created_at >= '2014-05-01' THEN 'true' ELSE 'false' END, created_at FROM companies
    UNION ALL
    SELECT company_id, user_id, 'contact.email', 'user' || user_id || '@company' || company_id || '.example', created_at FROM users
    UNION ALL
    SELECT company_id, user_id, 'contact.name', 'User ' || user_id, created_at FROM users
    UNION ALL
    SELECT company_id, user_id, 'contact.role', state, created_at FROM users
)
SELECT field || ':' || coalesce(user_id, company_id) AS source_id,
       company_id                                    AS account_id,
       user_id                                       AS contact_id,
       field,
       value,
       created_at                                    AS occurred_at
FROM fields
