"""Channels: how a touch reaches the customer. `CHANNELS` maps the word in `send:`, `show:`, `task:` to it; only transports do network I/O."""

from collections.abc import Mapping

from engine.channels.letter import Channel, Delivery
from engine.channels.mail.channel import MailChannel
from engine.channels.note import HelpChannel, NoteChannel
from engine.channels.popup import PopupChannel

CHANNELS: Mapping[str, type[Channel]] = {
    "mail": MailChannel,
    "popup": PopupChannel,
    "help": HelpChannel,
    "call": NoteChannel,
    "crm": NoteChannel,
    "slack": NoteChannel,
}
DONE_WORDS: Mapping[Delivery, str] = {"relayed": "sent", "listed": "listed", "shown": "shown"}
DISPATCHED = tuple(name for name, channel in CHANNELS.items() if channel.delivery != "shown")  # by workers; the others wait to be asked for


def done_event(channel: str) -> str:
    """The record that a touch of the channel leaves in the log: mail.sent, call.listed, popup.shown."""
    return f"{channel}.{DONE_WORDS[CHANNELS[channel].delivery]}"
