"""Approvals: who allowed which content of a rule to reach everyone. Rows are only ever added."""

from collections.abc import Sequence

from sqlalchemy import Connection, RowMapping, select

from engine.ledger.rows import insert
from engine.ledger.tables import approvals


def approve(connection: Connection, rule: str, content: str, by: str, at: int, accounts: int) -> None:
    """`accounts`: how many the rule would have reached, the first measure of what is usual for it."""
    row = {"rule": rule, "content": content, "by": by, "at": at, "accounts": accounts}
    connection.execute(insert(connection, approvals).values(**row).on_conflict_do_nothing(index_elements=["rule", "content"]))


def approved(connection: Connection) -> set[tuple[str, str]]:
    """(rule, content) of every approval."""
    return {(row.rule, row.content) for row in connection.execute(select(approvals.c.rule, approvals.c.content))}


def approvals_of(connection: Connection, names: Sequence[str]) -> list[RowMapping]:
    """The approvals of a rule under any of its names, newest first."""
    wanted = select(approvals).where(approvals.c.rule.in_(names)).order_by(approvals.c.at.desc())
    return list(connection.execute(wanted).mappings())
