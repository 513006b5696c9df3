-- 事前ヒアリングの答え。日付の書き方はまちまちでよい(読み込む時に banso が揃える)
SELECT id                  AS source_id,
       company             AS account_id,
       'hearing.' || field AS field,
       value,
       "at"                AS occurred_at
FROM read_csv('hearing.csv', header = true, all_varchar = true)
