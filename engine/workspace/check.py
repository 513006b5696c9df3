"""Checks across files: every name that one file uses and another declares."""

from collections.abc import Iterator

from engine.calendar import is_quiet
from engine.facts.table import Table
from engine.workspace.check_articles import check_articles
from engine.workspace.check_rules import Path, check_event, check_rule
from engine.workspace.faults import Faults, nearest
from engine.workspace.legal import check_advertising
from engine.workspace.model import minutes_of
from engine.workspace.parts import Parts


def check_names(parts: Parts, faults: Faults) -> None:
    """Report every name that leads nowhere, and every order that cannot be kept."""
    _check_route(parts, faults)
    _check_events(parts, faults)
    _check_labels(parts, faults)
    _check_order(parts, faults)
    _check_people(parts, faults)
    _check_ranks(parts, faults)
    _check_hours(parts, faults)
    for rule_id, rule in parts.rules.items():
        check_rule(rule_id, rule, parts, faults)
    check_advertising(parts, faults)
    check_articles(parts, faults)


def _check_route(parts: Parts, faults: Faults) -> None:
    ids = list(parts.route.steps)
    for index, (step_id, step) in enumerate(parts.route.steps.items()):
        for number, before in enumerate(step.after):
            path = ("steps", step_id, "after", number)
            if before not in ids:
                faults.at("E202", path, {"fact": "after", "value": before, "values": tuple(ids)})
            elif ids.index(before) >= index:
                circle = _way(before, step_id, parts)
                if circle:
                    faults.at("E402", path, {"cycle": " → ".join([step_id, *circle])})
                else:
                    faults.at("E408", path, {"step": step_id, "before": before})


def _way(start: str, goal: str, parts: Parts) -> list[str]:
    """The steps from one to another by what each comes after; none if there is no way."""
    ways = [[start]]
    seen = {start}
    while ways:
        way = ways.pop(0)
        if way[-1] == goal:
            return way
        for before in parts.route.steps[way[-1]].after:
            if before in parts.route.steps and before not in seen:
                seen.add(before)
                ways.append([*way, before])
    return []


def _check_events(parts: Parts, faults: Faults) -> None:
    for event, path in events_outside_rules(parts):
        check_event(event, path, parts, faults)


def events_outside_rules(parts: Parts) -> Iterator[tuple[str, Path]]:
    """Every event outside of the rules, with its place; of a fact that is the fact."""
    for name, fact in parts.facts.items():
        yield from ((event, ("facts", name)) for event in fact.events_read())
    for step_id, step in parts.route.steps.items():
        for key in ("done_by", "progress_by"):
            yield from ((event, ("steps", step_id, key, number)) for number, event in enumerate(getattr(step, key)))
    yield from ((event, ("route", "closed_by", number)) for number, event in enumerate(parts.route.spec.closed_by))
    for goal_id, goal in parts.goals.goals.items():
        if goal.reached_by != "next_step":
            yield from ((event, ("goals", goal_id, "reached_by", number)) for number, event in enumerate(goal.reached_by))
    for name, channel in parts.settings.channels.items():
        if channel.touch is not None:
            yield channel.touch, ("channels", name, "touch")
        for key in ("response", "outcome"):
            yield from ((event, ("channels", name, key, number)) for number, event in enumerate(getattr(channel, key)))


def _check_labels(parts: Parts, faults: Faults) -> None:
    """A label of a table belongs to one of its outcomes."""
    for name, fact in parts.facts.items():
        if isinstance(fact, Table):
            for outcome in fact.labels.keys() - set(fact.outcomes()):
                values = {"fact": name, "value": outcome, "values": tuple(fact.outcomes())}
                faults.at("E203", ("facts", name, "labels", outcome), values)


def _check_people(parts: Parts, faults: Faults) -> None:
    known = tuple(parts.people)
    for index, name in enumerate(parts.settings.approvers):
        if known and name not in known:
            faults.at("E204", ("approvers", index), {"kind": "person", "name": name, "known": known})
    for person_id, person in parts.people.items():
        if person.substitute is not None and person.substitute not in known:
            faults.at("E204", ("people", person_id, "substitute"), {"kind": "person", "name": person.substitute, "known": known})
    fact = parts.settings.accounts_of
    if fact is not None and fact not in parts.plan.facts:
        faults.at("E201", ("accounts_of",), {"name": fact, "known": tuple(parts.plan.facts)})


def _check_ranks(parts: Parts, faults: Faults) -> None:
    """What accounts are ranked by are facts."""
    for name, channel in parts.settings.channels.items():
        for index, entry in enumerate(channel.rank):
            for fact in entry:
                if fact not in parts.plan.facts:
                    faults.at("E201", ("channels", name, "rank", index, fact), {"name": fact, "known": tuple(parts.plan.facts)})


def _check_hours(parts: Parts, faults: Faults) -> None:
    """The hours of a channel are some, and none of them is quiet."""
    quiet = parts.settings.quiet_hours
    for name, channel in parts.settings.channels.items():
        if (hours := channel.send_between) is None:
            continue
        begin, end = minutes_of(hours.from_), minutes_of(hours.to)
        still = [is_quiet(each, minutes_of(quiet.from_), minutes_of(quiet.to)) for each in (begin, end - 1)] if quiet else []
        if begin >= end or any(still):
            faults.at("E324", ("channels", name, "send_between"), {"channel": name, "from": hours.from_, "to": hours.to})


def _check_order(parts: Parts, faults: Faults) -> None:
    if faults.is_wrong_below(("order",)):
        return  # a list that could not be read lacks its rules
    renamed = set(_check_ordered(parts, faults))
    for lane, listed in parts.order.items():
        for index, rule_id in enumerate(listed):
            if rule_id in renamed:
                continue
            if rule_id not in parts.rules:
                faults.at("E406", ("order", lane, index), {"name": rule_id, "known": tuple(parts.rules)})
            elif rule_id in listed[:index]:
                faults.at("E407", ("order", lane, index), {"name": rule_id})


def _check_ordered(parts: Parts, faults: Faults) -> Iterator[str]:
    """Every rule stands in its lane; gives the names in the order that look like an earlier name of such a rule."""
    for rule_id, rule in parts.rules.items():
        if rule_id not in parts.order[rule.do.lane]:
            unknown = tuple(name for name in parts.order[rule.do.lane] if name not in parts.rules)
            near = nearest(rule_id, unknown)
            listed = parts.order[rule.do.lane].index(near) if near is not None else 0
            where = {} if near is None else {"label": str(faults.place(("order", rule.do.lane, listed)))}
            faults.at("E401", ("rules", rule_id), {"name": rule_id, "known": unknown, "lane": rule.do.lane, **where})
            if near is not None:
                yield near
