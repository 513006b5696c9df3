"""A record: one thing that happened to an account (an event) or one thing that became known of it (a field with a value)."""

from dataclasses import dataclass
from hashlib import md5

BUCKETS = 256
NO_NUMBER = -(2**62)  # stands in the lake for "this value is no number", so that no engine passes over it as NULL
NO_VALUE = ""  # a cleared field


@dataclass(frozen=True, slots=True)
class Record:
    """Instants are microseconds UTC. Either `event` or `field` is set.

    `value` is the text as given; `number` is what it means as a whole number (a number, a day, a flag) for the type the workspace
    declares; `key` tells items of one kind apart (a case, an application).
    """

    source: str
    source_id: str
    account_id: str
    occurred_at: int
    known_at: int
    contact_id: str | None = None
    event: str | None = None
    field: str | None = None
    value: str | None = None
    number: int | None = None
    key: str | None = None
    properties: str | None = None


COLUMNS = (
    "source",
    "source_id",
    "account_id",
    "occurred_at",
    "known_at",
    "contact_id",
    "event",
    "field",
    "value",
    "number",
    "key",
    "properties",
)


def bucket_of(account_id: str) -> str:
    """The two hex digits of the account's bucket; SQL says the same with `md5(account_id)[1:2]`."""
    return md5(account_id.encode(), usedforsecurity=False).hexdigest()[:2]
