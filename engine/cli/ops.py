"""For ops people: status, pause, resume, suppress, doctor."""

import sys
from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Table

from engine.cli.door import FAULTS, AsJson, At, Door, out, parse_instant, print_json, shown
from engine.decision.standing import Pause
from engine.detail import parts_of
from engine.errors import refuse
from engine.messages import Language, say, say_detail
from engine.pipeline import ops as work
from engine.pipeline.ops import Check, Status
from engine.touches.delivery import DeliveryReason
from engine.touches.touch import State
from engine.workspace.model import Workspace

SCOPES = ("all", "channel", "rule", "account")
KINDS = ("opted_out", "bounced")
WITH_YEAR = "%Y-%m-%d %H:%M"
LEVELS = {"ok": "[green]✓[/green]", "warn": "[yellow]![/yellow]", "bad": "[red]✗[/red]"}


def register(app: typer.Typer) -> None:
    group = typer.Typer(no_args_is_help=True, help="Queues, pauses and sources.")
    group.command()(status)
    group.command()(pause)
    group.command()(resume)
    group.command()(settle)
    app.add_typer(group, name="ops")
    app.command()(suppress)
    app.command()(doctor)


def status(context: typer.Context, at: At = None, as_json: AsJson = False) -> None:
    """Show queues, sources, workers and pauses."""
    door: Door = context.obj
    with door.system(at) as system:
        found = work.status(system)
        if as_json:
            print_json(found)
        else:
            _print_status(found, system.workspace, door.language(system))


def _print_status(found: Status, workspace: Workspace, language: Language) -> None:
    touches = Table(title=say(language, "status.touches"), title_justify="left")
    touches.add_column(say(language, "status.state"))
    touches.add_column(say(language, "status.number"), justify="right")
    for state, number in sorted(found.states.items()):
        touches.add_row(say(language, f"state.{state}"), f"{number:,}")
        for reason, of_it in sorted(found.reasons.get(state, {}).items()):
            touches.add_row(f"  {touch_reason_in_words(reason, language)}", f"{of_it:,}", style="dim")
    out.print(touches)
    out.print(say(language, "status.due", due=found.due, next=shown(found.next_due, workspace), workers=len(found.workers)))
    sources = Table(title=say(language, "status.sources"), title_justify="left")
    for key in ("source", "loaded", "covers", "fresh", "quarantine"):
        sources.add_column(say(language, f"status.{key}"))
    for load in found.loads:
        fresh = say(language, "status.stale") if load.source in found.stale else say(language, "status.ok")
        times = (shown(load.loaded_at, workspace), shown(load.covers_until, workspace))
        sources.add_row(load.source, *times, fresh, str(found.quarantine.get(load.source, 0)))
    out.print(sources)
    for each in found.pauses:
        out.print(
            say(language, "status.pause", scope=each.scope, name=each.name, reason=each.reason, until=shown(each.until, workspace, WITH_YEAR)),
            style="yellow",
        )


def touch_reason_in_words(reason: str, language: Language) -> str:
    """Why a touch waits or ended: a gate's word, or one of the delivery's."""
    if reason in set(DeliveryReason):
        return say(language, f"delivery.{reason}")
    return say(language, f"reason.{reason}", detail="").strip()


Scope = Annotated[str, typer.Argument(help="all, channel, rule or account.")]
Named = Annotated[str, typer.Argument(help="Which channel, rule or account; nothing for all.")]


def pause(
    context: typer.Context,
    scope: Scope,
    name: Named = "",
    until: Annotated[str, typer.Option(help="When it ends; every pause has an end.")] = ...,  # type: ignore[assignment]  # typer's way to say required
    reason: Annotated[str, typer.Option(help="Why, for everybody who wonders.")] = ...,  # type: ignore[assignment]  # the same
    by: Annotated[str, typer.Option("--as", help="Who says so.", envvar="BANSO_USER")] = "ops",
    at: At = None,
) -> None:
    """Stop deciding and sending within a scope until an instant; what is queued waits."""
    _check_scope(scope, name)
    door: Door = context.obj
    with door.system(at) as system:
        ends = parse_instant(until, system.workspace, "--until")
        work.pause(system, Pause(scope, name, reason, ends), by)  # type: ignore[arg-type]  # checked above
        out.print(say(door.language(system), "ops.paused", scope=scope, name=name, until=shown(ends, system.workspace, WITH_YEAR)))


def resume(context: typer.Context, scope: Scope, name: Named = "", at: At = None) -> None:
    """Lift the pauses of a scope."""
    _check_scope(scope, name)
    door: Door = context.obj
    with door.system(at) as system:
        out.print(say(door.language(system), "ops.resumed", number=work.resume(system, scope, name)))


def _check_scope(scope: str, name: str) -> None:
    if scope not in SCOPES or (scope == "all") != (name == ""):
        raise typer.BadParameter("all | channel NAME | rule NAME | account ID", param_hint="SCOPE")


def settle(
    context: typer.Context,
    touch: Annotated[str, typer.Argument(help="The touch's id, as the timeline or the Message-ID shows it.")],
    outcome: Annotated[str, typer.Argument(help="sent or not-sent.")],
    at: At = None,
) -> None:
    """Say what became of a touch that is unknown: it was sent, or it goes out again as the same message."""
    if outcome not in {"sent", "not-sent"}:
        raise typer.BadParameter("sent or not-sent", param_hint="OUTCOME")
    door: Door = context.obj
    with door.system(at) as system:
        state = work.settle(system, touch, was_sent=outcome == "sent")
        if state is None:
            raise refuse("E644", touch, name=touch)
        out.print(say(door.language(system), f"settled.{state}", touch=touch))


def suppress(
    context: typer.Context,
    address: Annotated[str, typer.Argument(help="The e-mail address.")],
    kind: Annotated[str | None, typer.Option(help="opted_out (the default) or bounced; to lift, say which.")] = None,
    reason: Annotated[str, typer.Option(help="Where the wish or the bounce came from.")] = "by hand",
    lift: Annotated[bool, typer.Option("--lift", help="Allow the address again.")] = False,
    at: At = None,
) -> None:
    """Never mail an address again, from this moment on, across all rules."""
    if kind not in KINDS and (kind is not None or lift):
        raise typer.BadParameter(" | ".join(KINDS), param_hint="--kind")
    door: Door = context.obj
    with door.system(at) as system:
        language = door.language(system)
        if lift:
            assert kind is not None  # checked above
            number = work.unsuppress(system, address, kind)
            out.print(say(language, "ops.unsuppressed", address=address, number=number, kind=say(language, f"reason.{kind}")))
        else:
            kept = work.suppress(system, address, kind or KINDS[0], reason)
            out.print(say(language, "ops.suppressed", address=kept, kind=say(language, f"reason.{kind or KINDS[0]}")))


def doctor(
    context: typer.Context,
    alive: Annotated[str | None, typer.Option(help="Only ask whether a worker or scheduler gave a sign of life; for health checks.")] = None,
    as_json: AsJson = False,
) -> None:
    """Look for everything that can be wrong with a deployment; exit 1 if something is."""
    door: Door = context.obj
    with door.system() as system:
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
