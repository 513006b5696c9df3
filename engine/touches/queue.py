"""Queues: where due touches wait for a worker. One for each channel, and for mail one for each relay, so that a slow one delays only its own."""

from dataclasses import dataclass

from engine.rulebook.actions import SendMail
from engine.workspace.model import Workspace

MAIN = "main"  # the relay of senders that name none


@dataclass(frozen=True)
class Queue:
    """The touches of a channel; `only` those of some rules, or all `but` those of some."""

    name: str
    channel: str
    only: tuple[str, ...] | None = None
    but: tuple[str, ...] = ()


def queue_name(channel: str, relay: str) -> str:
    """`mail` and `mail.bulk`."""
    return channel if relay == MAIN else f"{channel}.{relay}"


def relay_of(workspace: Workspace, rule_id: str) -> str:
    """The relay of a rule's sender, as the workspace names it, whether the deployment has it or not."""
    rule = workspace.rules.get(rule_id)
    if rule is None or not isinstance(rule.do, SendMail):
        return MAIN
    return workspace.settings.senders[rule.do.from_].relay or MAIN
