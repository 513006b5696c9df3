"""What ops people order: pause, resume, settle, retry, suppress. What they look at stands in `watch`."""

from typing import Annotated

import typer

from engine.cli import watch
from engine.cli.door import FAULTS, AsJson, At, Door, out, parse_instant, print_json, shown
from engine.cli.watch import WITH_YEAR
from engine.decision.standing import Pause
from engine.errors import refuse
from engine.messages import Language, say
from engine.pipeline import ops as work
from engine.pipeline.ops.by_hand import RETRIABLE, Retried, to_retry

SCOPES = ("all", "channel", "rule", "account")
KINDS = ("opted_out", "bounced")


def register(app: typer.Typer) -> None:
    group = typer.Typer(no_args_is_help=True, help="Queues, pauses and sources.")
    for command in (watch.status, watch.queue, watch.failures, watch.refused, retry, pause, resume, settle, restored, release, watch.sources):
        group.command()(command)
    app.add_typer(group, name="ops")
    app.command()(suppress)
    app.command()(watch.doctor)


Scope = Annotated[str, typer.Argument(help="all, channel, rule or account.")]
By = Annotated[str, typer.Option("--as", help="Who says so.", envvar="BANSO_USER")]
Named = Annotated[str, typer.Argument(help="Which channel, rule or account; nothing for all.")]


def pause(
    context: typer.Context,
    scope: Scope,
    name: Named = "",
    until: Annotated[str, typer.Option(help="When it ends; every pause has an end.")] = ...,  # type: ignore[assignment]  # typer's way to say required
    reason: Annotated[str, typer.Option(help="Why, for everybody who wonders.")] = ...,  # type: ignore[assignment]  # the same
    by: By = "ops",
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


Why = Annotated[str, typer.Option(help="Why, for everybody who wonders.")]


def restored(context: typer.Context, reason: Why = ..., by: By = "ops", at: At = None) -> None:  # type: ignore[assignment]  # typer's way to say required
    """Say that the ledger was restored from a backup and the state folder with it: nothing goes out until it is released."""
    door: Door = context.obj
    with door.system(at) as system:
        found = work.declare(system, by, reason)
        values = {"since": shown(found.noticed_at, system.workspace, WITH_YEAR), "number": found.doubted}
        out.print(say(door.language(system), "ops.restored", **values), soft_wrap=True)


def release(context: typer.Context, reason: Why = ..., by: By = "ops", at: At = None) -> None:  # type: ignore[assignment]  # the same
    """Let sending go on after a restore; what is still unknown stays so."""
    door: Door = context.obj
    with door.system(at) as system:
        out.print(say(door.language(system), "ops.released", number=work.release(system, by, reason)), soft_wrap=True)


def retry(
    context: typer.Context,
    touch: Annotated[str | None, typer.Argument(help="One touch's id, as `banso ops failures` shows it.")] = None,
    rule: Annotated[str | None, typer.Option(help="Every failed touch of this rule.")] = None,
    reason: Annotated[str | None, typer.Option(help="Every touch that failed for this reason: unwritable or refused.")] = None,
    by: By = "ops",
    at: At = None,
    as_json: AsJson = False,
) -> None:
    """Put failed touches back, to be judged and written anew under the same Message-ID; never what may have been sent."""
    if (touch is None) == (rule is None and reason is None) or reason not in {None, *RETRIABLE}:
        raise typer.BadParameter(f"TOUCH | --rule RULE | --reason {'|'.join(sorted(RETRIABLE))}", param_hint="TOUCH")
    door: Door = context.obj
    with door.system(at) as system:
        done = work.retry(system, to_retry(touch, system.workspace.rule_names(rule) if rule else (), reason), by)
        if touch is not None and not (done.again or done.left):
            raise refuse("E649", touch, name=touch)
        if as_json:
            print_json(done)
        else:
            _print_retried(done, door.language(system))
    if touch is not None and done.left:
        raise typer.Exit(FAULTS)


def _print_retried(done: Retried, language: Language) -> None:
    out.print(say(language, "retry.again", number=len(done.again)))
    for touch, why_not in done.left:
        out.print(say(language, "retry.left", touch=touch, why=say(language, f"retry.{why_not}")), soft_wrap=True)


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
