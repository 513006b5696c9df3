"""Channels: how a touch reaches the customer. `CHANNELS` maps the word in `send:` to the channel; only transports do network I/O."""

from collections.abc import Mapping

from engine.channels.letter import Channel
from engine.channels.mail.channel import MailChannel

CHANNELS: Mapping[str, type[Channel]] = {
    "mail": MailChannel,
}
