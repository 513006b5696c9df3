"""What products send over HTTP: the formats of the clients they already have, read into messages, and messages into records.

A new format is one file that turns a parsed body into messages, and one line here.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from engine.wire import posthog, segment
from engine.wire.message import BadMessage, Message

Read = Callable[[str, Mapping[str, Any]], Sequence[Message | BadMessage]]

FORMATS: Mapping[str, Read] = {
    "segment": segment.messages_of,
    "posthog": posthog.messages_of,
}
