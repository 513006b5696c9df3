"""What ops people look at: status, queue, failures, sources, doctor."""

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Annotated, TypeVar

import typer
from rich.markup import escape
from rich.table import Table

from engine.cli.door import FAULTS, LEVELS, AsJson, At, Door, out, parse_instant, print_json, shown
from engine.decision.standing import Pause
from engine.detail import parts_of
from engine.ledger.overview import Waiting, Wanted
from engine.ledger.records import Refusal
from engine.ledger.restores import Restore
from engine.messages import Language, say, say_detail
from engine.pipeline import ops as work
from engine.pipeline.ops import Check, Status
from engine.pipeline.ops.view import Queue, SourceState
from engine.pipeline.system import System
from engine.touches.breaker import Breaker
from engine.touches.delivery import DeliveryReason
from engine.touches.touch import State, Touch
from engine.workspace.model import Workspace

WITH_YEAR = "%Y-%m-%d %H:%M"
FAILED_STATES = (State.FAILED, State.UNKNOWN, State.EXPIRED)
Found = TypeVar("Found")


SAID_MAX = 300  # characters of a refused row that are shown; --json has all of it
NUMBERS = frozenset({"number", "due_now", "new", "quarantine", "seconds"})


@dataclass(frozen=True)
class Look:
    """How a command was asked to look: as of when, and for whom it prints."""

    door: Door
    at: str | None
    as_json: bool

    def show(self, find: Callable[[System], Found], tell: Callable[[Found, System, Language], None]) -> None:
        with self.door.system(self.at) as system:
            found = find(system)
            if self.as_json:
                print_json(found)
            else:
                tell(found, system, self.door.language(system))


def table_of(language: Language, title: str, columns: Sequence[str]) -> Table:
    """An empty table; `columns` are the keys of its headings."""
    table = Table(title=say(language, title), title_justify="left")
    for key in columns:
        table.add_column(say(language, f"status.{key}"), justify="right" if key in NUMBERS else "left", overflow="fold")
    return table


# --- status -----------------------------------------------------------------------------------------------------------


def status(context: typer.Context, at: At = None, as_json: AsJson = False) -> None:
    """Show touches, processes, sources, receivers that fail and pauses."""
    Look(context.obj, at, as_json).show(work.status, _print_status)


def _print_status(found: Status, system: System, language: Language) -> None:
    workspace, now = system.workspace, system.clock.now()
    _print_restored(found.restored, workspace, language)
    if found.room.is_low:
        out.print(say(language, "status.disk", free=found.room.free_mb, limit=found.room.least_mb), style="red", soft_wrap=True)
    _print_touches(found, workspace, language)
    _print_processes(found, workspace, language)
    sources = table_of(language, "status.sources", ("source", "loaded", "covers", "fresh", "quarantine"))
    for load in found.loads:
        fresh = say(language, "status.stale") if load.source in found.stale else say(language, "status.ok")
        times = (shown(load.loaded_at, workspace), shown(load.covers_until, workspace))
        sources.add_row(load.source, *times, fresh, str(found.quarantine.get(load.source, 0)))
    for source in sorted(found.quarantine.keys() - {load.source for load in found.loads}):  # what comes in over HTTP alone
        fresh = say(language, "status.stale") if source in found.stale else say(language, "status.ok")
        sources.add_row(source, "–", "–", fresh, str(found.quarantine[source]))
    out.print(sources)
    if found.strangers:
        out.print(say(language, "status.strangers", number=found.strangers), style="yellow", soft_wrap=True)
    _print_returned(found, language)
    for each in found.breakers:
        out.print(_breaker_in_words(each, workspace, language, now), style="yellow", markup=False, soft_wrap=True)
    for pause in found.pauses:
        out.print(_pause_in_words(pause, workspace, language), style="yellow", markup=False)


def _print_returned(found: Status, language: Language) -> None:
    if not found.returned:
        return
    kinds = table_of(language, "status.returned", ("kind", "number"))
    for kind, number in sorted(found.returned.items()):
        kinds.add_row(say(language, f"returned.{kind}"), f"{number:,}")
    out.print(kinds)
    for rate in found.complaints:
        values = {"domain": rate.domain, "number": rate.complaints, "sent": rate.sent, "percent": f"{rate.share:.2%}"}
        out.print(say(language, "status.complaints", **values), style="yellow", markup=False, soft_wrap=True)


def _print_restored(restored: Restore | None, workspace: Workspace, language: Language) -> None:
    if restored is not None:
        values = {"since": shown(restored.noticed_at, workspace, WITH_YEAR), "number": restored.doubted}
        out.print(say(language, "ops.restored", **values), style="red", soft_wrap=True)


