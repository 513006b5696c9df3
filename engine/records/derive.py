"""Derives `value`, `number` and `key` of records already in the lake again, after a declaration in the workspace changed."""

from collections.abc import Mapping

import pyarrow as pa
from duckdb import DuckDBPyConnection

from engine.calendar import Zone
from engine.records.record import NO_NUMBER, NO_VALUE
from engine.records.values import normalise


def derive_again(conn: DuckDBPyConnection, table: str, kinds: Mapping[str, str], item_keys: Mapping[str, str], zone: Zone) -> None:
    """Rewrite the derived columns of a temp table of records. What a value says is its canonical text, read by the kind declared now."""
    rows = conn.execute(f"SELECT rowid, field, value, occurred_at FROM {table} WHERE field IS NOT NULL").fetchall()
    read = [(row, *normalise(kinds.get(field, "text"), value or NO_VALUE, zone.day(at))) for row, field, value, at in rows]
    found = pa.table(
        {
            "n": pa.array([row for row, _, _ in read], pa.int64()),
            "meant": pa.array([text for _, text, _ in read], pa.string()),
            "reads": pa.array([NO_NUMBER if number is None else number for _, _, number in read], pa.int64()),
        }
    )
    conn.register("banso_read", found)
    conn.execute(f"UPDATE {table} SET value = meant, number = reads FROM banso_read WHERE {table}.rowid = n")
    conn.unregister("banso_read")
    conn.execute(f"UPDATE {table} SET key = NULL WHERE field IS NULL")
    for event, name in item_keys.items():
        conn.execute(f"UPDATE {table} SET key = json_extract_string(properties, ?) WHERE event = ?", [f'$."{name}"', event])
