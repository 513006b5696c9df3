"""What products send over HTTP: the formats of the clients they already have, read into messages, and messages into records.

A new format is one file with its form, and one line here.
"""

from collections.abc import Mapping

from engine.wire import posthog, segment
from engine.wire.form import Form

FORMATS: Mapping[str, Form] = {
    "segment": segment.FORM,
    "posthog": posthog.FORM,
}
