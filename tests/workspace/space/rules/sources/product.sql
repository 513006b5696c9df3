-- プロダクトログ: 1行が1つのJSON。イベント名に product. を付ける
SELECT id                  AS source_id,
       company             AS account_id,
       "user"              AS contact_id,
       'product.' || event AS event,
       "at"                AS occurred_at,
       props               AS properties
FROM read_json('product.jsonl', format = 'newline_delimited',
               columns = {id: 'VARCHAR', company: 'VARCHAR', "user": 'VARCHAR', event: 'VARCHAR', "at": 'VARCHAR', props: 'JSON'})
