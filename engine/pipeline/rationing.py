"""Before letters are offered: receivers that fail are left alone for a while, and nobody is written to faster than the limits say."""

from collections.abc import Mapping, Sequence

from engine.calendar import SECOND
from engine.channels import CHANNELS
from engine.channels.letter import TOO_LATE, Reply
from engine.config import Config
from engine.decision.draws import BUCKETS, bucket
from engine.decision.gates import EXPIRED
from engine.detail import detail
from engine.ledger import relays
from engine.ledger.open import Connection
from engine.pipeline.recheck import BACKOFF, Rechecked, Verdict
from engine.pipeline.worker import Worker
from engine.touches.breaker import Breaker, trouble_of
from engine.touches.delivery import DeliveryReason
from engine.touches.queue import MAIN, queue_name, relay_of
from engine.touches.rate import admit
from engine.touches.touch import State, Touch
from engine.workspace.model import Workspace

SPREAD = 30 * SECOND  # those that wait for the same receiver do not all come back in the same instant


def ration(worker: Worker, rechecked: Rechecked) -> list[Verdict]:
    """The verdicts, with those put off whose relay or domain is left alone, or whose limit a minute is reached."""
    if not any(_is_relayed(verdict) for verdict in rechecked.verdicts):
        return list(rechecked.verdicts)
    now, workspace = worker.system.clock.now(), worker.system.workspace
    asked = [_unless_without_relay(verdict, worker.system.config, workspace, now) for verdict in rechecked.verdicts]
    asked = [_unless_left_alone(verdict, workspace, rechecked.left_alone, now) for verdict in asked]
    if worker.system.config.mails_per_minute is None and worker.system.config.mails_per_minute_domain is None:
        return asked
    with worker.system.ledger.write() as connection:
        return _admitted(connection, worker.system.config, workspace, asked, now)


def names_of(workspace: Workspace, touch: Touch) -> tuple[str, str]:
    """The relay and the domain of a letter, as breakers and limits know them."""
    return f"relay:{queue_name(touch.channel, relay_of(workspace, touch.rule))}", f"domain:{(touch.address or '').rpartition('@')[2].lower()}"


def note(connection: Connection, workspace: Workspace, answers: Sequence[tuple[Touch, Reply]], now: int) -> None:
    """Remember what the replies of a wave say of relays and domains: a letter taken closes their breakers, else one failure counts for each.

    A letter that this process itself came too late for says nothing of anybody.
    """
    relayed = [(touch, reply) for touch, reply in answers if CHANNELS[touch.channel].delivery == "relayed" and reply != TOO_LATE]
    if not relayed:
        return
    well = {name for touch, reply in relayed if reply.kind == "sent" for name in names_of(workspace, touch)}
    relays.close_breakers(connection, well)
    failed = {}
    for touch, reply in relayed:
        trouble = trouble_of(reply.kind, reply.text)
        if trouble is not None and (name := names_of(workspace, touch)[trouble == "domain"]) not in well:
            failed[name] = reply.text
    known = relays.breakers_of(connection, failed)
    for name in sorted(failed):
        relays.keep_breaker(connection, known.get(name, Breaker(name)).failed(now, failed[name]))


def put_off(touch: Touch, reason: DeliveryReason, found: str, due_at: int) -> Verdict:
    """Wait, or expire where that would be too late."""
    if due_at > touch.deadline:
        return Verdict(touch, change={"state": State.EXPIRED, "reason": EXPIRED, "detail": found})
    return Verdict(touch, change={"state": State.PENDING, "reason": reason, "detail": found, "due_at": due_at})


def _is_relayed(verdict: Verdict) -> bool:
    return verdict.letter is not None and CHANNELS[verdict.touch.channel].delivery == "relayed"


def _unless_without_relay(verdict: Verdict, config: Config, workspace: Workspace, now: int) -> Verdict:
    """A sender may name a relay that this deployment lacks: its mails wait until somebody configures it."""
    if not _is_relayed(verdict) or config.delivery == "dry-run":
        return verdict
    relay = relay_of(workspace, verdict.touch.rule)
    if relay in {MAIN, *config.other_relays}:
        return verdict
    return put_off(verdict.touch, DeliveryReason.NO_RELAY, detail("relay", relay), now + BACKOFF)


def _unless_left_alone(verdict: Verdict, workspace: Workspace, known: Mapping[str, Breaker], now: int) -> Verdict:
    if not _is_relayed(verdict):
        return verdict
    found = [known[name] for name in names_of(workspace, verdict.touch) if name in known and known[name].open_until > now]
    if not found:
        return verdict
    longest = max(found, key=lambda each: each.open_until)
    spread = SPREAD * bucket(verdict.touch.id, "left alone") // BUCKETS
    return put_off(verdict.touch, DeliveryReason.LEFT_ALONE, longest.name, longest.open_until + spread)


def _admitted(connection: Connection, config: Config, workspace: Workspace, verdicts: Sequence[Verdict], now: int) -> list[Verdict]:
    """Take a place for each letter in the limits that are set; whoever finds none waits as long as it takes."""
    limits = {index: limit for index, limit in enumerate((config.mails_per_minute, config.mails_per_minute_domain)) if limit is not None}
    full = relays.full_until(connection, [names_of(workspace, each.touch)[index] for each in verdicts if _is_relayed(each) for index in limits])
    admitted = []
    for verdict in verdicts:
        if not _is_relayed(verdict):
            admitted.append(verdict)
            continue
        names = names_of(workspace, verdict.touch)
        asked = {names[index]: admit(full[names[index]], now, limit) for index, limit in limits.items()}
        wait, name = max((wait, name) for name, (_, wait) in asked.items())
        if not wait:
            full.update({name: until for name, (until, _) in asked.items()})
        admitted.append(put_off(verdict.touch, DeliveryReason.TOO_FAST, name, now + wait) if wait else verdict)
    relays.keep_full_until(connection, full)
    return admitted
