"""Who in an account is written to. There is no silent second choice when that person may not be."""

from dataclasses import dataclass

from engine.facts.fold import Fold, LatestValue

YES = frozenset({"true", "1", "yes"})


@dataclass(frozen=True)
class Recipient:
    """The main contact; `address` is None where no source gave one."""

    contact_id: str
    address: str | None
    name: str | None
    role: str | None


NOBODY = Recipient("", None, None, None)  # what is written to a company of which no person is known


def main_contact(fold: Fold) -> Recipient | None:
    """The contact last said to be the main one, else the one who logged in last, else the one with the smallest id."""
    known = set(fold.contacts) | set(fold.logins)
    if not known:
        return None
    chosen = min(known, key=lambda contact: (_not_main(fold, contact), -fold.logins.get(contact, -1), contact))
    return contact_of(fold, chosen)


def contact_of(fold: Fold, contact: str) -> Recipient:
    """What is known of one person."""
    return Recipient(contact, *(_text(fold, contact, name) for name in ("contact.email", "contact.name", "contact.role")))


def _not_main(fold: Fold, contact: str) -> int:
    """Smaller is better: the negative instant at which the contact was said to be the main one, or 1."""
    said = _value(fold, contact, "contact.main")
    return -said[0] if said is not None and (said[3] or "").lower() in YES else 1


def _value(fold: Fold, contact: str, name: str) -> LatestValue | None:
    return fold.contacts.get(contact, {}).get(name)


def _text(fold: Fold, contact: str, name: str) -> str | None:
    found = _value(fold, contact, name)
    return found[3] if found is not None else None
