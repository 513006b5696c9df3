-- CRM CSセンター伴走履歴: 担当者(会社ごと)、連絡先(人ごと)、講習とセミナーの実施
SELECT id      AS source_id,
       company AS account_id,
       "user"  AS contact_id,
       CASE event WHEN 'course_held'      THEN 'course.held'
                  WHEN 'seminar_attended' THEN 'seminar.attended'
                  ELSE 'crm.' || event END AS event,
       CASE WHEN field IN ('email', 'name', 'role', 'main') THEN 'contact.' || field
            ELSE 'crm.' || field END AS field,
       value,
       "at"    AS occurred_at
FROM read_csv('crm.csv', header = true, all_varchar = true)
