"""For CS designers: stage, which lets a rule climb, and send-test, which sends one letter to oneself."""

from collections.abc import Sequence
from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Table

from engine.cli.door import FAULTS, AsJson, At, Door, instant_asked, out, print_json, progress
from engine.errors import refuse
from engine.messages import Language, say
from engine.pipeline.sendtest import send_test as run_send_test
from engine.pipeline.stages import Need, approve, needs, reach, rule_of, unfulfilled
from engine.pipeline.system import System
from engine.rulebook.spec import Stage
from engine.workspace.edit import set_value

STAGES: tuple[Stage, ...] = ("plan", "try", "reflect", "share", "stopped")
Rule = Annotated[str, typer.Argument(help="The rule's id.")]
Who = Annotated[str, typer.Option("--as", help="Who you are; default: BANSO_USER.", metavar="NAME", envvar="BANSO_USER")]


def register(app: typer.Typer) -> None:
    app.command()(stage)
    app.command(name="send-test")(send_test)


def stage(
    context: typer.Context,
    rule: Rule,
    to: Annotated[str, typer.Argument(help="plan, try, reflect, share or stopped.", metavar="STAGE")],
    who: Who = "ops",
    count: Annotated[int | None, typer.Option("--count", help="The number of accounts you confirm for share.")] = None,
    as_json: AsJson = False,
) -> None:
    """Let a rule climb: plan → try → reflect → share. `share` wants a test, a result, an approver and the typed number of accounts."""
    door: Door = context.obj
    if to not in STAGES:
        raise refuse("E712", to, name=to, known=STAGES)
    with door.system() as system:
        language, wanted = door.language(system), STAGES[STAGES.index(to)]
        rule_of(system, rule)
        found = needs(system, rule, wanted, who)
        accounts = _confirmed(system, rule, language, count) if wanted == "share" and not unfulfilled(found) else None
        done = not unfulfilled(found) and (wanted != "share" or accounts is not None)
        if done:
            _write(system, rule, wanted)
        if done and accounts is not None:
            approve(system, rule, who, accounts)
    if as_json:
        print_json({"rule": rule, "stage": to, "done": done, "accounts": accounts, "needs": found})
    else:
        _print_needs(found, language)
        out.print(say(language, "stage.done" if done else "stage.refused", rule=rule, stage=to, accounts=accounts or 0), style="bold", soft_wrap=True)
    if not done:
        raise typer.Exit(FAULTS)


def _confirmed(system: System, rule: str, language: Language, count: int | None) -> int | None:
    """The number of accounts, typed by the person who lets the rule loose; None if it is not the one."""
    with progress(language, "plan.running") as bar:
        accounts = reach(system, rule, system.clock.now(), bar)
    if count is None:
        count = typer.prompt(say(language, "stage.confirm", rule=rule, accounts=accounts), type=int)
    return accounts if count == accounts else None


def _write(system: System, rule: str, stage_to: Stage) -> None:
    """Set the stage in the rule's file and nothing else."""
    file = system.workspace.places[rule].split(":")[0]
    path = system.config.workspace / file
    text = path.read_text(encoding="utf-8")
    path.write_text(set_value(text, ("rules", rule, "stage"), stage_to, after=("why", "title")), encoding="utf-8")


def _print_needs(found: Sequence[Need], language: Language) -> None:
    for need in found:
        mark = "[green]✓[/green]" if need.fulfilled else "[red]✗[/red]"
        out.print(f"  {mark} {say(language, f'need.{need.name}')} [dim]{escape(need.detail)}[/dim]", soft_wrap=True)


def send_test(
    context: typer.Context,
    rule: Rule,
    account: Annotated[str, typer.Argument(help="The account whose values fill the letter.")],
    to: Annotated[str, typer.Option("--to", help="Your own address.", metavar="ADDRESS")],
    at: At = None,
    as_json: AsJson = False,
) -> None:
    """Send one letter of a rule to yourself, with [TEST] before its subject; no touch is written."""
    door: Door = context.obj
    with door.system() as system:
        reply = run_send_test(system, rule, account, to, instant_asked(at, system))
        language = door.language(system)
    if as_json:
        print_json(reply)
        return
    table = Table(show_header=False)
    for name in ("kind", "text"):
        table.add_row(say(language, f"sendtest.{name}"), escape(getattr(reply, name)))
    out.print(table)
    if reply.kind != "sent":
        raise typer.Exit(FAULTS)
