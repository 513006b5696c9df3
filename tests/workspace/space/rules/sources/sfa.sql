-- SFA 営業対応履歴: event の行(申込・更新・失注)と field の行(会社名・プラン・更新日・契約)が混ざる
SELECT id             AS source_id,
       company        AS account_id,
       'sfa.' || event AS event,
       CASE field WHEN 'company_name' THEN 'account.name'
                  WHEN 'plan'         THEN 'account.plan'
                  ELSE 'sfa.' || field END AS field,
       value,
       "at"           AS occurred_at
FROM read_csv('sfa.csv', header = true, all_varchar = true)
