"""Plays each test's history and holds what happened against what was expected."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby

from engine.calendar import date_of_day, moment_text
from engine.channels.words import chosen
from engine.decision.arbitrate import Decision
from engine.decision.candidates import candidate_of
from engine.decision.standing import PastTouch
from engine.facts.conditions import facts_in
from engine.facts.open_items import microseconds
from engine.records.record import Record
from engine.rehearsal.cases import CONTACT, Case, Expectation, as_list, instant_of_text
from engine.rehearsal.imagined import Imagined, begun
from engine.rehearsal.play import Play, shared
from engine.rulebook.actions import SendMail
from engine.rulebook.python import Answer, Evaluator, Known, Verdict
from engine.rulebook.triggers import triggered
from engine.touches.touch import last_day
from engine.workspace.model import Workspace

Finding = tuple[str, dict[str, object]]  # key of the catalogue and its values


@dataclass(frozen=True)
class Result:
    """One expectation held against the play; `findings` are empty when it came true."""

    case: Case
    number: int
    findings: Sequence[Finding]


@dataclass(frozen=True)
class Seen:
    """What the account was like and what was decided at the instant of an expectation."""

    instant: int
    answer: Answer
    conditions: Mapping[str, tuple[Verdict, ...]]
    decisions: Mapping[str, Decision]


def run_case(case: Case, workspace: Workspace, evaluator: Evaluator) -> Iterator[Result]:
    """Play a test from its first expectation to its last. Stages are looked at only by tests that expect `stage`."""
    looks_at_stage = any("stage" in each.why.values() for each in case.expect)
    space = workspace if looks_at_stage else shared(workspace, tuple(workspace.rules))
    play = playing(case, space, evaluator)
    for number, expected in enumerate(case.expect):
        yield Result(case, number, list(_held_against(expected, play)))


def playing(case: Case, workspace: Workspace, evaluator: Evaluator) -> Play:
    """A test's history, before anything is looked at."""
    play = Play(workspace, evaluator, case.account_id, list(case.records), case.stale)
    play.past = [_past(workspace, play, *each) for each in case.past]
    return play


def _past(workspace: Workspace, play: Play, record: Record, rule_id: str | None, goal: str | None) -> PastTouch:
    """A touch of before the play, as the gates see it; one of no known rule is a push for mail and a popup else."""
    at, channel = record.occurred_at, (record.event or "").split(".")[0]
    if rule_id is not None and rule_id in workspace.rules:
        per = candidate_of(workspace, rule_id, play.account_id, play.judge(at)[0].columns, at).per_value
        past = begun(workspace, Imagined(play.account_id, rule_id, per, at, at), at)
        return replace(past, goal=goal or past.goal)
    day = workspace.zone.day(at)
    until = last_day(day, workspace.settings.channels[channel].valid_days)
    return PastTouch(record.source_id, "past", "-", goal, "push" if channel == "mail" else "pull", channel, day, at, until, is_sent=True)


def _held_against(expected: Expectation, play: Play) -> Iterator[Finding]:
    if expected.drops is not None:
        yield from _dropped(expected, play)
    elif expected.fact is not None:
        yield from _fact(expected, play)
    else:
        seen = looked(expected, play)
        for check in (_winners, _nobody, _losers, _reasons, _unknowns, _details):
            yield from check(expected, seen, play)


def looked(expected: Expectation, play: Play) -> Seen:
    """Let the night run, or the record come in and its rules be judged when they look."""
    workspace = play.workspace
    instant = instant_of_text(expected.at or expected.on or "", workspace.zone)
    if expected.on is None:
        decisions = play.decide(instant, [rule_id for rule_id, rule in workspace.rules.items() if not rule.triggers])
    else:
        instant, decisions = _came(expected, play, instant)
    answer, fold = play.judge(instant)
    values = play.evaluator.values(fold, instant, play.stale)
    return Seen(instant, answer, play.evaluator.conditions(values, play.stale), {each.candidate.rule_id: each for each in decisions})


