"""What a format of a client is to a door: its calls, where each is made, and what must be in its body."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from engine.wire.message import BadMessage, Message

Read = Callable[[str, Mapping[str, Any]], Sequence[Message | BadMessage]]
BATCH = "batch"  # the call that holds many messages under this very name
TEXT, MANY = "text", "many"


@dataclass(frozen=True)
class Call:
    """One call. `needs`: key of the body → `text`, or `many` for a list of objects; `says`: a line for those who read the OpenAPI document."""

    path: str
    says: str
    needs: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Form:
    """A format: `read` turns a call's parsed body into messages; it raises Unreadable where nothing of it can be read."""

    read: Read
    calls: Mapping[str, Call]
