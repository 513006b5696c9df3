"""Named leases: one holder at a time, and none for ever."""

from sqlalchemy import Connection, delete, select

from engine.ledger.instants import insert
from engine.ledger.tables import leases


def take_lease(connection: Connection, name: str, owner: str, now: int, until: int) -> str | None:
    """Take or renew a lease. Returns the other owner if it is held, else None."""
    held = connection.execute(select(leases.c.owner, leases.c.until).where(leases.c.name == name).with_for_update()).first()
    if held is not None and held.owner != owner and held.until > now:
        return str(held.owner)
    statement = insert(connection, leases).values(name=name, owner=owner, until=until)
    connection.execute(statement.on_conflict_do_update(index_elements=["name"], set_={"owner": owner, "until": until}))
    return None


def give_lease_back(connection: Connection, name: str, owner: str) -> None:
    connection.execute(delete(leases).where(leases.c.name == name, leases.c.owner == owner))
