"""Messages → records, by what a workspace declares: whose prefix an event or field has, what a field's values mean, what tells items apart."""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from engine.calendar import Zone
from engine.records.intake import LONGEST, Reason
from engine.records.record import Record
from engine.records.values import normalise
from engine.wire.message import Message, Unreadable, clean, text_of

_NAME = re.compile(r"[a-z][a-z0-9_]*\.[a-z][a-z0-9_]*")
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_OTHER = re.compile(r"[^a-z0-9]+")
CONTACT, ACCOUNT = "contact", "account"  # the prefixes of what is known of contacts and accounts


@dataclass(frozen=True)
class Declared:
    """What a door takes in. `owners`: prefix → the source it belongs to, of those the key may write for; `home`: the prefix of bare names.

    `names`: what a product calls an event → what the workspace calls it. `kinds` and `item_keys` as for a load.
    """

    owners: Mapping[str, str]
    home: str
    names: Mapping[str, str]
    kinds: Mapping[str, str]
    item_keys: Mapping[str, str]
    zone: Zone


def records_of(message: Message, declared: Declared, account: str, contact: str | None, received_at: int) -> list[Record]:
    """The records of a message whose account is known. Raises Unreadable where its name belongs to no source that may be written for.

    An event makes one. What is told of a contact or an account makes one for each trait that is a single value; what cannot be a field, and
    whatever nobody declared a source for, stays in an event `contact.identified` or `account.described`, so that nothing is lost.
    """
    if not declared.home:
        raise Unreadable(Reason.FOREIGN_PREFIX, "no source of this key stands in workspace.yaml any more")
    at = received_at if message.occurred_at is None else message.occurred_at
    if message.kind == "event":
        name = name_of(message.event or "", declared, declared.home)
        return [_event(message, declared, name, message.content, account, contact, at)]
    return list(_traits(message, declared, account, contact, at))


def name_of(said: str, declared: Declared, home: str) -> str:
    """`Interview Booked` → `product.interview_booked`; what the workspace names, or says with its prefix already, stays."""
    if (named := declared.names.get(said)) is not None:
        return named
    prefix, dot, rest = said.partition(".")
    found = f"{prefix}.{snake(rest)}" if dot and prefix in declared.owners else f"{home}.{snake(said)}"
    if not _NAME.fullmatch(found):
        raise Unreadable(Reason.BAD_NAME, f"{said[:80]!r} makes no name: latin letters, digits and _; or say under `names:` of the source what it is")
    if found.partition(".")[0] not in declared.owners:
        raise Unreadable(Reason.FOREIGN_PREFIX, f"{found[:80]} belongs to no source that this key may write for")
    return found


def snake(said: str) -> str:
    return _OTHER.sub("_", _CAMEL.sub("_", said).lower()).strip("_")


def _event(message: Message, declared: Declared, name: str, content: Mapping[str, Any], account: str, contact: str | None, at: int) -> Record:
    key = content.get(declared.item_keys[name]) if name in declared.item_keys else None
    return Record(
        source=declared.owners[name.partition(".")[0]],
        source_id=message.id,
        account_id=account,
        contact_id=contact,
        occurred_at=at,
        known_at=0,
        event=name,
        key=None if key is None else key if isinstance(key, str) else json.dumps(key, ensure_ascii=False),
        properties=text_of(content) if content else None,
    )


def _traits(message: Message, declared: Declared, account: str, contact: str | None, at: int) -> Iterator[Record]:
    home = CONTACT if message.kind == "contact" else ACCOUNT
    rest, told = dict[str, Any](), set[str]()
    for trait, value in message.content.items():
        field = _field(trait, declared, home)
        if field is None or field in told or isinstance(value, dict | list):
            rest[trait] = value
        else:
            told.add(field)
            yield _value(message, declared, field, value, account, contact, at)
    if rest:
        name = f"{home}.{'identified' if home == CONTACT else 'described'}" if home in declared.owners else f"{declared.home}.{home}_traits"
        yield _event(message, declared, name, rest, account, contact, at)


def _field(trait: str, declared: Declared, home: str) -> str | None:
    try:
        return name_of(trait, declared, home)
    except Unreadable:
        return None


def _value(message: Message, declared: Declared, field: str, value: Any, account: str, contact: str | None, at: int) -> Record:
    said = "" if value is None else value if isinstance(value, str) else json.dumps(value)
    if len(said) > LONGEST:
        raise Unreadable(Reason.VALUE_TOO_LONG, f"{field}: more than {LONGEST:,} characters")
    meant, number = normalise(declared.kinds.get(field, "text"), clean(said), declared.zone.day(at))
    return Record(
        source=declared.owners[field.partition(".")[0]],
        source_id=f"{message.id}/{field}",
        account_id=account,
        contact_id=contact,
        occurred_at=at,
        known_at=0,
        field=field,
        value=meant,
        number=number,
    )
