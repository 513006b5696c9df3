"""A touch: one planned or made contact, with its state, its key, its deadline and its validity window."""

from dataclasses import dataclass
from enum import StrEnum
from hashlib import sha256

from engine.rulebook.spec import Lane


class State(StrEnum):
    """Where a touch is in its life.

    `unknown`: the receiving server may or may not have taken it. `withheld`: kept back for comparison, with the window it would have had.
    """

    PENDING = "pending"
    CLAIMED = "claimed"
    SENDING = "sending"
    SENT = "sent"
    FAILED = "failed"
    UNKNOWN = "unknown"
    EXPIRED = "expired"
    DROPPED = "dropped"
    WITHHELD = "withheld"


LIVE = frozenset({State.PENDING, State.CLAIMED, State.SENDING, State.UNKNOWN})
COUNTED = LIVE | {State.SENT, State.WITHHELD}  # what counts for `again`, beside what the receiver refused
ENDED = frozenset({State.SENT, State.FAILED, State.EXPIRED, State.DROPPED, State.WITHHELD})


@dataclass(frozen=True)
class Touch:
    """A row of the ledger.

    Instants in microseconds UTC; `begun_at` and `window_last_day` are set when handing over begins, `sent_at` when it was taken, `ended_at`
    when it came to its end, whichever that was.
    """

    id: str
    account_id: str
    contact_id: str | None
    rule: str
    per_value: str
    ordinal: int
    lane: Lane
    channel: str
    goal: str | None
    slot: str
    rule_set: str
    decided_at: int
    due_at: int
    deadline: int
    valid_days: int
    state: State
    message_id: str
    address: str | None
    arrival: int
    fold: str
    reason: str | None = None  # a gate, or a `DeliveryReason`
    detail: str | None = None
    attempt: int = 0
    begun_at: int | None = None
    sent_at: int | None = None
    ended_at: int | None = None
    window_last_day: int | None = None
    reply: str | None = None
    variant: str | None = None
    place: str | None = None  # the scarce thing it takes
    hold: str = ""  # lanes a task holds, joined by blanks
    hold_until: int | None = None  # local day by the end of which a task is to be done


def touch_id(account_id: str, rule: str, per_value: str, ordinal: int, slot: str) -> str:
    """The same occasion has the same id however often it is decided; nothing random and no clock is in it."""
    return sha256("\0".join((account_id, rule, per_value, str(ordinal), slot)).encode()).hexdigest()[:32]


def last_day(sent_day: int, valid_days: int) -> int:
    """The last day of a validity window; the day of sending is day 1."""
    return sent_day + valid_days - 1
