"""For CS designers: test, backtest and diff, which play the rules without reaching anybody."""

from collections import Counter
from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Table

from engine.cli.door import FAULTS, AsJson, At, Door, instant_asked, out, parse_instant, print_json, progress
from engine.errors import refuse
from engine.messages import Language, say, say_reason
from engine.pipeline.backtest import Span
from engine.pipeline.backtest import backtest as run_backtest
from engine.pipeline.diff import Compared, compare, workspace_of
from engine.pipeline.rehearse import Tested, run_tests
from engine.rehearsal.check import Result
from engine.rehearsal.play import shared
from engine.rehearsal.summary import Backtested
from engine.workspace.model import Workspace

BARS = "▁▂▃▄▅▆▇█"
ACCOUNTS_MAX = 20  # of those never reached that are shown; --json has all
COLOURS = {"+": "green", "-": "red", "~": "yellow"}
NAMES = {"+": "new", "-": "gone", "~": "other"}


def register(app: typer.Typer) -> None:
    app.command(name="test")(run_rule_tests)
    app.command()(backtest)
    app.command()(diff)


def run_rule_tests(
    context: typer.Context,
    rules: Annotated[list[str] | None, typer.Argument(help="Only tests that name one of these rules.")] = None,
    as_json: AsJson = False,
) -> None:
    """Run the tests in rules/tests/. Exit 1 when one does not come true."""
    door: Door = context.obj
    with door.system() as system:
        tested, language = run_tests(system, rules or ()), door.language(system)
    if as_json:
        print_json(_plain(tested, language))
    else:
        print_tested(tested, language)
    if tested.failed:
        raise typer.Exit(FAULTS)


def print_tested(tested: Tested, language: Language) -> None:
    """What did not come true, where it is written, and one line of counts."""
    for result in tested.failed:
        place = result.case.places[result.number]
        out.print(f"[red]✗[/red] [bold]{escape(str(place))}[/bold]  {escape(result.case.name)}", soft_wrap=True)
        for sentence in sentences(result, language):
            out.print(f"    {escape(sentence)}", soft_wrap=True)
    key = "test.failed" if tested.failed else "test.passed"
    out.print(say(language, key, tests=len(tested.cases), expectations=len(tested.results), failed=len(tested.failed)), style="bold")
    if tested.untested:
        out.print(say(language, "test.untested", rules=", ".join(tested.untested)), style="yellow")


def sentences(result: Result, language: Language) -> list[str]:
    return [say(language, key, **values) for key, values in result.findings]


def _plain(tested: Tested, language: Language) -> dict[str, object]:
    failed = [{"test": each.case.name, "place": str(each.case.places[each.number]), "findings": sentences(each, language)} for each in tested.failed]
    return {"tests": len(tested.cases), "expectations": len(tested.results), "failed": failed, "untested": list(tested.untested)}


def backtest(
    context: typer.Context,
    since: Annotated[str, typer.Option("--from", help="First night, such as 2026-01-06.", metavar="DATE")],
    until: Annotated[str, typer.Option("--to", help="Last night.", metavar="DATE")],
    share: Annotated[list[str] | None, typer.Option("--share", help="Judge this rule as if it were meant for everyone.", metavar="RULE")] = None,
    as_json: AsJson = False,
) -> None:
    """Replay the nights of the past without reaching anybody; goes on where a run before was cut."""
    door: Door = context.obj
    with door.system() as system:
        language = door.language(system)
        days = [system.workspace.zone.day(parse_instant(text, system.workspace, name)) for text, name in ((since, "--from"), (until, "--to"))]
        if days[1] < days[0]:
            raise refuse("E714", "--to", since=since, until=until)
        with progress(language, "backtest.running") as bar:
            told = run_backtest(system, Span(days[0], days[1], tuple(share or ())), bar)
    if as_json:
        print_json(told)
    else:
        print_backtest(told, language)


def print_backtest(told: Backtested, language: Language) -> None:
    """Rules with a bar for each week, then load, collisions and the use of people's time."""
    weeks = sorted({week for rule in told.rules for week in rule.weeks})
    highest = max((number for rule in told.rules for number in rule.weeks.values()), default=0)
    table = Table(title=say(language, "backtest.title", nights=told.nights, accounts=f"{told.accounts:,}"), title_justify="left")
    for key in ("rule", "stage", "touches", "accounts", "weeks", "gated", "lost", "reason"):
        table.add_column(say(language, f"backtest.{key}"), justify="right" if key in {"touches", "accounts", "gated", "lost"} else "left")
    for rule in told.rules:
        bars = "".join(_bar(rule.weeks.get(week, 0), highest) for week in weeks)
        reason = say_reason(language, rule.reason) if rule.reason else ""
        numbers = (f"{rule.touches:,}", f"{rule.accounts:,}", bars, f"{rule.gated:,}", f"{rule.lost:,}")
        table.add_row(rule.rule_id, rule.stage, *numbers, reason)
    out.print(table)
    median, most, top = told.in_seven_days
    out.print(say(language, "backtest.load", median=median, p95=most, max=top, over=told.over_load))
    _print_reached(told, language)
    for winner, loser, number in told.collisions[:5]:
        out.print(say(language, "backtest.collision", winner=winner, loser=loser, number=f"{number:,}"))
    full = [day for day, (calls, capacity) in told.calls.items() if capacity is not None and calls >= capacity]
    if told.calls:
        total = sum(calls for calls, _ in told.calls.values())
        out.print(say(language, "backtest.calls", calls=f"{total:,}", days=len(told.calls), full=len(full)))
    if told.never_matched:
        out.print(say(language, "backtest.never", rules=", ".join(told.never_matched)), style="yellow")
    out.print(say(language, "backtest.limits"), style="dim")