def _came(expected: Expectation, play: Play, instant: int) -> tuple[int, list[Decision]]:
    """A record comes in: rules that answer at once are judged now, the others when their time has come."""
    workspace = play.workspace
    name = expected.event or ""
    source = next((each for each, spec in workspace.settings.sources.items() if name.split(".")[0] in spec.events), "banso-test")
    key = expected.with_.get(workspace.item_keys.get(name, ""))
    record = Record(
        source, f"came:{len(play.records)}", play.account_id, instant, instant, CONTACT, event=name, key=None if key is None else str(key)
    )
    play.records.append(record)
    waiting = list(triggered(workspace, name, expected.with_))
    decisions = play.decide(instant, [rule for rule, trigger in waiting if trigger.after is None], CONTACT)
    later = sorted((microseconds(trigger.after), rule) for rule, trigger in waiting if trigger.after is not None)
    for after, rules in groupby(later, key=lambda each: each[0]):
        instant = record.occurred_at + after
        decisions = [*decisions, *play.decide(instant, [rule for _, rule in rules], CONTACT)]
    return instant, decisions


# --- what may be expected -----------------------------------------------------------------------------------------------


def _winners(expected: Expectation, seen: Seen, play: Play) -> Iterator[Finding]:
    for rule in as_list(expected.decides):
        if rule not in won(seen):
            yield "test.should_win", {"rule": rule, "fate": _fate(rule, seen, play), "won": ", ".join(won(seen)) or "–"}


def _nobody(expected: Expectation, seen: Seen, play: Play) -> Iterator[Finding]:
    winners = [rule for rule in won(seen) if play.workspace.rules[rule].do.lane != "internal"]
    if expected.none and winners:
        yield "test.should_be_none", {"won": ", ".join(winners)}


def _losers(expected: Expectation, seen: Seen, play: Play) -> Iterator[Finding]:
    for rule in as_list(expected.not_):
        if rule in won(seen):
            yield "test.should_not_win", {"rule": rule}


def _reasons(expected: Expectation, seen: Seen, play: Play) -> Iterator[Finding]:
    for rule, why in expected.why.items():
        if why not in whys(rule, seen, play):
            yield "test.other_reason", {"rule": rule, "why": why, "fate": _fate(rule, seen, play)}


def _unknowns(expected: Expectation, seen: Seen, play: Play) -> Iterator[Finding]:
    for rule, fact in expected.unknown.items():
        verdict = seen.answer.rules[rule]
        if verdict is not None or fact not in _facts_with(rule, seen, play, lambda _kind, each: each is None):
            yield "test.not_unknown", {"rule": rule, "fact": fact, "fate": _fate(rule, seen, play)}


def _details(expected: Expectation, seen: Seen, play: Play) -> Iterator[Finding]:
    """Template, time, window, holds of the one rule that is expected to win."""
    rules = [rule for rule in as_list(expected.decides) if rule in won(seen)]
    if not rules:
        return
    rule_id = rules[0]
    candidate, workspace = seen.decisions[rule_id].candidate, play.workspace
    day = workspace.zone.day(candidate.due_at)
    found = {
        "template": _template(rule_id, seen, play),
        "variant": play.variant(rule_id),
        "sends_at": moment_text(candidate.due_at, workspace.zone),
        "window_last_day": date_of_day(last_day(day, workspace.valid_days(candidate.rule))).isoformat(),
        "hold": list(candidate.rule.do.held),
    }
    for name, value in found.items():
        wanted = getattr(expected, name)
        if wanted not in (None, [], value):
            yield "test.other_value", {"name": name, "wanted": wanted, "found": value}


def _template(rule_id: str, seen: Seen, play: Play) -> str | None:
    rule = play.workspace.rules[rule_id]
    if isinstance(rule.do, SendMail) and rule.do.variants:
        return next(each.template for each in rule.do.variants if each.id == play.variant(rule_id))
    choice = rule.do.choice()
    return chosen(choice, seen.answer.columns) if choice is not None else None


