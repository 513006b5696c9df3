"""Who is who: which person a name stands for, and which account a person belongs to, as far as messages have said it."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

from engine.calendar import HOUR
from engine.wire.message import Message

HOPS = 4  # names of one person, one after the other; more is a circle
AGAIN = HOUR  # a link that is told again is written again only so much later: clients tell it with every event

Kind = Literal["anonymous", "user", "member"]


@dataclass(frozen=True)
class Link:
    """That `name` is the person `is_now` (anonymous: a browser; user: an earlier id), or a member of that account (member)."""

    kind: Kind
    name: str
    is_now: str
    at: int
    message: str


@dataclass
class Known:
    """What is known of names, and what a batch of messages adds to it, message by message in their order."""

    links: dict[tuple[str, str], Link]
    added: dict[tuple[str, str], Link] = field(default_factory=dict)

    def learn(self, message: Message, received_at: int) -> None:
        """Take in what a message says of who is who. Of two that say otherwise the later counts."""
        for link in _said(message, received_at if message.occurred_at is None else message.occurred_at):
            self._learn(link)
            member = self.links.get(("member", link.name))
            if link.kind != "member" and member is not None:  # whoever takes a new name stays where he belongs
                self._learn(replace(member, name=link.is_now))

    def _learn(self, link: Link) -> None:
        known = self.links.get((link.kind, link.name))
        if known is None or (_order(link) > _order(known) and (link.is_now != known.is_now or link.at > known.at + AGAIN)):
            self.links[link.kind, link.name] = self.added[link.kind, link.name] = link

    def person(self, name: str, kind: Kind) -> str:
        """What the person goes by now."""
        return self._names(name, kind)[-1]

    def _names(self, name: str, kind: Kind) -> list[str]:
        """The person's names from this one on."""
        found = [name]
        while len(found) <= HOPS and (link := self.links.get((kind, found[-1])) or self.links.get(("user", found[-1]))) and link.is_now not in found:
            found.append(link.is_now)
            kind = "user"
        return found

    def contact(self, message: Message) -> str | None:
        """The contact a message is of; a browser that nobody signed in from is none, but what is told of it is kept under its own name."""
        if message.user is not None:
            return self.person(message.user, "user")
        if message.anonymous is None:
            return None
        person = self.person(message.anonymous, "anonymous")
        return person if person != message.anonymous or message.kind == "contact" else None

    def account(self, message: Message) -> str | None:
        """The account a message is of: the one it names, else its person's."""
        if message.account is not None:
            return message.account
        names = [each for name, kind in names_of(message) for each in reversed(self._names(name, kind))]
        return next((self.links["member", name].is_now for name in names if ("member", name) in self.links), None)


def names_of(message: Message) -> Iterator[tuple[str, Kind]]:
    """The names of a message's person, the surest first."""
    if message.user is not None:
        yield message.user, "user"
    if message.previous is not None:
        yield message.previous, "user"
    if message.anonymous is not None:
        yield message.anonymous, "anonymous"


def all_names(messages: Iterable[Message]) -> set[str]:
    return {name for message in messages for name, _ in names_of(message)}


def _said(message: Message, at: int) -> Iterator[Link]:
    names: Mapping[Kind, str | None] = {"anonymous": message.anonymous, "user": message.previous}
    for kind, name in names.items():
        if message.user is not None and name is not None and name != message.user:
            yield Link(kind, name, message.user, at, message.id)
    if message.kind == "alias" and message.user is not None and message.previous is not None:
        yield Link("anonymous", message.previous, message.user, at, message.id)
    person = message.user or message.anonymous
    if message.account is not None and person is not None:
        yield Link("member", person, message.account, at, message.id)


def _order(link: Link) -> tuple[int, str]:
    return link.at, link.message