def _print_reached(told: Backtested, language: Language) -> None:
    """How many touches in all, how the first night differs from the others, and the accounts that got nothing."""
    out.print(say(language, "backtest.reached", never=f"{told.never_reached:,}", accounts=f"{told.accounts:,}", touches=f"{told.touches:,}"))
    first, never = told.first_night, told.never_reached_accounts
    key = "first" if first.usual is None else "first_of_many"
    usual = f"{first.usual or 0:,}"
    out.print(say(language, f"backtest.{key}", date=first.date, touches=f"{first.touches:,}", usual=usual), style="yellow", soft_wrap=True)
    if never:
        key, more = ("unreached_some", len(never) - ACCOUNTS_MAX) if len(never) > ACCOUNTS_MAX else ("unreached", 0)
        named = say(language, f"backtest.{key}", accounts=", ".join(never[:ACCOUNTS_MAX]), more=f"{more:,}")
        out.print(escape(named), highlight=False, soft_wrap=True)


def _bar(number: int, highest: int) -> str:
    """One of eight heights, or a blank for nothing."""
    return " " if not number else BARS[min(number * len(BARS) // (highest + 1), len(BARS) - 1)]


def diff(
    context: typer.Context,
    first: Annotated[str, typer.Argument(help="A folder, a git revision, or . for the workspace as it is.", metavar="A")],
    second: Annotated[str, typer.Argument(help="The same.", metavar="B")] = ".",
    at: At = None,
    share: Annotated[list[str] | None, typer.Option("--share", help="Judge this rule as if it were meant for everyone.", metavar="RULE")] = None,
    shown_kind: Annotated[str | None, typer.Option("--list", help="List the accounts of + (newly), - (no longer) or ~ (another one).")] = None,
    as_json: AsJson = False,
) -> None:
    """Compare two rule sets in accounts: who newly gets what, who no longer, who something else."""
    door: Door = context.obj
    with door.system() as system:
        language = door.language(system)
        with progress(language, "diff.running") as bar:
            was, becomes = workspace_of(system, first), workspace_of(system, second)
            planned = [rule_id for rule_id in only_counted(was, becomes) if rule_id not in (share or ())]
            compared = compare(system, was, shared(becomes, share or ()), instant_asked(at, system), bar)
    if as_json:
        print_json(compared)
    else:
        print_compared(compared, language, shown_kind)
        if planned:
            out.print(say(language, "diff.planned", rules=" --share ".join(planned)), style="dim")


def only_counted(was: Workspace, becomes: Workspace) -> list[str]:
    """The rules of a night that are new or changed and still at plan, so that no difference in accounts comes of them."""
    changed = [rule_id for rule_id, content in becomes.contents.items() if was.contents.get(rule_id) != content]
    return [rule_id for rule_id in changed if becomes.rules[rule_id].stage == "plan" and not becomes.rules[rule_id].triggers]


def print_compared(compared: Compared, language: Language, shown_kind: str | None) -> None:
    """One line for each kind of change and pair of rules, most frequent first."""
    before, after = (digest[:7] for digest in compared.rule_sets)
    out.print(say(language, "diff.title", before=before, after=after, accounts=f"{compared.accounts:,}"))
    counts = Counter((change.kind, change.was, change.becomes, change.why, change.detail) for change in compared.changes)
    for (kind, was, becomes, why, detail), number in counts.most_common():
        rules = {"was": " ".join(was) if was else "–", "becomes": " ".join(becomes) if becomes else "–", "why": _why_gone(why, detail, language)}
        out.print(f"[{COLOURS[kind]}]{kind} {number:>6,}[/]  {escape(say(language, f'diff.{NAMES[kind]}', **rules))}", soft_wrap=True)
    out.print(say(language, "diff.unchanged", number=f"{compared.unchanged:,}"))
    for change in compared.changes:
        if change.kind == shown_kind:
            out.print(f"  {change.account_id}  {change.lane}", highlight=False)


def _why_gone(why: str | None, detail: str | None, language: Language) -> str:
    if why is None:
        return ""
    return say(language, "explain.not_matched") if why == "not_matched" else say_reason(language, why, detail)
