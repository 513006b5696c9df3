"""`ignored_in_row`: how many touches of a channel in a row nobody answered."""

from typing import ClassVar

from engine.facts.algebra import Const, Fresh, IgnoredInRow, Value
from engine.facts.spec import FactSpec, Name, Names, Unit


class IgnoredInRowFact(FactSpec):
    """Touches since the last answered one whose window has closed. Opening a mail is no answer: mail programs fetch without a reader."""

    unit: ClassVar[Unit] = "times"
    ignored_in_row: Name

    def lower(self, names: Names) -> Value:
        channel = names.channel(self.ignored_in_row, ("ignored_in_row",))
        if channel is None or channel.touch is None:
            return Const(None)
        events = (channel.touch, *channel.response)
        return Fresh(IgnoredInRow(channel.touch, channel.response, channel.valid_days), names.sources(events))
