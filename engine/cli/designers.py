"""For CS designers: plan."""

from collections.abc import Sequence
from itertools import groupby

import typer
from rich.box import SIMPLE_HEAD
from rich.table import Table

from engine.cli.door import SOMETHING_TO_DO, AsJson, At, Door, instant_asked, out, print_json, progress, shown, shown_weekday
from engine.messages import Language, say, say_reason
from engine.pipeline.plan import Planned, RulePlanned
from engine.pipeline.plan import plan as run_plan
from engine.workspace.model import Workspace

COUNTED = ("match", "unknown", "staged", "gated", "lost", "won")
WITH_REASONS = 120  # columns from which a rule and its reason fit on one line


def register(app: typer.Typer) -> None:
    app.command()(plan)


def plan(context: typer.Context, at: At = None, as_json: AsJson = False) -> None:
    """Show what a night would do, in accounts; sends nothing. Exit 2 when there is something to send."""
    door: Door = context.obj
    with door.system() as system:
        language = door.language(system)
        instant = instant_asked(at, system)
        with progress(language, "plan.running") as bar:
            planned = run_plan(system, instant, bar)
        if as_json:
            print_json(planned)
        else:
            print_plan(planned, system.workspace, language)
    if planned.won:
        raise typer.Exit(SOMETHING_TO_DO)


def print_plan(planned: Planned, workspace: Workspace, language: Language) -> None:
    """The table of a planned night and the one line of counts that people read."""
    title = say(
        language,
        "plan.title",
        at=shown(planned.instant, workspace, "%Y-%m-%d %H:%M"),
        zone=workspace.settings.timezone,
        hash=planned.rule_set[:7],
        until=shown(planned.log_until, workspace),
        accounts=f"{planned.accounts:,}",
    )
    wide = out.width >= WITH_REASONS
    out.print(_plan_table(planned, workspace, language, title, wide=wide))
    if not wide:
        _print_reasons(planned, language)
    staged = sum(rule.staged for rule in planned.rules)
    out.print(say(language, "plan.total", won=planned.won, staged=f"{staged:,}"))
    if planned.stale:
        out.print(say(language, "plan.stale", sources=", ".join(sorted(planned.stale))), style="yellow")


def _plan_table(planned: Planned, workspace: Workspace, language: Language, title: str, *, wide: bool) -> Table:
    """One section for each lane; the reasons in it only where they fit on their line."""
    table = Table(title=title, title_justify="left", box=SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False)
    for key in ("rule", "stage", *COUNTED, "goes", *(["reason"] if wide else [])):
        table.add_column(say(language, f"plan.{key}"), justify="right" if key in COUNTED else "left", no_wrap=True)
    for lane, rules in groupby(planned.rules, key=lambda rule: rule.lane):
        table.add_row(f"[bold]{lane}[/bold]")
        for rule in rules:
            reason = [reason_in_words(rule.reason, rule.reason_count, language)] if wide else []
            table.add_row(*_plan_row(rule, workspace, language), *reason)
    return table


def _plan_row(rule: RulePlanned, workspace: Workspace, language: Language) -> Sequence[str]:
    numbers = [f"{number:,}" for number in (rule.matched, rule.unknown, rule.staged, rule.gated - rule.staged, rule.lost)]
    won = f"[bold green]{rule.won:,}[/bold green]" if rule.won else "0"
    return (f"  {rule.rule_id}", rule.stage, *numbers, won, shown_weekday(rule.due_at, workspace, language) if rule.won else "")


def _print_reasons(planned: Planned, language: Language) -> None:
    """Each rule's most common reason on a line of its own, where the table has no room for it."""
    out.print(say(language, "plan.reason"), style="bold")
    for rule in planned.rules:
        if rule.reason is not None:
            out.print(f"  {rule.rule_id}: {reason_in_words(rule.reason, rule.reason_count, language)}", soft_wrap=True)


def reason_in_words(reason: str | None, count: int, language: Language) -> str:
    """A reason of the closed list as a sentence, with how many accounts it stopped."""
    if reason is None:
        return ""
    name, _, detail = reason.partition(":")
    return f"{say_reason(language, name, detail)} ({count:,})"