def _dropped(expected: Expectation, play: Play) -> Iterator[Finding]:
    """The touch decided before must have been given up by now, for that reason."""
    instant = instant_of_text(expected.at or "", play.workspace.zone)
    play.advance(instant)
    mine = [each for each in play.touches if each.rule_id == expected.drops]
    if not mine:
        yield "test.nothing_to_drop", {"rule": expected.drops}
    elif mine[-1].ended is None or (expected.because is not None and mine[-1].ended != expected.because):
        found = mine[-1].ended or ("sent" if mine[-1].sent_at is not None else "waits")
        yield "test.not_dropped", {"rule": expected.drops, "because": expected.because or "–", "found": found}


def _fact(expected: Expectation, play: Play) -> Iterator[Finding]:
    instant = instant_of_text(expected.at or "", play.workspace.zone)
    play.advance(instant)
    answer, _ = play.judge(instant)
    found = _plain(str(expected.fact), answer.columns, play.workspace)
    if found != expected.is_:
        yield "test.other_value", {"name": expected.fact, "wanted": expected.is_, "found": found}


def _plain(name: str, columns: Mapping[str, Known], workspace: Workspace) -> object:
    """A fact's value as it is written in YAML."""
    if name == "done":
        return [step for step in workspace.route.steps if columns.get(f"done.{step}") is True]
    value, kind = columns.get(name), workspace.plan.facts[name].type.kind
    if value is None:
        return None
    if kind == "date" and isinstance(value, int):
        return date_of_day(value).isoformat()
    if kind == "tags":
        return [tag for tag in str(value).strip("|").split("|") if tag]
    return bool(value) if kind == "bool" else value


# --- what happened, in the words of a test ------------------------------------------------------------------------------


def won(seen: Seen) -> list[str]:
    """The rules that won, or would have and are withheld for comparison."""
    return [rule for rule, decision in seen.decisions.items() if decision.outcome in {"won", "withheld"}]


def _facts_with(rule_id: str, seen: Seen, play: Play, wanted: Callable[[str, Verdict], bool]) -> list[str]:
    """The facts of those conditions of a rule whose verdict is wanted, segments opened up; in order."""
    rule = play.workspace.rules[rule_id]
    written = [*(("when", raw) for raw in rule.when), *(("unless", raw) for raw in rule.unless)]
    judged = zip(written, seen.conditions[rule_id], strict=True)
    return [fact for (kind, raw), verdict in judged if wanted(kind, verdict) for fact in _facts_of(raw, play.workspace)]


def _facts_of(raw: object, workspace: Workspace) -> Iterator[str]:
    for name in facts_in([raw]):
        if name.startswith("segment."):
            yield name.removeprefix("segment.")
            for inner in workspace.segments[name.removeprefix("segment.")].when:
                yield from _facts_of(inner, workspace)
        else:
            yield name


def whys(rule: str, seen: Seen, play: Play) -> list[str]:
    """Every word that truly says why a rule did not win: its first failing condition's facts, or its gates, or who won instead."""
    if rule in seen.decisions:
        decision = seen.decisions[rule]
        return [str(decision.reason), *(decision.stopped_by or {}), *([decision.detail] if decision.reason == "lost_to" and decision.detail else [])]
    if play.workspace.rules[rule].triggers and seen.answer.rules[rule] is True:
        return ["trigger", "where"]
    failing = _facts_with(rule, seen, play, lambda kind, verdict: verdict is (kind != "when"))
    return failing or _facts_with(rule, seen, play, lambda _kind, verdict: verdict is None)


def _fate(rule: str, seen: Seen, play: Play) -> str:
    """What became of a rule, in a few words that stand in the YAML too."""
    if rule in seen.decisions:
        decision = seen.decisions[rule]
        return " ".join(str(part) for part in (decision.outcome, decision.reason or "", decision.detail or "") if part)
    names = whys(rule, seen, play)
    said = ", ".join(f"{name} = {_plain(name, seen.answer.columns, play.workspace)}" for name in names if name in play.workspace.plan.facts)
    return said or ", ".join(names) or "–"


def run_all(cases: Sequence[Case], workspace: Workspace, evaluator: Evaluator) -> list[Result]:
    """Every expectation of every test, in order."""
    return [result for case in cases for result in run_case(case, workspace, evaluator)]


def rules_tested(cases: Sequence[Case]) -> set[str]:
    """The rules that some test expects to win."""
    return {rule for case in cases for each in case.expect for rule in as_list(each.decides)}