def _print_touches(found: Status, workspace: Workspace, language: Language) -> None:
    touches = table_of(language, "status.touches", ("state", "number"))
    for state, number in sorted(found.states.items()):
        touches.add_row(say(language, f"state.{state}"), f"{number:,}")
        for reason, of_it in sorted(found.reasons.get(state, {}).items()):
            touches.add_row(f"  {touch_reason_in_words(reason, language)}", f"{of_it:,}", style="dim")
    out.print(touches)
    alive = sum(each.kind == "worker" and each.condition == "alive" for each in found.workers)
    out.print(say(language, "status.due", due=found.due, next=shown(found.next_due, workspace), workers=alive))
    if found.oldest_due is not None:
        out.print(say(language, "status.oldest_due", since=shown(found.oldest_due, workspace, WITH_YEAR)))
    if found.unknown:
        out.print(say(language, "status.unknown", number=found.unknown, since=shown(found.unknown_since, workspace, WITH_YEAR)), style="yellow")
    for run in found.unfinished:
        out.print(say(language, "status.unfinished", slot=run.slot, since=shown(run.started_at, workspace, WITH_YEAR), held=run.held), style="yellow")


def _print_processes(found: Status, workspace: Workspace, language: Language) -> None:
    if not found.workers:
        return
    processes = table_of(language, "status.processes", ("process", "kind", "condition", "seen", "busy"))
    for each in found.workers:
        times = (shown(each.seen_at, workspace), shown(each.busy_since, workspace))
        style = "" if each.condition == "alive" else "yellow"
        processes.add_row(each.name, each.kind, say(language, f"condition.{each.condition}"), *times, style=style)
    out.print(processes)


def _breaker_in_words(breaker: Breaker, workspace: Workspace, language: Language, now: int) -> str:
    values = {"name": say_detail(language, breaker.name), "failures": breaker.failures, "reason": breaker.reason}
    if breaker.open_until > now:
        return say(language, "status.left_alone", until=shown(breaker.open_until, workspace, WITH_YEAR), **values)
    return say(language, "status.failing", **values)


def _pause_in_words(pause: Pause, workspace: Workspace, language: Language) -> str:
    return say(language, "status.pause", scope=pause.scope, name=pause.name, reason=pause.reason, until=shown(pause.until, workspace, WITH_YEAR))


def touch_reason_in_words(reason: str, language: Language) -> str:
    """Why a touch waits or ended: a gate's word, or one of the delivery's."""
    if reason in set(DeliveryReason):
        return say(language, f"delivery.{reason}")
    return say(language, f"reason.{reason}", detail="").strip()


# --- queue and failures -----------------------------------------------------------------------------------------------


def queue(context: typer.Context, at: At = None, as_json: AsJson = False) -> None:
    """Show what waits, by channel, rule and reason, the oldest first."""
    Look(context.obj, at, as_json).show(work.queue, _print_queue)


def _print_queue(found: Queue, system: System, language: Language) -> None:
    workspace = system.workspace
    _print_restored(found.restored, workspace, language)
    table = table_of(language, "status.waiting", ("channel", "rule", "state", "why", "number", "due_now", "oldest", "deadline"))
    for each in found.waiting:
        times = (shown(each.oldest_due, workspace, WITH_YEAR), shown(each.first_deadline, workspace, WITH_YEAR))
        state = say(language, f"state.{each.state}")
        table.add_row(each.channel, each.rule, state, _waits_for(each, language), f"{each.number:,}", f"{each.due:,}", *times)
    out.print(table if found.waiting else say(language, "queue.empty"))
    for run in found.unfinished:
        out.print(say(language, "status.unfinished", slot=run.slot, since=shown(run.started_at, workspace, WITH_YEAR), held=run.held), style="yellow")


def _waits_for(each: Waiting, language: Language) -> str:
    if each.reason is not None:
        return touch_reason_in_words(each.reason, language)
    return say(language, "queue.worker") if each.due else say(language, "queue.time")


