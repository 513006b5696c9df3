"""What all workers know together of the servers they talk to: breakers that are open, and how fast letters went lately."""

from collections.abc import Iterable, Mapping

from sqlalchemy import Connection, bindparam, delete, select

from engine.ledger.among import among
from engine.ledger.rows import insert
from engine.ledger.tables import breakers, rates
from engine.touches.breaker import Breaker

# What every wave asks, built once.
_OPEN = select(breakers).where(breakers.c.open_until > bindparam("now"))
_CLOSE = delete(breakers).where(among(breakers.c.name, "names"))


def breakers_of(connection: Connection, names: Iterable[str]) -> dict[str, Breaker]:
    """Those of these names that failed since they last took a letter."""
    asked = sorted(set(names))
    if not asked:
        return {}
    wanted = select(breakers).where(breakers.c.name.in_(asked)).order_by(breakers.c.name)
    return {row["name"]: Breaker(**row) for row in connection.execute(wanted).mappings()}


def open_breakers(connection: Connection, now: int) -> dict[str, Breaker]:
    """The relays and domains that are left alone."""
    rows = connection.execute(_OPEN, {"now": now}).mappings()
    return {row["name"]: Breaker(**row) for row in rows}


def all_breakers(connection: Connection) -> list[Breaker]:
    return [Breaker(**row) for row in connection.execute(select(breakers).order_by(breakers.c.name)).mappings()]


def keep_breaker(connection: Connection, breaker: Breaker) -> None:
    values = {"failures": breaker.failures, "open_until": breaker.open_until, "reason": breaker.reason}
    statement = insert(connection, breakers).values(name=breaker.name, **values)
    connection.execute(statement.on_conflict_do_update(index_elements=["name"], set_=values))


def close_breakers(connection: Connection, names: Iterable[str]) -> None:
    if wanted := sorted(set(names)):
        connection.execute(_CLOSE, {"names": wanted})


def full_until(connection: Connection, names: Iterable[str]) -> dict[str, int]:
    """Name → the instant until which its bucket is full. Made where there is none, so that two workers wait for each other from the first letter on."""
    sorted_names = sorted(set(names))
    made = insert(connection, rates).on_conflict_do_nothing()
    connection.execute(made, [{"name": name, "full_until": 0} for name in sorted_names])
    wanted = select(rates).where(rates.c.name.in_(sorted_names)).order_by(rates.c.name).with_for_update()
    return {row.name: row.full_until for row in connection.execute(wanted)}


def keep_full_until(connection: Connection, found: Mapping[str, int]) -> None:
    for name in sorted(found):
        connection.execute(rates.update().where(rates.c.name == name).values(full_until=found[name]))
