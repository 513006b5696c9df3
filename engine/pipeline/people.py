"""The main contacts of all accounts, kept from night to night of a backtest: only those of whom something was heard are looked up anew."""

from dataclasses import dataclass

import duckdb

from engine.calendar import EARLIEST
from engine.records.contacts import contacts_query

PEOPLE = "people"
HEARD = "heard"  # the accounts of whose people something was heard since the last night
OF_PEOPLE = "of_people"
SAID = "contact_id IS NOT NULL AND (field LIKE 'contact.%' OR event LIKE '%.login')"


@dataclass
class People:
    """Reads the relation `records` once, when it is made."""

    duck: duckdb.DuckDBPyConnection
    _last: int = EARLIEST

    def __post_init__(self) -> None:
        columns = "account_id, contact_id, source, source_id, event, field, value, occurred_at, known_at, greatest(occurred_at, known_at) AS heard_at"
        self.duck.execute(f"CREATE OR REPLACE TEMP TABLE {OF_PEOPLE} AS SELECT {columns} FROM records WHERE {SAID} ORDER BY account_id")
        nobody = contacts_query(f"(SELECT account_id FROM {OF_PEOPLE} LIMIT 0)", EARLIEST, OF_PEOPLE)
        self.duck.execute(f"CREATE OR REPLACE TEMP TABLE {PEOPLE} AS {nobody}")

    def hear(self, instant: int) -> None:
        """Bring PEOPLE to an instant later than the last; who of them was heard of stands in HEARD."""
        since = f"heard_at > {self._last} AND heard_at <= {instant}"
        self.duck.execute(f"CREATE OR REPLACE TEMP TABLE {HEARD} AS SELECT DISTINCT account_id FROM {OF_PEOPLE} WHERE {since}")
        self.duck.execute(f"DELETE FROM {PEOPLE} WHERE account_id IN (SELECT account_id FROM {HEARD})")
        self.duck.execute(f"INSERT INTO {PEOPLE} {contacts_query(HEARD, instant, OF_PEOPLE)}")
        self._last = instant
