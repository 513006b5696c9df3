-- CRM CSセンター伴走履歴: 担当者(会社ごと)、連絡先(人ごと)、講習とセミナーの予約・実施・欠席、ご担当の交代(contact_changed)、振り返り(reviewed)
SELECT id      AS source_id,
       company AS account_id,
       "user"  AS contact_id,
       CASE event WHEN 'course_held'        THEN 'course.held'
                  WHEN 'course_booked'      THEN 'course.booked'
                  WHEN 'seminar_registered' THEN 'seminar.registered'
                  WHEN 'seminar_attended'   THEN 'seminar.attended'
                  WHEN 'seminar_no_show'    THEN 'seminar.no_show'
                  ELSE 'crm.' || event END AS event,
       CASE WHEN field IN ('email', 'name', 'role', 'main') THEN 'contact.' || field
            ELSE 'crm.' || field END AS field,
       value,
       "at"    AS occurred_at
FROM read_csv('crm.csv', header = true, all_varchar = true)
