"""What must be true after a run, told from the relay's list and the rows of the ledger alone."""

from collections import Counter

from sqlalchemy import select

from engine.ledger.overview import books
from engine.ledger.tables import tail, touches
from tests.faults.town import ACCOUNTS, AWAY, Eve, Town

NEVER_TAKEN = frozenset({"failed", "expired", "dropped", "withheld"})


def run(eve: Eve, seed: int, *, name: str = "town", away: float = AWAY) -> tuple[list[str], Town]:
    """The morning of a seed, and what was wrong with it."""
    town = Town(eve, eve.story.folder / f"{name}-{seed}", seed, away)
    try:
        town.run()
        return wrongs(town), town
    finally:
        town.close()


def wrongs(town: Town) -> list[str]:
    """Every broken promise of a run that has come to rest; empty if none is."""
    with town.ledger.read() as connection:
        rows = connection.execute(select(touches)).mappings().all()
        told = Counter(connection.scalars(select(tail.c.source_id).where(tail.c.source == "banso")))
        unbalanced = [book for book in books(connection) if not book.balances]
    taken, found = town.relay.times_taken(), list(town.broken_rules)
    found += [f"taken {number} times: {touch}" for touch, number in taken.items() if number > 1]
    for row in rows:
        times, state = taken.get(row["id"], 0), row["state"]
        if state == "sent" and times != 1:
            found.append(f"said to be sent, taken {times} times: {row['id']}")
        if state in NEVER_TAKEN and times:
            found.append(f"said to be {state}, and taken: {row['id']}")
        if state not in NEVER_TAKEN | {"sent"}:
            found.append(f"did not come to rest: {row['id']} is {state} ({row['reason']})")
        if (told.get(f"{row['id']}:sent", 0) == 1) != (state == "sent"):
            found.append(f"{told.get(row['id'] + ':sent', 0)} records of having sent what is {state}: {row['id']}")
    found += [f"{what}: {touch}" for what, ids in town.forbidden for touch in sorted(ids & taken.keys())]
    found += [f"other bytes the second time: {touch}" for touch, bodies in town.relay.bytes_of.items() if len(bodies) > 1]
    found += [f"books: {book}" for book in unbalanced]
    if len(rows) != ACCOUNTS:
        found.append(f"{len(rows)} touches of {ACCOUNTS}")
    return found
