"""Refusal by a link in a mail (RFC 8058): from the moment it is committed no mail goes to that address any more."""

from dataclasses import dataclass

from engine.calendar import SECOND
from engine.channels.mail.tags import REFUSAL, touch_of
from engine.ledger import holds
from engine.ledger import records as ledger_records
from engine.ledger import touches as ledger_touches
from engine.ledger.open import Connection
from engine.pipeline.system import System
from engine.records.record import Record
from engine.touches.touch import Touch

OPTED_OUT = "opted_out"


@dataclass(frozen=True)
class Wish:
    """What the receiver of a mail wishes, as far as we know: whether mail to that address is refused."""

    touch: Touch
    refused: bool


def wish_of(system: System, secret: bytes, token: str) -> Wish | None:
    """The wish that a link stands for; changes nothing. None for a token that is not ours."""
    with system.ledger.read() as connection:
        touch = _touch(connection, secret, token)
        return None if touch is None else Wish(touch, _is_refused(connection, touch))


def change_wish(system: System, secret: bytes, token: str, *, refused: bool) -> Wish | None:
    """Refuse all mail to the address, or take it again. Said twice it changes nothing; each change is a record of the account."""
    now = system.clock.now()
    with system.ledger.write() as connection:
        touch = _touch(connection, secret, token)
        if touch is None or touch.address is None:
            return None
        holds.hold_still(connection, alone=True)
        if refused != _is_refused(connection, touch):
            _change(connection, touch, touch.address, now, refused=refused)
        return Wish(touch, refused)


def _change(connection: Connection, touch: Touch, address: str, now: int, *, refused: bool) -> None:
    if refused:
        holds.suppress(connection, address, OPTED_OUT, f"link of {touch.id}", now)
    else:
        holds.lift_suppression(connection, address, OPTED_OUT, now)
    word = OPTED_OUT if refused else "opted_in"
    told = Record("banso", f"{touch.id}:{word}:{now // SECOND}", touch.account_id, now, 0, touch.contact_id, f"mail.{word}")
    ledger_records.append_tail(connection, [told], now)


def _touch(connection: Connection, secret: bytes, token: str) -> Touch | None:
    touch_id = touch_of(secret, REFUSAL, token)
    return next(iter(ledger_touches.get_touches(connection, [touch_id])), None) if touch_id is not None else None


def _is_refused(connection: Connection, touch: Touch) -> bool:
    address = (touch.address or "").lower()
    return OPTED_OUT in holds.suppressed_now(connection, [address]).get(address, frozenset())
