"""The queues of a deployment: its channels, and its relays as the senders of its workspace name them."""

from collections.abc import Iterable

from engine.channels import CHANNELS, DISPATCHED
from engine.config import Config
from engine.pipeline.system import System
from engine.touches.queue import MAIN, Queue, queue_name, relay_of
from engine.touches.touch import State, Touch


def queue_groups(config: Config) -> list[tuple[str, ...]]:
    """Queues by who serves them: each relay has a worker of its own, and what is only listed shares one."""
    relayed = [(queue_name(channel, relay),) for channel in _relayed() for relay in (MAIN, *sorted(config.other_relays))]
    return [*relayed, tuple(channel for channel in DISPATCHED if channel not in _relayed())]


def queue_names(config: Config) -> tuple[str, ...]:
    return tuple(name for group in queue_groups(config) for name in group)


def queues_of(system: System) -> list[Queue]:
    """Which touches wait where. Those of a relay that is not configured wait with the main one's, whose worker puts them off and says why."""
    found = [Queue(channel, channel) for channel in DISPATCHED if channel not in _relayed()]
    for channel in _relayed():
        others = {relay: tuple(_rules_of(system, relay)) for relay in sorted(system.config.other_relays)}
        found += [Queue(queue_name(channel, relay), channel, only=rules) for relay, rules in others.items()]
        found.append(Queue(channel, channel, but=tuple(rule for rules in others.values() for rule in rules)))
    return found


def queues_for(system: System, touches: Iterable[Touch], now: int) -> dict[str, list[str]]:
    """Queue → ids of these touches that wait there and are due."""
    found: dict[str, list[str]] = {}
    for touch in touches:
        if touch.state is State.PENDING and touch.due_at <= now and touch.channel in DISPATCHED:
            relay = relay_of(system.workspace, touch.rule) if touch.channel in _relayed() else MAIN
            name = queue_name(touch.channel, relay if relay in system.config.other_relays else MAIN)
            found.setdefault(name, []).append(touch.id)
    return found


def unknown_relays(system: System) -> dict[str, str]:
    """Sender → the relay it names, where the deployment has none of that name."""
    named = {name: sender.relay or MAIN for name, sender in system.workspace.settings.senders.items()}
    return {name: relay for name, relay in named.items() if relay not in {MAIN, *system.config.other_relays}}


def _relayed() -> list[str]:
    return [channel for channel in DISPATCHED if CHANNELS[channel].delivery == "relayed"]


def _rules_of(system: System, relay: str) -> Iterable[str]:
    """Under their earlier names too."""
    workspace = system.workspace
    return (name for rule in workspace.rules if relay_of(workspace, rule) == relay for name in workspace.rule_names(rule))
