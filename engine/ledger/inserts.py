"""Rows that may be there already: INSERT with ON CONFLICT in the words of either store, one at a time or many at once."""

import json
from collections.abc import Mapping, Sequence
from typing import Any, cast

from sqlalchemy import Connection, text
from sqlalchemy.dialects.postgresql import Insert
from sqlalchemy.dialects.postgresql import insert as pg_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert
from sqlalchemy.sql.schema import Table


def insert(connection: Connection, table: Table) -> Insert:
    """An INSERT that can say ON CONFLICT, in the connection's dialect."""
    if connection.dialect.name == "sqlite":
        return cast("Insert", sqlite_insert(table))  # another class with the same words
    return pg_insert(table)


def insert_new(connection: Connection, table: Table, rows: Sequence[Mapping[str, Any]]) -> None:
    """Rows with equal keys of dictionary, many at once; one whose key is taken stays away.

    On PostgreSQL they travel as one JSON text instead of a message each.
    """
    if not rows:
        return
    if connection.dialect.name == "sqlite":
        connection.execute(insert(connection, table).on_conflict_do_nothing(), list(rows))
        return
    names = ", ".join(f'"{name}"' for name in rows[0])
    taken = f'INSERT INTO "{table.name}" ({names}) SELECT {names} FROM json_populate_recordset(NULL::"{table.name}", CAST(:rows AS json)) '
    connection.execute(text(f"{taken} ON CONFLICT DO NOTHING"), {"rows": json.dumps(rows, ensure_ascii=False)})
