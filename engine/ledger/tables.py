"""The tables of the ledger. Instants are microseconds UTC; days are counted from 1970-01-01."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
    text,
)

CONVENTION = {"ix": "ix_%(table_name)s_%(column_0_N_name)s", "uq": "uq_%(table_name)s_%(column_0_N_name)s", "pk": "pk_%(table_name)s"}
metadata = MetaData(naming_convention=CONVENTION)

Instant = BigInteger
Serial = BigInteger().with_variant(Integer, "sqlite")  # SQLite numbers rows by itself only for INTEGER

# Values that must outlive a transaction: `fixed` is the latest instant a run was decided at (see ledger.instants), `count` is what
# counterfoils are numbered by (see ledger.restores).
marks = Table("marks", metadata, Column("name", String(40), primary_key=True), Column("value", BigInteger, nullable=False))

leases = Table(
    "leases",
    metadata,
    Column("name", String(80), primary_key=True),
    Column("owner", String(80), nullable=False),
    Column("until", Instant, nullable=False),
)

# New records, until `compact` moves them into the lake. Moved rows stay for a while: the re-check before a send reads them.
tail = Table(
    "tail",
    metadata,
    Column("id", Serial, primary_key=True, autoincrement=True),
    Column("bucket", String(2), nullable=False),
    Column("source", String(63), nullable=False),
    Column("source_id", Text, nullable=False),
    Column("account_id", Text, nullable=False),
    Column("contact_id", Text),
    Column("event", Text),
    Column("field", Text),
    Column("value", Text),
    Column("number", BigInteger),
    Column("key", Text),
    Column("occurred_at", Instant, nullable=False),
    Column("known_at", Instant, nullable=False),
    Column("properties", Text),
    Column("moved_at", Instant),
    UniqueConstraint("source", "source_id"),
    Index("ix_tail_account", "account_id", "id"),
    Index("ix_tail_waiting", "bucket", sqlite_where=text("moved_at IS NULL"), postgresql_where=text("moved_at IS NULL")),
    sqlite_autoincrement=True,
)

# The manifest of the lake: which Parquet files hold the records now.
parts = Table(
    "parts",
    metadata,
    Column("id", Serial, primary_key=True, autoincrement=True),
    Column("bucket", String(2), nullable=False),
    Column("path", Text, nullable=False, unique=True),
    Column("kind", String(5), nullable=False),
    Column("rows", BigInteger, nullable=False),
    Column("since", Instant, nullable=False),
    Column("until", Instant, nullable=False),
    Column("known_until", Instant, nullable=False),
    Column("fields", Text, nullable=False),
    Column("tied", Boolean, nullable=False),
    Column("newest", Text, nullable=False),
    Column("derived", String(64), nullable=False),
    Column("arrival", BigInteger, nullable=False),  # tail rows up to this id are older than the part
    Column("bulk", Boolean, nullable=False),  # its rows never were in the tail
    Column("retired_at", Instant),
    Index("ix_parts_live", "bucket", sqlite_where=text("retired_at IS NULL"), postgresql_where=text("retired_at IS NULL")),
)

loads = Table(
    "loads",
    metadata,
    Column("id", Serial, primary_key=True, autoincrement=True),
    Column("source", String(63), nullable=False),
    Column("loaded_at", Instant, nullable=False),
    Column("covers_until", Instant, nullable=False),
    Column("read", BigInteger, nullable=False),
    Column("new", BigInteger, nullable=False),
    Column("repeated", BigInteger, nullable=False),
    Column("refused", BigInteger, nullable=False),
    Column("seconds", Float, nullable=False),
    Index("ix_loads_source", "source", "loaded_at"),
)

files = Table(
    "files",
    metadata,
    Column("source", String(63), primary_key=True),
    Column("path", Text, primary_key=True),
    Column("size", BigInteger, nullable=False),
    Column("sha256", String(64), nullable=False),
)

quarantine = Table(
    "quarantine",
    metadata,
    Column("id", Serial, primary_key=True, autoincrement=True),
    Column("source", String(63), nullable=False),
    Column("file", Text),
    Column("line", Integer),
    Column("reason", String(40), nullable=False),
    Column("body", Text, nullable=False),
    Column("body_hash", String(64), nullable=False),
    Column("refused_at", Instant, nullable=False),
    UniqueConstraint("source", "reason", "body_hash"),
)

rule_sets = Table(
    "rule_sets",
    metadata,
    Column("hash", String(64), primary_key=True),
    Column("files", Text, nullable=False),
    Column("first_used_at", Instant, nullable=False),
)

# One row per job and local date; the primary key is what makes a second scheduler harmless.
slots = Table(
    "slots",
    metadata,
    Column("job", String(40), primary_key=True),
    Column("slot", String(40), primary_key=True),
    Column("instant", Instant, nullable=False),
    Column("arrival", BigInteger, nullable=False),
    Column("rule_set", String(64), nullable=False),
    Column("started_at", Instant, nullable=False),
    Column("finished_at", Instant),
    Column("summary", Text),
)

decisions = Table(
    "decisions",
    metadata,
    Column("slot", String(80), primary_key=True),
    Column("account_id", Text, primary_key=True),
    Column("rule", String(63), primary_key=True),
    Column("lane", String(10), nullable=False),
    Column("decided_at", Instant, nullable=False),
    Column("outcome", String(10), nullable=False),
    Column("reason", String(30)),
    Column("detail", Text),
    Column("trace", Text, nullable=False),
    Column("rule_set", String(64), nullable=False),
    Column("touch_id", String(40)),
    Index("ix_decisions_account", "account_id", "decided_at"),
)

LIVE_KEY = text("state NOT IN ('dropped', 'expired', 'failed')")
WAITING = text("state = 'pending'")

touches = Table(
    "touches",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("account_id", Text, nullable=False),
    Column("contact_id", Text),
    Column("rule", String(63), nullable=False),
    Column("per_value", Text, nullable=False),
    Column("ordinal", Integer, nullable=False),
    Column("lane", String(10), nullable=False),
    Column("channel", String(20), nullable=False),
    Column("goal", String(63)),
    Column("slot", String(80), nullable=False),
    Column("rule_set", String(64), nullable=False),
    Column("decided_at", Instant, nullable=False),
    Column("due_at", Instant, nullable=False),
    Column("deadline", Instant, nullable=False),
    Column("valid_days", Integer, nullable=False),
    Column("state", String(10), nullable=False),
    Column("reason", String(30)),
    Column("detail", Text),
    Column("attempt", Integer, nullable=False, server_default=text("0")),
    Column("owner", String(80)),
    Column("leased_until", Instant),
    Column("rung_at", Instant),
    Column("message_id", Text, nullable=False),
    Column("address", Text),
    Column("reply", Text),
    Column("begun_at", Instant),
    Column("sent_at", Instant),
    Column("ended_at", Instant),
    Column("window_last_day", BigInteger),
    Column("variant", String(63)),
    Column("place", Text),
    Column("hold", Text, nullable=False, server_default=text("''")),
    Column("hold_until", BigInteger),
    Column("arrival", BigInteger, nullable=False),
    Column("fold", Text, nullable=False),
    Index("uq_touches_key", "account_id", "rule", "per_value", "ordinal", unique=True, sqlite_where=LIVE_KEY, postgresql_where=LIVE_KEY),
    Index("ix_touches_state", "state", "due_at"),
    Index("ix_touches_waiting", "channel", "due_at", "id", sqlite_where=WAITING, postgresql_where=WAITING),
    Index("ix_touches_deadline", "state", "deadline", "id", sqlite_where=WAITING, postgresql_where=WAITING),  # without `state` SQLite takes the first
    Index("ix_touches_account", "account_id", "decided_at"),
)

# Who allowed a rule to reach everyone: the rule's content by hash, so that an edited rule must be allowed again.
approvals = Table(
    "approvals",
    metadata,
    Column("rule", String(63), primary_key=True),
    Column("content", String(64), primary_key=True),
    Column("by", String(63), nullable=False),
    Column("at", Instant, nullable=False),
    Column("accounts", BigInteger, nullable=False),  # how many it would have reached that night
)

# Trigger rules that look again after a while: `after: 60m`.
dues = Table(
    "dues",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("account_id", Text, nullable=False),
    Column("contact_id", Text),
    Column("rule", String(63), nullable=False),
    Column("record", Text, nullable=False),
    Column("due_at", Instant, nullable=False),
    Column("done_at", Instant),
    Index("ix_dues_waiting", "due_at", sqlite_where=text("done_at IS NULL"), postgresql_where=text("done_at IS NULL")),
)

# The very bytes that went out, so that a resend is the same message and a timeline can show it.
messages = Table(
    "messages",
    metadata,
    Column("touch_id", String(40), ForeignKey("touches.id"), primary_key=True),
    Column("sha256", String(64), nullable=False),
    Column("body", LargeBinary, nullable=False),
)

suppressions = Table(
    "suppressions",
    metadata,
    Column("address", Text, primary_key=True),
    Column("kind", String(80), primary_key=True),
    Column("reason", Text, nullable=False),
    Column("since", Instant, nullable=False),
    Column("lifted_at", Instant),
)

pauses = Table(
    "pauses",
    metadata,
    Column("id", Serial, primary_key=True, autoincrement=True),
    Column("scope", String(10), nullable=False),
    Column("name", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("by", String(63), nullable=False),
    Column("since", Instant, nullable=False),
    Column("until", Instant, nullable=False),
    Column("lifted_at", Instant),
)

# Receivers that failed since they last took a letter: relays and domains.
breakers = Table(
    "breakers",
    metadata,
    Column("name", Text, primary_key=True),
    Column("failures", Integer, nullable=False),
    Column("open_until", Instant, nullable=False),
    Column("reason", Text, nullable=False),
)

# How fast letters went: for each limit the instant until which its bucket is full.
rates = Table(
    "rates",
    metadata,
    Column("name", Text, primary_key=True),
    Column("full_until", Instant, nullable=False),
)

# Times that this ledger was found to be restored from a backup, or said to be: until one is released nothing is sent.
restores = Table(
    "restores",
    metadata,
    Column("number", BigInteger, primary_key=True, autoincrement=False),  # what the ledger counts on from
    Column("noticed_at", Instant, nullable=False),
    Column("by", String(63), nullable=False),
    Column("reason", Text, nullable=False),
    Column("doubted", BigInteger, nullable=False),  # touches that became unknown
    Column("released_at", Instant),
    Column("released_by", String(63)),
    Column("released_because", Text),
)

workers = Table(
    "workers",
    metadata,
    Column("name", String(80), primary_key=True),
    Column("kind", String(20), nullable=False),
    Column("started_at", Instant, nullable=False),
    Column("seen_at", Instant, nullable=False),
    Column("busy_since", Instant),  # when the task it is at began
)
