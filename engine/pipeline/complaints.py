"""Complaints beside what was sent: from a share on that providers do not bear, a sender's advertising is held until a person looked."""

from engine.calendar import DAY
from engine.decision.standing import Pause
from engine.ledger import holds
from engine.ledger import returned as ledger_returned
from engine.ledger.open import Connection
from engine.ledger.returned import Rate
from engine.rulebook.actions import SendMail
from engine.workspace.model import Workspace

WARN, STOP = 0.001, 0.003  # Gmail's and Yahoo's guidelines for senders: stay below 0.1 %, never reach 0.3 %
FEWEST = 3  # complaints; one of a small sender's two hundred letters is no rate
SPAN = 7 * DAY  # over which both are counted
HELD = 7 * DAY
BY = "complaints"  # who set the pause


def is_too_high(rate: Rate) -> bool:
    return rate.complaints >= FEWEST and rate.share >= STOP


def hold_sender(connection: Connection, workspace: Workspace, domain: str, now: int) -> list[str]:
    """Pause each rule that sends advertising from this domain, if the share of complaints says so. Returns the rules that are held from now on.

    A rule that a person let go on within the span is let be.
    """
    rate = next(iter(ledger_returned.complaint_rates(connection, now - SPAN, domain)), None)
    if rate is None or not is_too_high(rate):
        return []
    paused = {pause.name for pause in holds.pauses_now(connection, now) if pause.scope == "rule"}
    held = [rule for rule in _advertising(workspace, domain) if rule not in paused and not _let_go(connection, workspace, rule, now)]
    reason = f"complaints: {rate.complaints} of {rate.sent} letters from {domain} in {SPAN // DAY} days"
    for rule in held:
        holds.add_pause(connection, Pause("rule", rule, reason, now + HELD), BY, now)
    return held


def _advertising(workspace: Workspace, domain: str) -> list[str]:
    senders = workspace.settings.senders
    mails = {name: rule.do for name, rule in workspace.rules.items() if isinstance(rule.do, SendMail) and not rule.do.service}
    return [name for name, mail in mails.items() if senders[mail.from_].address.rpartition("@")[2] == domain]


def _let_go(connection: Connection, workspace: Workspace, rule: str, now: int) -> bool:
    lifted = holds.lifted_pauses(connection, "rule", workspace.rule_names(rule), BY)
    return any(row["lifted_at"] > now - SPAN for row in lifted)
