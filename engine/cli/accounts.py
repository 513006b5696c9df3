"""For one account: explain, timeline, preview, facts."""

from collections.abc import Mapping, Sequence
from typing import Annotated

import typer
from rich.markup import escape
from rich.panel import Panel
from rich.table import Table

from engine.calendar import date_of_day
from engine.channels.letter import Unwritable
from engine.cli.door import AsJson, At, Door, instant_asked, out, print_json, shown
from engine.cli.fates import day_ahead, fate_in_words, lane_in_words
from engine.cli.watch import touch_reason_in_words
from engine.errors import refuse
from engine.facts.route import COMPLETE
from engine.messages import Language, say, say_detail
from engine.pipeline import explain as story
from engine.pipeline.explain import ACTING, Explanation, FactSeen, RuleSeen
from engine.pipeline.nearest import ConditionSeen
from engine.pipeline.preview import preview as run_preview
from engine.pipeline.system import System
from engine.pipeline.timeline import Moment
from engine.pipeline.timeline import timeline as run_timeline
from engine.rulebook.python import Known
from engine.workspace.model import Workspace

Account = Annotated[str, typer.Argument(help="The account's id.")]
MARKS: Mapping[bool | None, str] = {True: "[green]✓[/green]", False: "[red]✗[/red]", None: "[yellow]?[/yellow]"}


def register(app: typer.Typer) -> None:
    app.command()(explain)
    app.command()(timeline)
    app.command()(preview)
    app.command()(facts)


def explain(context: typer.Context, account: Account, at: At = None, as_json: AsJson = False) -> None:
    """Say why an account gets what it gets, or nothing: every rule with its first failing condition, gate or winner."""
    door: Door = context.obj
    with door.system() as system:
        instant = instant_asked(at, system)
        told = story.explain(system, account, instant)
        if as_json:
            print_json(told)
        else:
            print_explanation(told, system.workspace, door.language(system))


def print_explanation(told: Explanation, workspace: Workspace, language: Language) -> None:
    """The account's place on the route with the decision lane by lane, then rule by rule, then the decision again and the nearest miss."""
    step = workspace.route.steps.get(str(told.next_step))
    next_label = step.label if step else say(language, "explain.complete") if told.next_step == COMPLETE else "?"
    head = say(
        language,
        "explain.head",
        name=told.name,
        account=told.account_id,
        at=shown(told.instant, workspace, "%Y-%m-%d %H:%M"),
        step=next_label,
        days="?" if told.stalled_days is None else told.stalled_days,
    )
    lanes = [lane_in_words(lane, told, workspace, language) for lane in told.lanes]
    out.print(Panel(escape("\n".join([head, *lanes])), expand=False))
    for rule in told.rules:
        _print_rule(rule, told, workspace, language)
    _print_decision(told, workspace, language)


def _print_rule(rule: RuleSeen, told: Explanation, workspace: Workspace, language: Language) -> None:
    fate = escape(fate_in_words(rule, told, workspace, language))
    fate = f"[bold green]{fate}[/bold green]" if rule.outcome == "won" else fate
    out.print(f"{MARKS[rule.verdict]} [bold]{rule.rule_id}[/bold]  {fate}  [dim]{rule.place}[/dim]", soft_wrap=True)
    for condition in _worth_showing(rule):
        out.print(f"    {_condition_mark(condition)} {escape(condition_in_words(condition, told, workspace, language))}", soft_wrap=True)


def _worth_showing(rule: RuleSeen) -> Sequence[ConditionSeen]:
    """All conditions of a rule that matched; of one that did not, the first that is not fulfilled."""
    if rule.verdict is True:
        return rule.conditions
    false = [each for each in rule.conditions if each.verdict is not None and not each.is_fulfilled]
    return (false or [each for each in rule.conditions if each.verdict is None])[:1]


def _condition_mark(condition: ConditionSeen) -> str:
    if condition.verdict is None:
        return MARKS[None]
    return MARKS[condition.is_fulfilled]


