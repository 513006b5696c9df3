"""Opens the ledger: SQLite for one machine, PostgreSQL for many; the same tables, each with the settings it needs."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import pysqlite3.dbapi2
from sqlalchemy import Connection, Engine, column, create_engine, event, inspect, select, table, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, DisconnectionError, OperationalError, SQLAlchemyError
from sqlalchemy.pool import ConnectionPoolEntry

from engine.clock import monotonic_seconds
from engine.errors import refuse

__all__ = [
    "Connection",
    "Ledger",
    "StoreError",
    "is_full",
    "open_ledger",
    "problem_of",
    "reachable",
    "sqlite_version",
]  # whoever hands a transaction on names its type by us

log = logging.getLogger("banso.ledger")
BUSY_SECONDS = 30  # the wait for SQLite's write lock is not a queue; five seconds were too thin when measured
StoreError = SQLAlchemyError  # whatever the store may raise, for loops that must outlive it
NEWEST = "0005"  # the form of the tables that this code works with: the last of the migrations
FORM = table("alembic_version", column("version_num"))
MIGRATION_LOCK = 0x62616E74  # the advisory lock that migrations hold on PostgreSQL
LINE = {  # so that a line that was cut without a word, or a server that froze, is noticed within half a minute and not within hours
    "connect_timeout": 10,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 4,
    "tcp_user_timeout": 30_000,
}
REST_SECONDS = 2.0  # after which a line to PostgreSQL may have died unnoticed
DISK_FULL = "53100"  # PostgreSQL's code
SAFE_SQLITE = (3, 51, 3)  # below, a checkpoint racing a WAL reset can corrupt the file


@dataclass(frozen=True)
class Ledger:
    """A store opened for use. Everything that writes runs inside `write()`, one whole transaction."""

    engine: Engine

    @property
    def is_sqlite(self) -> bool:
        return self.engine.dialect.name == "sqlite"

    @cached_property
    def _writing(self) -> Engine:
        return self.engine.execution_options(banso_writes=True)

    @contextmanager
    def write(self) -> Iterator[Connection]:
        with self._writing.begin() as connection:
            yield connection

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """One consistent snapshot."""
        with self.engine.begin() as connection:
            yield connection

    def migrate(self) -> None:
        """Bring the tables to the newest form. Where they are in it, nothing is written and nobody is waited for.

        Tables of a newer version are worked with as they are: while a deployment changes over, the version before runs beside it, and a
        version's migrations only add what the one before need not know.
        """
        with self.read() as connection:
            if not _is_behind(connection):
                return
        from engine.ledger.migrate import upgrade

        with self.write() as connection:
            if not self.is_sqlite:  # processes that start together would migrate at once; on SQLite the write lock is that lock
                connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": MIGRATION_LOCK})
            if _is_behind(connection):  # still, now that whoever was faster is done
                upgrade(connection)

    def close(self) -> None:
        self.engine.dispose()


def _is_behind(connection: Connection) -> bool:
    """Whether migrations are missing. Of tables that are ahead of us it is only told."""
    form = connection.execute(select(FORM.c.version_num)).scalars().all() if inspect(connection).has_table(FORM.name) else []
    if form == [NEWEST]:
        return False
    from engine.ledger.migrate import revisions

    known = set(form) <= revisions()
    if not known:
        log.warning("the tables of the ledger are of a newer version than this process: %s", ", ".join(form))
    return known


def open_ledger(url: str) -> Ledger:
    """Connect and migrate. Raises BansoError E620 if the URL is none of ours or the store cannot be reached."""
    try:
        parsed = make_url(url)
    except ArgumentError as error:
        raise refuse("E620", "BANSO_LEDGER_URL", problem=problem_of(error)) from error
    place = parsed.render_as_string(hide_password=True)
    try:
        if parsed.get_backend_name() == "sqlite" and parsed.database:
            Path(parsed.database).parent.mkdir(parents=True, exist_ok=True)
        ledger = Ledger(_sqlite(url) if parsed.get_backend_name() == "sqlite" else _postgresql(url))
        ledger.migrate()
    except (StoreError, ModuleNotFoundError, OSError) as error:  # no driver for the URL is a missing module
        raise refuse("E620", place, problem=problem_of(error)) from error
    return ledger


def problem_of(error: Exception) -> str:
    """What the store said, in one line."""
    return str(getattr(error, "orig", None) or error).strip().split("\n")[0]


def is_full(error: Exception) -> bool:
    """Whether the store's disk is full: it answers, and takes nothing more until somebody makes room."""
    said = getattr(error, "orig", None)
    return getattr(said, "sqlstate", None) == DISK_FULL or "database or disk is full" in str(said)


def _sqlite(url: str) -> Engine:
    engine = create_engine(url, module=pysqlite3.dbapi2, hide_parameters=True, connect_args={"timeout": BUSY_SECONDS, "isolation_level": None})
    event.listen(engine, "connect", _set_pragmas)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def _set_pragmas(connection: Any, _record: object) -> None:
    for pragma in (
        "journal_mode=WAL",
        "synchronous=FULL",  # a `sending` that a power cut takes back would be sent again
        "foreign_keys=ON",
        f"busy_timeout={BUSY_SECONDS * 1000}",
        "journal_size_limit=67108864",
        "trusted_schema=OFF",
    ):
        connection.execute(f"PRAGMA {pragma}")


def _begin_sqlite(connection: Connection) -> None:
    """The driver's own BEGIN is deferred, and a deferred transaction that writes late fails under load."""
    connection.exec_driver_sql("BEGIN IMMEDIATE" if _writes(connection) else "BEGIN")


def _begin_postgresql(connection: Connection) -> None:
    """SQLAlchemy's way to choose the isolation costs more than the statement does."""
    if not _writes(connection):
        connection.exec_driver_sql("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")


def _writes(connection: Connection) -> bool:
    return bool(connection.get_execution_options().get("banso_writes", False))


def _postgresql(url: str) -> Engine:
    options = "-c lock_timeout=5s -c statement_timeout=30s -c idle_in_transaction_session_timeout=60s"
    engine = create_engine(url, pool_recycle=1800, hide_parameters=True, connect_args={"options": options, **LINE})
    event.listen(engine, "begin", _begin_postgresql)
    event.listen(engine, "checkin", _begin_rest)
    event.listen(engine, "checkout", partial(_ask_after_rest, engine))
    return engine


def _begin_rest(_connection: object, record: ConnectionPoolEntry) -> None:
    record.info["rests_since"] = monotonic_seconds()


def _ask_after_rest(engine: Engine, connection: Any, record: ConnectionPoolEntry, _proxy: object) -> None:
    """A line that lay idle may be dead: ask before it is used. One that was used just now is not."""
    if monotonic_seconds() - record.info.get("rests_since", monotonic_seconds()) < REST_SECONDS:
        return
    try:
        engine.dialect.do_ping(connection)
    except engine.dialect.loaded_dbapi.Error as error:
        raise DisconnectionError from error


def sqlite_version() -> tuple[int, ...]:
    """The version of the SQLite library in use."""
    return tuple(pysqlite3.dbapi2.sqlite_version_info)


def reachable(ledger: Ledger) -> bool:
    try:
        with ledger.read() as connection:
            connection.execute(text("SELECT 1"))
    except OperationalError:
        return False
    return True
