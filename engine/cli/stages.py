"""For CS designers: stage, which lets a rule climb, and send-test, which sends one letter to oneself."""

import re
from collections.abc import Iterator
from typing import Annotated

import typer
from rich.markup import escape

from engine.channels.letter import Reply
from engine.cli.accounts import print_whether_it_would_go
from engine.cli.door import FAULTS, AsJson, At, Door, instant_asked, out, print_json, progress, shown
from engine.cli.workshop import change_text
from engine.errors import refuse
from engine.messages import Language, say
from engine.pipeline.sendtest import send_test as run_send_test
from engine.pipeline.stages import Need, approve, needs, reach, rule_of, unfulfilled
from engine.pipeline.system import System
from engine.rulebook.spec import Stage
from engine.workspace.edit import set_value

NOBODY_NAMED = "ops"
WRITTEN = re.compile(r"file (\S+\.eml)$")  # how the outbox says which file it wrote
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
    who: Who = NOBODY_NAMED,
    count: Annotated[int | None, typer.Option("--count", help="The number of accounts you confirm for share.")] = None,
    at: At = None,
    as_json: AsJson = False,
) -> None:
    """Let a rule climb: plan → try → reflect → share. `share` wants a test, a result, an approver and the typed number of accounts."""
    door: Door = context.obj
    if to not in STAGES:
        raise refuse("E712", to, name=to, known=STAGES)
    with door.system() as system:
        language, wanted = door.language(system), STAGES[STAGES.index(to)]
        rule_of(system, rule)
        _check_who(system, who)
        found = list(_told(needs(system, rule, wanted, who), language, silent=as_json))
        ready = wanted == "share" and not unfulfilled(found)
        accounts, typed = _confirmed(system, rule, instant_asked(at, system), count, language) if ready else (None, None)
        done = not unfulfilled(found) and (wanted != "share" or accounts == typed)
        if done:
            _write(system, rule, wanted)
        if done and accounts is not None:
            approve(system, rule, who, accounts)
    if as_json:
        print_json({"rule": rule, "stage": to, "done": done, "accounts": accounts, "needs": found})
    else:
        key = "stage.done" if done else "stage.refused" if unfulfilled(found) else "stage.other_number"
        out.print(say(language, key, rule=rule, stage=to, accounts=accounts, typed=typed), style="bold", soft_wrap=True)
    if not done:
        raise typer.Exit(FAULTS)


def _check_who(system: System, who: str) -> None:
    """Where the team is written down, the person belongs to it."""
    people = system.workspace.people
    if people and who not in people and who != NOBODY_NAMED:
        raise refuse("E715", who, name=who, known=tuple(people))


def _confirmed(system: System, rule: str, instant: int, count: int | None, language: Language) -> tuple[int, int]:
    """The number of accounts, and the one typed by the person who lets the rule loose."""
    with progress(language, "plan.running") as bar:
        accounts = reach(system, rule, instant, bar)
    if count is None:
        at = shown(instant, system.workspace, "%Y-%m-%d %H:%M")
        count = typer.prompt(say(language, "stage.confirm", rule=rule, accounts=accounts, at=at), type=int)
    return accounts, count


def _write(system: System, rule: str, stage_to: Stage) -> None:
    """Set the stage in the rule's file and nothing else."""
    file = system.workspace.places[rule].split(":")[0]
    path = system.config.workspace / file
    text = path.read_text(encoding="utf-8")
    change_text(path, set_value(text, ("rules", rule, "stage"), stage_to, after=("why", "title")))


def _told(found: Iterator[Need], language: Language, *, silent: bool) -> Iterator[Need]:
    """Each need, printed as soon as it is known."""
    for need in found:
        if not silent:
            mark = "[green]✓[/green]" if need.fulfilled else "[red]✗[/red]"
            out.print(f"  {mark} {say(language, f'needed.{need.name}')} [dim]{escape(need.detail)}[/dim]", soft_wrap=True)
        yield need


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
        instant, language = instant_asked(at, system), door.language(system)
        reply = run_send_test(system, rule, account, to, instant)
        if as_json:
            print_json(reply)
        else:
            _print_reply(reply, to, door, language)
            print_whether_it_would_go(system, rule, account, instant, language)
    if reply.kind != "sent":
        raise typer.Exit(FAULTS)


def _print_reply(reply: Reply, to: str, door: Door, language: Language) -> None:
    """What became of the letter; without a mail server, where it was put."""
    written = WRITTEN.search(reply.text) if reply.kind == "sent" else None
    if written is not None:
        file = door.config.state_folder / "outbox" / written[1]
        out.print(say(language, "sendtest.file", file=file), soft_wrap=True, markup=False)
    else:
        out.print(say(language, f"sendtest.{reply.kind}", to=to, text=reply.text), soft_wrap=True, markup=False)