def condition_in_words(condition: ConditionSeen, told: Explanation, workspace: Workspace, language: Language) -> str:
    """`stalled_days 4, wanted at_least 5` — as written, segments opened up, with the values it met, where they come from and how old they are."""
    known = {fact.name: fact for fact in told.facts}
    met = [_met(known[name], told.instant, workspace, language) for name in condition.values if name in known]
    kind = "" if condition.kind == "when" else f"{say(language, 'explain.unless')} "
    opened = f" = {' + '.join(map(_written, condition.opened))}" if condition.opened else ""
    return f"{kind}{_written(condition.written)}{opened}    {', '.join(met)}".rstrip()


def _met(fact: FactSeen, instant: int, workspace: Workspace, language: Language) -> str:
    days = None if fact.said_at is None else workspace.zone.day(instant) - workspace.zone.day(fact.said_at)
    age = "" if days is None else f", {say(language, 'explain.age', days=days)}"
    return f"{fact.name} = {value_in_words(fact.name, fact.value, workspace, language)} ({fact.source}{age})"


def _written(raw: object) -> str:
    """A condition as it stands in YAML, in one line."""
    if isinstance(raw, dict):
        return "{" + ", ".join(f"{key}: {_written(value)}" for key, value in raw.items()) + "}"
    if isinstance(raw, list):
        return "[" + ", ".join(_written(item) for item in raw) + "]"
    return str(raw).lower() if isinstance(raw, bool) else str(raw)


def value_in_words(name: str, value: Known, workspace: Workspace, language: Language) -> str:
    """A fact's value for people: labels beside ids, dates as dates, a question mark for unknown."""
    fact = workspace.plan.facts.get(name)
    if fact is None:
        return "…"
    if value is None:
        return say(language, "explain.unknown_value")
    if fact.type.kind == "date" and isinstance(value, int):
        return date_of_day(value).isoformat()
    if fact.type.kind == "tags":
        return ", ".join(fact.type.values.get(tag, tag) for tag in str(value).split("|") if tag)
    label = fact.type.values.get(str(value))
    return f"{value} ({label})" if label and label != value else str(value)


def _print_decision(told: Explanation, workspace: Workspace, language: Language) -> None:
    won = [rule.rule_id for rule in told.rules if rule.outcome == "won"]
    near = [rule for rule in told.rules if rule.nearest and rule.stage in ACTING]
    text = say(language, "explain.decision", rules=", ".join(won)) if won else say(language, "explain.nothing")
    if not won and near:
        nearest = min(near, key=lambda rule: rule.nearest or 0)
        days = nearest.nearest or 0
        text += " " + say(language, "explain.nearest_rule", rule=nearest.rule_id, days=days, on=day_ahead(told, workspace, days))
    out.print(text, style="bold")
    if told.stale:
        out.print(say(language, "plan.stale", sources=", ".join(sorted(told.stale))), style="yellow")


def timeline(context: typer.Context, account: Account, at: At = None, as_json: AsJson = False) -> None:
    """Show what happened to an account, with what banso did and until when each touch is valid."""
    door: Door = context.obj
    with door.system() as system:
        instant = instant_asked(at, system)
        moments = run_timeline(system, account, instant)
        if as_json:
            print_json(moments)
        else:
            print_timeline(account, moments, system.workspace, door.language(system))


def print_timeline(account: str, moments: list[Moment], workspace: Workspace, language: Language) -> None:
    table = Table(title=say(language, "timeline.title", account=account), title_justify="left")
    for key in ("at", "source", "what", "detail", "window"):
        table.add_column(say(language, f"timeline.{key}"), overflow="fold")
    for moment in moments:
        style = "bold cyan" if moment.kind == "touch" else ""
        until = date_of_day(moment.window_until).isoformat() if moment.window_until is not None else ""
        detail = escape(moment_in_words(moment, language))
        table.add_row(shown(moment.at, workspace, "%Y-%m-%d %H:%M"), moment.source, moment.what, detail, until, style=style)
    out.print(table)


