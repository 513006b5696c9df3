"""Named leases: one holder at a time, and none for ever."""

from sqlalchemy import Connection, delete, or_, select

from engine.ledger.rows import insert
from engine.ledger.tables import leases


def take_lease(connection: Connection, name: str, owner: str, now: int, until: int) -> str | None:
    """Take or renew a lease, in one statement, for of two that find it free only one may get it. Returns the other owner if it is held, else None."""
    statement = insert(connection, leases).values(name=name, owner=owner, until=until)
    free = or_(leases.c.owner == owner, leases.c.until <= now)
    connection.execute(statement.on_conflict_do_update(index_elements=["name"], set_={"owner": owner, "until": until}, where=free))
    holder = connection.scalar(select(leases.c.owner).where(leases.c.name == name))
    return None if holder == owner else str(holder)


def give_lease_back(connection: Connection, name: str, owner: str) -> None:
    connection.execute(delete(leases).where(leases.c.name == name, leases.c.owner == owner))


def take_turn(connection: Connection, name: str, now: int, until: int) -> bool:
    """Whether it is the caller's turn to do what shall be done once until then by all together."""
    return take_lease(connection, f"turn {name}", str(now), now, until) is None
