"""What is known against mail to an address, as the ledger's kinds of suppression: all of it refused, one kind of it refused, or nobody there."""

from collections.abc import Collection

from engine.rulebook.actions import Action, SendMail

OPTED_OUT, BOUNCED = "opted_out", "bounced"
_ONE_KIND = "kind:"


def of_kind(kind: str) -> str:
    """The suppression of one kind of mail, as `mail_kinds` names it."""
    return _ONE_KIND + kind


def kind_of_mail(action: Action | None) -> str | None:
    """Which kind of mail an action sends, if it says."""
    return action.kind if isinstance(action, SendMail) else None


def reason_against(suppressions: Collection[str], kind: str | None) -> str | None:
    """Why a mail of this kind may not go to an address with these suppressions: `opted_out`, `bounced`, or None where it may."""
    if OPTED_OUT in suppressions or (kind is not None and of_kind(kind) in suppressions):
        return OPTED_OUT
    return BOUNCED if BOUNCED in suppressions else None
