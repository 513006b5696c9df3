"""The main contact of many accounts in one statement; says the same as `engine.decision.recipient.main_contact` of each account's fold."""

from collections.abc import Sequence

import duckdb
import pyarrow as pa

Contact = tuple[str, str | None, str | None, str | None]  # contact id, address, name, role

MAIN_CONTACTS = """
WITH said AS (
    SELECT account_id, contact_id,
           arg_max(value, (occurred_at, source, source_id)) FILTER (WHERE field = 'contact.main')  AS main,
           max(occurred_at)                                 FILTER (WHERE field = 'contact.main')  AS main_at,
           arg_max(value, (occurred_at, source, source_id)) FILTER (WHERE field = 'contact.email') AS email,
           arg_max(value, (occurred_at, source, source_id)) FILTER (WHERE field = 'contact.name')  AS name,
           arg_max(value, (occurred_at, source, source_id)) FILTER (WHERE field = 'contact.role')  AS role,
           max(occurred_at)                                 FILTER (WHERE event LIKE '%.login')    AS login
    FROM {relation} SEMI JOIN {asked} USING (account_id)
    WHERE contact_id IS NOT NULL AND (field LIKE 'contact.%' OR event LIKE '%.login')
      AND occurred_at <= {instant} AND known_at <= {instant}
    GROUP BY account_id, contact_id
)
SELECT DISTINCT ON (account_id) account_id, contact_id, nullif(email, '') AS email, nullif(name, '') AS name, nullif(role, '') AS role
FROM said
ORDER BY account_id, CASE WHEN lower(main) IN ('true', '1', 'yes') THEN -main_at ELSE 1 END, -coalesce(login, -1), contact_id
"""


def contacts_query(asked: str, instant: int, relation: str = "records") -> str:
    """SELECT of account_id, contact_id, email, name, role for the accounts of a relation, as known at an instant."""
    return MAIN_CONTACTS.format(asked=asked, instant=int(instant), relation=relation)


def main_contacts(duck: duckdb.DuckDBPyConnection, accounts: Sequence[str], instant: int) -> dict[str, Contact]:
    """Account → its main contact as known at an instant; accounts without any contact are left out."""
    duck.register("asked", pa.table({"account_id": pa.array(accounts, pa.string())}))
    rows = duck.execute(contacts_query("asked", instant)).fetchall()
    duck.unregister("asked")
    return {account: (contact, email, name, role) for account, contact, email, name, role in rows}
