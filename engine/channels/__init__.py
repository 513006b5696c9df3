"""Channels: how a touch reaches the customer. `CHANNELS` maps the word in `send:`, `show:`, `task:` to it; only transports do network I/O."""

from collections.abc import Mapping

from engine.channels.letter import Channel
from engine.channels.mail.channel import MailChannel
from engine.channels.note import HelpChannel, NoteChannel, PopupChannel

CHANNELS: Mapping[str, type[Channel]] = {
    "mail": MailChannel,
    "popup": PopupChannel,
    "help": HelpChannel,
    "call": NoteChannel,
    "crm": NoteChannel,
    "slack": NoteChannel,
}
DISPATCHED = tuple(name for name, channel in CHANNELS.items() if channel.delivery != "shown")  # by workers; the others wait to be asked for