def failures(
    context: typer.Context,
    rule: Annotated[str | None, typer.Option(help="Only this rule's, under its earlier names too.")] = None,
    only: Annotated[str | None, typer.Option(help="failed, unknown or expired; --state is the state folder everywhere.")] = None,
    since: Annotated[str | None, typer.Option(help="Only what came to it from this instant on.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="At most so many, the newest.")] = 50,
    at: At = None,
    as_json: AsJson = False,
) -> None:
    """Show touches that failed, expired, or of which nobody can tell: why, and what the receiver said."""
    if only is not None and only not in FAILED_STATES:
        raise typer.BadParameter(" | ".join(FAILED_STATES), param_hint="--only")
    door: Door = context.obj
    with door.system(at) as system:
        language, workspace = door.language(system), system.workspace
        wanted = Wanted(
            states=(only,) if only else FAILED_STATES,
            rules=system.workspace.rule_names(rule) if rule else (),
            since=parse_instant(since, workspace, "--since") if since else None,
            limit=limit,
        )
        found = work.failures(system, wanted)
        if as_json:
            print_json([_plain_failure(touch) for touch in found])
            return
        _print_failures(found, workspace, language)
        if len(found) == limit:
            out.print(say(language, "failures.more", limit=limit), style="dim")


def happened(touch: Touch) -> int:
    """When it came to the state it is in."""
    return touch.ended_at or touch.begun_at or touch.decided_at


def _plain_failure(touch: Touch) -> dict[str, object]:
    names = ("id", "account_id", "rule", "channel", "state", "reason", "detail", "reply", "attempt", "message_id", "deadline")
    return {**{name: getattr(touch, name) for name in names}, "at": happened(touch)}


def _print_failures(found: Sequence[Touch], workspace: Workspace, language: Language) -> None:
    if not found:
        out.print(say(language, "failures.none"))
        return
    table = table_of(language, "status.failures", ("when", "touch", "account", "rule", "state", "why", "reply"))
    for touch in found:
        why = touch_reason_in_words(touch.reason, language) if touch.reason else ""
        told = f"{why} [{say_detail(language, touch.detail)}]" if touch.detail else why
        state = say(language, f"state.{touch.state}")
        cells = (touch.id, touch.account_id, touch.rule, state, told, touch.reply or "")
        table.add_row(shown(happened(touch), workspace), *(escape(each) for each in cells))
    out.print(table)


# --- sources ----------------------------------------------------------------------------------------------------------


def sources(context: typer.Context, at: At = None, as_json: AsJson = False) -> None:
    """Show each source's last load, how fresh it is, and which rules cannot be sure while it is stale."""
    Look(context.obj, at, as_json).show(work.sources, _print_sources)


def _print_sources(found: Sequence[SourceState], system: System, language: Language) -> None:
    workspace = system.workspace
    table = table_of(language, "status.sources", ("source", "loaded", "covers", "max_age", "fresh", "new", "quarantine", "seconds"))
    for each in found:
        fresh = say(language, "status.stale") if each.stale else say(language, "status.ok")
        load = each.load
        times = (shown(load.loaded_at if load else None, workspace, WITH_YEAR), shown(load.covers_until if load else None, workspace, WITH_YEAR))
        numbers = (f"{load.new:,}" if load else "–", f"{each.quarantine:,}", f"{load.seconds:.1f}" if load else "–")
        table.add_row(f"{each.name} ({each.label})", *times, each.max_age, fresh, *numbers, style="yellow" if each.stale else "")
    out.print(table)
    for each in found:
        if each.stale and each.unsure:
            rules = ", ".join(each.unsure)
            out.print(say(language, "sources.unsure", source=each.name, number=len(each.unsure), rules=rules), style="yellow", soft_wrap=True)


def refused(
    context: typer.Context,
    source: Annotated[str | None, typer.Argument(help="Of one source only; `mail` is what came back by mail.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="So many at most.")] = 20,
    as_json: AsJson = False,
) -> None:
    """Show what was kept aside instead of being taken: rows of loads, messages over HTTP, mails that nobody can read."""
    Look(context.obj, None, as_json).show(lambda system: work.refused(system, source, limit), _print_refused)


def _print_refused(found: Sequence[Refusal], system: System, language: Language) -> None:
    if not found:
        out.print(say(language, "refused.none"))
        return
    table = table_of(language, "status.refused", ("refused_at", "source", "where", "reason", "said"))
    for each in found:
        where = ":".join(str(part) for part in (each.file, each.line) if part is not None)
        said = " ".join(each.body.split())[:SAID_MAX]
        table.add_row(shown(each.refused_at, system.workspace, WITH_YEAR), escape(each.source), escape(where), each.reason, escape(said))
    out.print(table)


# --- doctor -----------------------------------------------------------------------------------------------------------


def doctor(
    context: typer.Context,
    alive: Annotated[str | None, typer.Option(help="Only ask whether a worker or scheduler gave a sign of life; for health checks.")] = None,
    at: At = None,
    as_json: AsJson = False,
) -> None:
    """Look for everything that can be wrong with a deployment; exit 1 if something is."""
    door: Door = context.obj
    with door.system(at) as system:
        if alive is not None:
            raise typer.Exit(0 if work.is_alive(system, alive) else FAULTS)
        checks = work.doctor(system, sys.version_info[:3])
        if as_json:
            print_json(checks)
        else:
            _print_checks(checks, door.language(system))
    if any(check.level == "bad" for check in checks):
        raise typer.Exit(FAULTS)


def _print_checks(checks: list[Check], language: Language) -> None:
    for check in checks:
        told = ", ".join(_found_in_words(each, language) for each in check.details)
        out.print(f"{LEVELS[check.level]} {say(language, f'doctor.{check.name}')}  {escape(told)}", soft_wrap=True)


def _found_in_words(found: str, language: Language) -> str:
    """A detail of the doctor's; of the touches it is a state and their number."""
    word, values = parts_of(found)
    return f"{say(language, f'state.{word}')} {values[0]}" if word in set(State) else say_detail(language, found)
