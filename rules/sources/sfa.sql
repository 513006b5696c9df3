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
UNION ALL
-- 継続・解約の理由は event の行の value に入る。空なら、前の年の理由を消して「理由がまだない」に戻す
SELECT id || '/reason', company, NULL, 'sfa.renewal_reason', coalesce(value, ''), "at"
FROM read_csv('sfa.csv', header = true, all_varchar = true)
WHERE event IN ('renewed', 'lost')
