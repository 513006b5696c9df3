-- CTI サポートセンター応対履歴: case_opened → support.case_opened、call_talked・call_absent・call_later・call_wrong_contact → call.*
SELECT id      AS source_id,
       company AS account_id,
       "user"  AS contact_id,
       CASE WHEN event LIKE 'call\_%' ESCAPE '\' THEN 'call.' || substr(event, 6)
            ELSE 'support.' || event END AS event,
       "at"    AS occurred_at,
       CASE WHEN case_id IS NOT NULL THEN json_object('case_id', case_id) END AS properties
FROM read_csv('cti.csv', header = true, all_varchar = true)
