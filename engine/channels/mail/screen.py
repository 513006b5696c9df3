"""Who may be written to from here: everybody, those on a list, or nobody. Whoever may not gets his mail put into a folder.

A rehearsal must not reach a customer, so sending for real is what has to be asked for.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from engine.channels.letter import InTime, Letter, Reply, Transport
from engine.channels.mail.transport import FolderTransport, SmtpTransport
from engine.errors import refuse
from engine.messages import Language, say

Mode = Literal["dry-run", "allow-list", "production"]


@dataclass(frozen=True)
class Delivery:
    """How far mails go. `allowed`: addresses and domains, of which `allow-list` makes use."""

    mode: Mode
    relay: str | None
    allowed: frozenset[str] = frozenset()

    def reaches(self, address: str) -> bool:
        """Whether a mail to the address is handed to the relay."""
        plain = address.lower()
        listed = plain in self.allowed or plain.rpartition("@")[2] in self.allowed
        return self.mode == "production" or (self.mode == "allow-list" and listed)


def allowed_of(text: str) -> frozenset[str]:
    """`me@example.jp, example.com`: addresses and domains, without regard to case."""
    return frozenset(each.removeprefix("@") for each in text.lower().replace(",", " ").split())


class ScreenedTransport:
    """Hands over to the relay whom the deployment may write to, and puts everybody else's mail into the outbox, saying so."""

    def __init__(self, delivery: Delivery, relay: Transport, outbox: Transport, language: Language) -> None:
        self._delivery, self._relay, self._outbox, self._language = delivery, relay, outbox, language

    def offer(self, letter: Letter) -> Reply | None:
        return self._way(letter).offer(letter)

    def hand_over(self, letter: Letter, in_time: InTime) -> Reply:
        reply = self._way(letter).hand_over(letter, in_time)
        if self._delivery.reaches(letter.address) or reply.kind != "sent":
            return reply
        return Reply("sent", say(self._language, f"kept.{self._delivery.mode}", said=reply.text))

    def _way(self, letter: Letter) -> Transport:
        return self._relay if self._delivery.reaches(letter.address) else self._outbox

    def close(self) -> None:
        self._relay.close()
        self._outbox.close()


def open_transport(delivery: Delivery, outbox: Path, language: Language) -> Transport:
    """The relay behind the screen. Raises BansoError where mails are to go out and nothing says by what, or to whom."""
    if delivery.mode != "dry-run" and delivery.relay is None:
        raise refuse("E632", "BANSO_DELIVERY", value=delivery.mode)
    if delivery.mode == "allow-list" and not delivery.allowed:
        raise refuse("E633", "BANSO_ALLOW")
    folder = FolderTransport(outbox)
    relay = SmtpTransport(delivery.relay) if delivery.relay else folder
    return ScreenedTransport(delivery, relay, folder, language)
