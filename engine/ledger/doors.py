"""The tables of the doors: who may knock, what was said already, who is who, what strangers said, and what came back by mail."""

from sqlalchemy import Column, Index, String, Table, Text

from engine.ledger.tables import Instant, metadata

# Keys of products. The key itself is nowhere: who has it sends it, and its hash is looked up.
api_keys = Table(
    "api_keys",
    metadata,
    Column("name", String(63), primary_key=True),
    Column("hash", String(64), nullable=False, unique=True),
    Column("scopes", Text, nullable=False),  # with spaces between
    Column("sources", Text, nullable=False),  # those it may write for, the first is that of bare names
    Column("created_at", Instant, nullable=False),
    Column("created_by", String(63), nullable=False),
    Column("expires_at", Instant),
    Column("used_at", Instant),
    Column("revoked_at", Instant),
)

# Messages that came in lately, by hash of their source and id, so that one that comes again changes nothing.
seen = Table(
    "seen",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("digest", String(64), nullable=False),
    Column("at", Instant, nullable=False),
    Index("ix_seen_at", "at"),
)

# `name` is the person `is_now`, or belongs to that account; `kind` is anonymous, user or member. Of two that say otherwise the later counts.
identities = Table(
    "identities",
    metadata,
    Column("kind", String(10), primary_key=True),
    Column("name", Text, primary_key=True),
    Column("is_now", Text, nullable=False),
    Column("at", Instant, nullable=False),
    Column("message", Text, nullable=False),
    Index("ix_identities_is_now", "kind", "is_now"),
)

# Messages of people of whom it is not known yet to which account they belong.
strangers = Table(
    "strangers",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("name", Text, nullable=False),
    Column("sources", Text, nullable=False),  # those of the key they came with, with spaces between
    Column("message", Text, nullable=False),
    Column("received_at", Instant, nullable=False),
    Index("ix_strangers_name", "name"),
)

# What came back by mail of a touch, each thing once. What a person wrote stands here and nowhere else, so that one row holds all there is to erase.
returns = Table(
    "returns",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("touch_id", String(40), nullable=False),
    Column("kind", String(10), nullable=False),
    Column("at", Instant, nullable=False),
    Column("address", Text, nullable=False),  # that the touch went to, in small letters
    Column("domain", Text, nullable=False),  # of the sender
    Column("report", Text, nullable=False),  # the id of the message that told it first
    Column("status", String(12)),
    Column("said", Text, nullable=False),
    Column("writer", Text),
    Column("subject", Text),
    Column("text", Text),
    Index("ix_returns_at", "at"),
    Index("ix_returns_touch", "touch_id"),
    Index("ix_returns_address", "address", "at"),
)
