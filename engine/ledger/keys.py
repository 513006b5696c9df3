"""Keys by which products send events and sign tokens. Only their hashes are kept."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, Connection, RowMapping, and_, or_, select, update

from engine.ledger.doors import api_keys
from engine.ledger.rows import COUNTED, insert


@dataclass(frozen=True)
class Key:
    """Who knocks. `sources`: those it may write for, first that of names without a prefix; `scopes`: see engine.pipeline.keys."""

    name: str
    scopes: frozenset[str]
    sources: Sequence[str]
    created_at: int
    created_by: str
    expires_at: int | None = None
    used_at: int | None = None
    revoked_at: int | None = None


def add_key(connection: Connection, key: Key, digest: str) -> bool:
    """Returns False if there is one of that name already; a name is used once, so that old lines of a log stay clear."""
    words = {"scopes": " ".join(sorted(key.scopes)), "sources": " ".join(key.sources)}
    values = {**vars(key), **words, "hash": digest}
    statement = insert(connection, api_keys).values(**values).on_conflict_do_nothing(index_elements=["name"])
    return bool(connection.execute(statement, execution_options=COUNTED).rowcount)


def find_key(connection: Connection, digest: str, now: int) -> Key | None:
    """The key of that hash, if it is in force."""
    return _in_force(connection, api_keys.c.hash == digest, now)


def key_named(connection: Connection, name: str, now: int) -> Key | None:
    """The key of that name, if it is in force."""
    return _in_force(connection, api_keys.c.name == name, now)


def keys_in_force(connection: Connection, now: int) -> list[Key]:
    """The newest first."""
    rows = connection.execute(select(api_keys).where(_is_not_over(now)).order_by(api_keys.c.created_at.desc(), api_keys.c.name)).mappings()
    return [_key(row) for row in rows]


def _in_force(connection: Connection, which: ColumnElement[bool], now: int) -> Key | None:
    row = connection.execute(select(api_keys).where(which, _is_not_over(now))).mappings().first()
    return _key(row) if row is not None else None


def _is_not_over(now: int) -> ColumnElement[bool]:
    return and_(api_keys.c.revoked_at.is_(None), or_(api_keys.c.expires_at.is_(None), api_keys.c.expires_at > now))


def all_keys(connection: Connection) -> list[Key]:
    return [_key(row) for row in connection.execute(select(api_keys).order_by(api_keys.c.created_at, api_keys.c.name)).mappings()]


def revoke(connection: Connection, name: str, now: int) -> bool:
    """Returns whether there was such a key in force."""
    open_one = and_(api_keys.c.name == name, api_keys.c.revoked_at.is_(None))
    return bool(connection.execute(update(api_keys).where(open_one).values(revoked_at=now)).rowcount)


def mark_used(connection: Connection, name: str, now: int) -> None:
    connection.execute(update(api_keys).where(api_keys.c.name == name).values(used_at=now))


def _key(row: RowMapping) -> Key:
    whole = {name: row[name] for name in ("name", "created_at", "created_by", "expires_at", "used_at", "revoked_at")}
    return Key(scopes=frozenset(row["scopes"].split()), sources=tuple(row["sources"].split()), **whole)
