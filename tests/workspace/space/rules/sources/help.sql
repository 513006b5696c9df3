-- ヘルプサイトの閲覧: product と同じ形。イベント名に help. を付ける
SELECT id                  AS source_id,
       company             AS account_id,
       "user"              AS contact_id,
       'help.' || event    AS event,
       "at"                AS occurred_at,
       props               AS properties
FROM read_json('help.jsonl', format = 'newline_delimited',
               columns = {id: 'VARCHAR', company: 'VARCHAR', "user": 'VARCHAR', event: 'VARCHAR', "at": 'VARCHAR', props: 'JSON'})
