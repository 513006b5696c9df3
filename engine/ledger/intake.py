"""What the HTTP door remembers of messages: those seen lately, who is who, and what strangers said."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass

from sqlalchemy import Connection, and_, bindparam, delete, func, or_, select

from engine.ledger.among import among
from engine.ledger.doors import identities, seen, strangers
from engine.ledger.rows import insert, insert_new, insert_new_ids
from engine.wire.identity import Link

# What every request asks, built once.
_SEEN = select(seen.c.id, seen.c.digest).where(among(seen.c.id, "ids"))
_IDENTITIES = select(identities).where(among(identities.c.name, "names"))
_OTHER_NAMES = select(identities.c.name).where(among(identities.c.is_now, "names"), identities.c.kind != "member")
_WAITING = select(strangers).where(among(strangers.c.name, "names")).order_by(strangers.c.received_at, strangers.c.id)
_MEMBERS = select(identities.c.name).where(identities.c.kind == "member")
_RENAMED = select(identities.c.name).where(identities.c.kind != "member", identities.c.is_now.in_(_MEMBERS))
_KNOWN = (
    select(strangers).where(or_(strangers.c.name.in_(_MEMBERS), strangers.c.name.in_(_RENAMED))).order_by(strangers.c.received_at, strangers.c.id)
)
_FORGET = delete(strangers).where(among(strangers.c.id, "ids"))
_FORGET_IDS = delete(seen).where(among(seen.c.id, "ids"))
_FORGET_SEEN = delete(seen).where(seen.c.at < bindparam("before"))


@dataclass(frozen=True)
class Stranger:
    """A message of somebody whose account nobody knows yet. `sources`: those of the key it came with, with spaces between; `message`: as JSON."""

    id: str
    name: str
    sources: str
    message: str
    received_at: int


def seen_before(connection: Connection, digests: Mapping[str, str], now: int) -> dict[str, str]:
    """Remember messages (id → digest). Returns those that were there already, with the digest they came with first.

    Who comes at the same moment with the same id waits for the other's transaction, and then finds it here.
    """
    rows = [{"id": name, "digest": digest, "at": now} for name, digest in sorted(digests.items())]
    known = list(digests.keys() - insert_new_ids(connection, seen, rows))
    return dict(connection.execute(_SEEN, {"ids": known}).all()) if known else {}


def forget_ids(connection: Connection, ids: Collection[str]) -> None:
    """Messages of which nothing was kept but in the quarantine: mended, they may come again under their ids."""
    if ids:
        connection.execute(_FORGET_IDS, {"ids": sorted(ids)})


def forget_seen(connection: Connection, before: int) -> int:
    """Messages that nobody repeats any more. Returns how many."""
    return connection.execute(_FORGET_SEEN, {"before": before}).rowcount


def links_of(connection: Connection, names: Collection[str]) -> dict[tuple[str, str], Link]:
    """What is known of these names, by kind and name."""
    rows = connection.execute(_IDENTITIES, {"names": sorted(names)}).mappings()
    return {(row["kind"], row["name"]): Link(**row) for row in rows}


def other_names(connection: Connection, names: Collection[str]) -> set[str]:
    """What the persons of these names were called before."""
    return set(connection.scalars(_OTHER_NAMES, {"names": sorted(names)})) if names else set()


def keep_links(connection: Connection, links: Iterable[Link]) -> None:
    """What is known of names; of two that say otherwise the later counts, at the same instant the greater message."""
    rows = [asdict(link) for link in links]
    if not rows:
        return
    statement = insert(connection, identities)
    new, old = statement.excluded, identities.c
    later = or_(new.at > old.at, and_(new.at == old.at, new.message > old.message))
    update = {name: new[name] for name in ("is_now", "at", "message")}
    rows.sort(key=lambda row: (row["kind"], row["name"]))  # who keeps the same ones at once waits, and never in a circle
    connection.execute(statement.on_conflict_do_update(index_elements=["kind", "name"], set_=update, where=later), rows)


def keep_strangers(connection: Connection, new: Sequence[Stranger]) -> None:
    insert_new(connection, strangers, [asdict(each) for each in new])


def strangers_named(connection: Connection, names: Collection[str]) -> list[Stranger]:
    """Their messages in the order they came."""
    return [Stranger(**row) for row in connection.execute(_WAITING, {"names": sorted(names)}).mappings()] if names else []


def strangers_known(connection: Connection, limit: int) -> list[Stranger]:
    """Messages of people whose account is known after all: it was told at the very moment at which they were kept."""
    return [Stranger(**row) for row in connection.execute(_KNOWN.limit(limit)).mappings()]


def forget_strangers(connection: Connection, ids: Collection[str]) -> None:
    if ids:
        connection.execute(_FORGET, {"ids": sorted(ids)})


def count_strangers(connection: Connection) -> int:
    return int(connection.scalar(select(func.count()).select_from(strangers)) or 0)