def moment_in_words(moment: Moment, language: Language) -> str:
    """A record's content as it came; a touch's state, and why, in words."""
    if moment.state is None:
        return moment.detail
    why = touch_reason_in_words(moment.reason, language) if moment.reason and moment.reason != moment.state else ""
    told = [say(language, f"state.{moment.state}"), why, say_detail(language, moment.detail) if moment.detail != moment.reason else ""]
    return " · ".join(part for part in told if part)


def preview(
    context: typer.Context, rule: Annotated[str, typer.Argument(help="The rule's id.")], account: Account, at: At = None, as_json: AsJson = False
) -> None:
    """Show the message a rule would send to an account, whether or not it matches now; sends nothing."""
    door: Door = context.obj
    with door.system() as system:
        instant = instant_asked(at, system)
        try:
            found = run_preview(system, rule, account, instant)
        except Unwritable as error:
            raise refuse("E648", rule, account=account, problem=say_detail(door.language(system), str(error))) from error
        if as_json:
            print_json({"to": found.to, **found.parts, "blanks": found.blanks})
            return
        language, parts = door.language(system), found.parts
        out.print(f"[dim]{say(language, 'preview.to')}:[/dim] {escape(found.to)}   [dim]{escape(parts['template'])}[/dim]")
        out.print(Panel(escape(parts["text"].strip()), title=escape(parts["subject"]), expand=False))
        if found.blanks:
            told = ", ".join(_met(fact, instant, system.workspace, language) for fact in found.blanks)
            out.print(f"[dim]{say(language, 'preview.blanks')}: {escape(told)}[/dim]", soft_wrap=True)
        print_whether_it_would_go(system, rule, account, instant, language)


def print_whether_it_would_go(system: System, rule_id: str, account: str, instant: int, language: Language) -> None:
    """One line: whether the account would get this at the instant, and if not the first reason."""
    told = story.explain(system, account, instant, by_todays_rules=True)
    rule = next(each for each in told.rules if each.rule_id == rule_id)
    at = shown(instant, system.workspace, "%Y-%m-%d %H:%M")
    if rule.outcome == "won":
        out.print(say(language, "preview.would_if_enough" if rule.if_enough else "preview.would", at=at), soft_wrap=True)
        return
    failing = next(iter(_worth_showing(rule)), None) if rule.verdict is not True else None
    why = [
        fate_in_words(rule, told, system.workspace, language),
        *([condition_in_words(failing, told, system.workspace, language)] if failing is not None else []),
    ]
    out.print(say(language, "preview.would_not", at=at, why=" ".join(why)), style="yellow", soft_wrap=True, markup=False)


def facts(
    context: typer.Context,
    account: Annotated[str | None, typer.Argument(help="The account's id; default: list all facts.")] = None,
    at: At = None,
    as_json: AsJson = False,
) -> None:
    """List the facts that rules can use, or their values for one account with source and age."""
    door: Door = context.obj
    with door.system() as system:
        language, workspace = door.language(system), system.workspace
        instant = instant_asked(at, system)
        seen = story.explain(system, account, instant).facts if account else None
        if as_json:
            print_json(
                seen
                if seen is not None
                else [{"name": fact.name, "label": fact.label, "type": fact.type.kind} for fact in workspace.plan.facts.values()]
            )
        elif seen is None:
            _print_fact_names(workspace, language)
        else:
            _print_facts(list(seen), workspace, language)


def _print_fact_names(workspace: Workspace, language: Language) -> None:
    table = Table()
    for key in ("name", "label", "type", "values"):
        table.add_column(say(language, f"facts.{key}"))
    for fact in workspace.plan.facts.values():
        table.add_row(fact.name, fact.label, fact.type.kind, ", ".join(fact.type.values))
    out.print(table)


def _print_facts(seen: list[FactSeen], workspace: Workspace, language: Language) -> None:
    table = Table()
    for key in ("name", "label", "value", "source", "said"):
        table.add_column(say(language, f"facts.{key}"))
    for fact in seen:
        value = value_in_words(fact.name, fact.value, workspace, language)
        table.add_row(fact.name, fact.label, escape(value), fact.source, shown(fact.said_at, workspace, "%Y-%m-%d %H:%M"))
    out.print(table)
