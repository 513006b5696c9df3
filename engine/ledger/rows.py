"""Many rows in one statement, and rows that may be there already, in the words of either store.

On PostgreSQL many rows travel as one JSON text instead of a message each.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any, cast

from sqlalchemy import Connection, bindparam, text, update
from sqlalchemy.dialects.postgresql import Insert
from sqlalchemy.dialects.postgresql import insert as pg_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert
from sqlalchemy.sql.schema import Table

COUNTED = {"preserve_rowcount": True}  # else SQLAlchemy does not ask how many rows went in


def insert(connection: Connection, table: Table) -> Insert:
    """An INSERT that can say ON CONFLICT, in the connection's dialect."""
    if connection.dialect.name == "sqlite":
        return cast("Insert", sqlite_insert(table))  # another class with the same words
    return pg_insert(table)


def insert_new(connection: Connection, table: Table, rows: Sequence[Mapping[str, Any]]) -> int:
    """Rows with equal keys of dictionary; one whose key is taken stays away. Returns how many were new."""
    if not rows:
        return 0
    if connection.dialect.name == "sqlite":
        unless_there = insert(connection, table).on_conflict_do_nothing()
        return connection.execute(unless_there, list(rows), execution_options=COUNTED).rowcount
    names = ", ".join(f'"{name}"' for name in rows[0])
    taken = text(f'INSERT INTO "{table.name}" ({names}) SELECT {names} FROM {_recordset(table)} ON CONFLICT DO NOTHING')
    return connection.execute(taken, _as_json(rows), execution_options=COUNTED).rowcount


def change_rows(connection: Connection, table: Table, rows: Sequence[Mapping[str, Any]]) -> None:
    """Each row's `id` says which row becomes like it in the other columns it names; all name the same."""
    names = [name for name in rows[0] if name != "id"] if rows else []
    if not names:
        return
    if connection.dialect.name == "sqlite":
        values: dict[str, Any] = {name: bindparam(f"new_{name}") for name in names}
        change = update(table).where(table.c.id == bindparam("new_id")).values(**values)
        connection.execute(change, [{f"new_{name}": value for name, value in row.items()} for row in rows])
        return
    values_text = ", ".join(f'"{name}" = new."{name}"' for name in names)
    changed = text(f'UPDATE "{table.name}" SET {values_text} FROM {_recordset(table)} AS new WHERE "{table.name}".id = new.id')
    connection.execute(changed, _as_json(rows))


def _recordset(table: Table) -> str:
    return f'json_populate_recordset(NULL::"{table.name}", CAST(:rows AS json))'


def _as_json(rows: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    return {"rows": json.dumps(rows, ensure_ascii=False, allow_nan=False)}
