"""Checks across files: every name that one file uses and another declares."""

from collections.abc import Iterator

from engine.workspace.check_rules import check_rule
from engine.workspace.faults import Faults, nearest
from engine.workspace.parts import Parts

OWN_PREFIXES = ("mail", "popup")  # records that banso writes itself


def check_names(parts: Parts, faults: Faults) -> None:
    """Report every name that leads nowhere, and every order that cannot be kept."""
    _check_route(parts, faults)
    _check_events(parts, faults)
    _check_order(parts, faults)
    _check_people(parts, faults)
    for rule_id, rule in parts.rules.items():
        check_rule(rule_id, rule, parts, faults)


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
    known = (*parts.prefixes, *OWN_PREFIXES)
    for name, fact in parts.facts.items():
        for event in fact.events_read():
            if event.split(".")[0] not in known:
                faults.at("E207", ("facts", name), {"name": event.split(".")[0], "event": event, "known": known})
    for step_id, step in parts.route.steps.items():
        for key in ("done_by", "progress_by"):
            for number, event in enumerate(getattr(step, key)):
                if event.split(".")[0] not in known:
                    faults.at("E207", ("steps", step_id, key, number), {"name": event.split(".")[0], "event": event, "known": known})


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


def _check_order(parts: Parts, faults: Faults) -> None:
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
