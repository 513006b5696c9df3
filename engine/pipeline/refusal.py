"""Refusal by a link in a mail (RFC 8058): from the moment it is committed no mail goes to that address any more, or none of some kinds."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

from engine.calendar import SECOND
from engine.channels.mail.tags import REFUSAL, touch_of
from engine.decision.wishes import OPTED_OUT, of_kind
from engine.ledger import holds
from engine.ledger import records as ledger_records
from engine.ledger import touches as ledger_touches
from engine.ledger.open import Connection
from engine.pipeline.system import System
from engine.records.record import Record
from engine.touches.touch import Touch


@dataclass(frozen=True)
class Wish:
    """What the receiver of a mail wishes, as far as we know: whether mail to that address is refused, and kind by kind whether it is wanted."""

    touch: Touch
    refused: bool
    kinds: Mapping[str, bool]


@dataclass(frozen=True)
class Change:
    """What a receiver wants otherwise: all mail `refused` or not, or just the kinds that are `wanted`; None leaves that as it is."""

    refused: bool | None = None
    wanted: Collection[str] | None = None


def wish_of(system: System, secret: bytes, token: str) -> Wish | None:
    """The wish that a link stands for; changes nothing. None for a token that is not ours."""
    with system.ledger.read() as connection:
        touch = _touch(connection, secret, token)
        return None if touch is None else _wish(system, connection, touch)


def change_wish(system: System, secret: bytes, token: str, change: Change) -> Wish | None:
    """Keep what the receiver wants. Said twice it changes nothing; each change is a record of the account."""
    now = system.clock.now()
    with system.ledger.write() as connection:
        touch = _touch(connection, secret, token)
        if touch is None or touch.address is None:
            return None
        holds.hold_still(connection, alone=True)
        told = list(_changed(connection, touch, touch.address, _wish(system, connection, touch), change, now))
        ledger_records.append_tail(connection, told, now)
        return _wish(system, connection, touch)


def _changed(connection: Connection, touch: Touch, address: str, wish: Wish, change: Change, now: int) -> Iterator[Record]:
    """Change what is not so yet; yields the record of each change."""
    if change.refused is not None and change.refused != wish.refused:
        _suppress(connection, touch, address, OPTED_OUT, now, refused=change.refused)
        yield _told(touch, OPTED_OUT if change.refused else "opted_in", now)
    for kind, is_wanted in wish.kinds.items() if change.wanted is not None else ():
        if (kind in (change.wanted or ())) != is_wanted:
            _suppress(connection, touch, address, of_kind(kind), now, refused=is_wanted)
            yield _told(touch, "kind_refused" if is_wanted else "kind_wanted", now, kind)


def _suppress(connection: Connection, touch: Touch, address: str, suppression: str, now: int, *, refused: bool) -> None:
    if refused:
        holds.suppress(connection, address, suppression, f"link of {touch.id}", now)
    else:
        holds.lift_suppression(connection, address, suppression, now)


def _told(touch: Touch, word: str, now: int, kind: str = "") -> Record:
    identity = f"{touch.id}:{word}{kind and ':' + kind}:{now // SECOND}"
    properties = f'{{"kind": "{kind}"}}' if kind else None
    return Record("banso", identity, touch.account_id, now, 0, touch.contact_id, f"mail.{word}", properties=properties)


def _touch(connection: Connection, secret: bytes, token: str) -> Touch | None:
    touch_id = touch_of(secret, REFUSAL, token)
    return ledger_touches.get_touch(connection, touch_id) if touch_id is not None else None


def _wish(system: System, connection: Connection, touch: Touch) -> Wish:
    address = (touch.address or "").lower()
    suppressions = holds.suppressed_now(connection, [address]).get(address, frozenset())
    kinds = {kind: of_kind(kind) not in suppressions for kind in system.workspace.settings.mail_kinds}
    return Wish(touch, OPTED_OUT in suppressions, kinds)
