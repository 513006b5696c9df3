"""What people of ops order: pauses of a scope, and addresses that get no more mail."""

from zoneinfo import ZoneInfo

from engine.calendar import moment_of
from engine.channels.letter import Unwritable
from engine.channels.mail.message import checked_address
from engine.decision.standing import Pause
from engine.errors import refuse
from engine.ledger import holds
from engine.pipeline.system import System


def pause(system: System, what: Pause, by: str) -> None:
    """Raises BansoError E646 for a name that is none, for such a pause would stop nothing, and E647 for an end that is over."""
    if what.until <= system.clock.now():
        raise refuse("E647", "--until", value=moment_of(what.until, ZoneInfo(system.workspace.zone.name)).isoformat(" ", "minutes"))
    _must_exist(system, what)
    with system.ledger.write() as connection:
        holds.add_pause(connection, what, by, system.clock.now())


def _must_exist(system: System, what: Pause) -> None:
    known = {"rule": tuple(system.workspace.rules), "channel": tuple(system.workspace.settings.channels)}
    if what.scope == "account":
        near = nearest_account(system, what.name)
        if near != what.name:
            raise refuse("E646", what.name, kind=what.scope, name=what.name, near=near)
    elif what.scope in known and what.name not in known[what.scope]:
        raise refuse("E646", what.name, kind=what.scope, name=what.name, known=known[what.scope])


def nearest_account(system: System, name: str) -> str | None:
    """The account of this id, else the one whose id looks most like it; None where none is near."""
    near = "SELECT account_id FROM records WHERE account_id <> '' AND jaro_winkler_similarity(account_id, $1) > 0.8"
    with system.records() as records:
        row = records.duck.execute(f"{near} ORDER BY jaro_winkler_similarity(account_id, $1) DESC, account_id LIMIT 1", [name]).fetchone()
    return str(row[0]) if row else None


def resume(system: System, scope: str, name: str) -> int:
    """Lift the open pauses of a scope, of a rule under its earlier names too; returns how many there were."""
    names = system.workspace.rule_names(name) if scope == "rule" else (name,)
    with system.ledger.write() as connection:
        return sum(holds.lift_pauses(connection, scope, each, system.clock.now()) for each in names)


def suppress(system: System, address: str, kind: str, reason: str) -> str:
    """Returns the address as it is kept. Raises BansoError E645 for what is none: it would stop nothing."""
    plain = plain_address(address)
    with system.ledger.write() as connection:
        holds.suppress(connection, plain, kind, reason, system.clock.now())
    return plain


def unsuppress(system: System, address: str, kind: str) -> int:
    """Lift one kind of suppression only; returns how many there were."""
    plain = plain_address(address)
    with system.ledger.write() as connection:
        return holds.lift_suppression(connection, plain, kind, system.clock.now())


def plain_address(address: str) -> str:
    """The address without blanks around it, as mails are sent to it. Raises BansoError E645."""
    try:
        return checked_address(address.strip())
    except Unwritable as error:
        raise refuse("E645", address.strip() or "ADDRESS", value=address) from error
