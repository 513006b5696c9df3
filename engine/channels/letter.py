"""What every channel deals with: a letter ready to go, the receiver's reply, and the two acts of sending."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import ClassVar, Literal, Protocol

from engine.channels.deployment import NO_DEPLOYMENT, Deployment
from engine.decision.recipient import Recipient
from engine.facts.fold import Fold
from engine.rulebook.python import Answer
from engine.touches.touch import Touch
from engine.workspace.model import Workspace


@dataclass(frozen=True)
class Occasion:
    """Everything a letter is written from."""

    touch: Touch
    answer: Answer
    fold: Fold
    recipient: Recipient
    now: int


@dataclass(frozen=True)
class Letter:
    """The very bytes of one touch, and where they go."""

    touch_id: str
    sender: str
    address: str
    body: bytes


@dataclass(frozen=True)
class Reply:
    """`sent`: taken; `later`: try again; `refused`: never try again; `unclear`: nobody can tell whether it was taken."""

    kind: Literal["sent", "later", "refused", "unclear"]
    text: str
    bad_address: bool = False


TOO_LATE = Reply("later", "the claim ran out before it was handed over")


class Unwritable(Exception):
    """A letter cannot be written: the template lacks a value, or the address is none. Its text is a detail."""


InTime = Callable[[], bool]  # whether the claim on a letter still holds


class Transport(Protocol):
    """One connection to a receiver. Everything that fails in `offer` was certainly not sent."""

    def offer(self, letter: Letter) -> Reply | None:
        """Go as far as the receiver allows without sending; a reply means it ends here."""
        ...

    def hand_over(self, letter: Letter, in_time: InTime) -> Reply:
        """Send what was offered. From here on only the reply can tell.

        Asks `in_time` at the last moment before it cannot be taken back: a process that was frozen meanwhile must let it be.
        """
        ...

    def close(self) -> None: ...


Delivery = Literal["relayed", "listed", "shown"]


class Channel(Protocol):
    """Writes letters for a workspace.

    `delivery`: a worker relays it to a server, a worker lists it for people, or it waits until the customer is there to see it.
    """

    delivery: ClassVar[Delivery]

    def __init__(self, workspace: Workspace, deployment: Deployment = NO_DEPLOYMENT) -> None: ...

    def write(self, occasion: Occasion) -> Letter:
        """Render the touch. Raises Unwritable."""
        ...

    def preview(self, occasion: Occasion) -> Mapping[str, str]:
        """The parts a person looks at: subject, text, html and the like."""
        ...
