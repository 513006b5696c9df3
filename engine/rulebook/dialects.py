"""The engines that run the statement, and the little in which they differ. Everything else sqlglot writes for each by itself."""

from collections.abc import Callable, Mapping
from typing import Literal

from sqlglot import exp

Dialect = Literal["duckdb", "clickhouse"]
Rewriting = Callable[[exp.Expr], exp.Expr]


def _bit_count(node: exp.Expr) -> exp.Expr:
    return exp.Anonymous(this="bitCount", expressions=[node.this])


def _whole_division(node: exp.Expr) -> exp.Expr:
    """Else sqlglot would divide as floating point and cast, which is wrong in the last digits of large numbers."""
    return exp.Anonymous(this="intDiv", expressions=[node.this, node.expression])


def _bounded_shift(node: exp.Expr) -> exp.Expr:
    """ClickHouse shifts before it looks at the CASE around, and refuses distances that no word has; the CASE drops what comes of them."""
    distance = exp.Least(this=exp.Greatest(this=node.expression, expressions=[exp.Literal.number(0)]), expressions=[exp.Literal.number(63)])
    return exp.Anonymous(this="bitShiftLeft", expressions=[node.this, distance])


# What an engine says otherwise than sqlglot thinks.
REWRITTEN: Mapping[Dialect, Mapping[type[exp.Expr], Rewriting]] = {
    "duckdb": {},
    "clickhouse": {exp.BitwiseLeftShift: _bounded_shift, exp.BitwiseCount: _bit_count, exp.IntDiv: _whole_division},
}

# Without these ClickHouse makes 0 of what is missing, in outer joins and in aggregates over no rows.
SETTINGS: Mapping[Dialect, Mapping[str, int]] = {
    "duckdb": {},
    "clickhouse": {"join_use_nulls": 1, "aggregate_functions_null_for_empty": 1},
}


def sql_text(query: exp.Select, dialect: Dialect) -> str:
    """The query as text for an engine, settings included. Takes the query: it is changed on the way."""
    for kind, rewritten in REWRITTEN[dialect].items():
        for node in list(query.find_all(kind)):
            node.replace(rewritten(node))
    settings = ", ".join(f"{name} = {value}" for name, value in SETTINGS[dialect].items())
    return query.sql(dialect=dialect, copy=False) + (f" SETTINGS {settings}" if settings else "")
