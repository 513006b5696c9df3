"""Checks across files: every name that one file uses and another declares."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from engine.facts.conditions import Path
from engine.facts.route import COMPLETE, Route
from engine.facts.spec import FactSpec
from engine.rulebook.compile import PER_PERIOD
from engine.rulebook.plan import Plan
from engine.rulebook.spec import Lane, RuleSpec
from engine.workspace.faults import Faults, nearest
from engine.workspace.model import MailSource
from engine.workspace.schema import GoalsFile, WorkspaceFile

OWN_PREFIX = "mail"  # records that banso writes itself


@dataclass(frozen=True)
class Parts:
    """The models of all files, before they become a workspace."""

    settings: WorkspaceFile
    route: Route
    facts: Mapping[str, FactSpec]
    goals: GoalsFile
    order: Mapping[Lane, Sequence[str]]
    rules: Mapping[str, RuleSpec]
    plan: Plan
    mails: Mapping[str, MailSource]
    channels: frozenset[str]
    prefixes: Mapping[str, str]


def check_names(parts: Parts, faults: Faults) -> None:
    """Report every name that leads nowhere, and every order that cannot be kept."""
    _check_route(parts, faults)
    _check_events(parts, faults)
    _check_order(parts, faults)
    for rule_id, rule in parts.rules.items():
        _check_rule(rule_id, rule, parts, faults)


def _check_route(parts: Parts, faults: Faults) -> None:
    ids = list(parts.route.steps)
    for index, (step_id, step) in enumerate(parts.route.steps.items()):
        for number, before in enumerate(step.after):
            path = ("steps", step_id, "after", number)
            if before not in ids:
                faults.at("E202", path, {"fact": "after", "value": before, "values": tuple(ids)})
            elif ids.index(before) >= index:
                faults.at("E402", path, {"step": step_id, "before": before})


def _check_events(parts: Parts, faults: Faults) -> None:
    """Every event and field that is read begins with a prefix that someone delivers."""
    known = (*parts.prefixes, OWN_PREFIX)
    for path, event in _events_named(parts):
        if (prefix := event.split(".")[0]) not in known:
            faults.at("E207", path, {"name": prefix, "event": event, "known": known})


def _events_named(parts: Parts) -> Iterator[tuple[Path, str]]:
    """Each event and field that the files name, with its place."""
    for name, fact in parts.facts.items():
        yield from ((("facts", name), event) for event in fact.events_read())
    for name, channel in parts.settings.channels.items():
        yield from ((("channels", name, "touch"), event) for event in [channel.touch] if event is not None)
        yield from ((("channels", name, "response", number), event) for number, event in enumerate(channel.response))
    for step_id, step in parts.route.steps.items():
        yield from ((("steps", step_id, "done_by", number), event) for number, event in enumerate(step.done_by))
        yield from ((("steps", step_id, "progress_by", number), event) for number, event in enumerate(step.progress_by))


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
            faults.at("E401", ("rules", rule_id), {"name": rule_id, "known": unknown, "lane": rule.do.lane})
            if (near := nearest(rule_id, unknown)) is not None:
                yield near


def _check_rule(rule_id: str, rule: RuleSpec, parts: Parts, faults: Faults) -> None:
    here = ("rules", rule_id)
    _check_action(rule, here, parts, faults)
    _check_templates(rule, here, parts, faults)
    if rule.goal not in parts.goals.goals:
        faults.at("E204", (*here, "goal"), {"kind": "goal", "name": rule.goal, "known": tuple(parts.goals.goals)})
    per = rule.again.per
    if per not in PER_PERIOD and (per not in parts.plan.facts or parts.plan.facts[per].type.kind not in {"enum", "date"}):
        usable = (*PER_PERIOD, *(name for name, fact in parts.plan.facts.items() if fact.type.kind in {"enum", "date"}))
        faults.at("E311", (*here, "again", "per"), {"name": per, "known": usable})
    valid = rule.do.valid_days or _channel_days(rule, parts)
    if rule.again.after_days is not None and valid and rule.again.after_days < valid:
        faults.at("E305", (*here, "again", "after_days"), {"after": rule.again.after_days, "valid": valid})


def _channel_days(rule: RuleSpec, parts: Parts) -> int:
    channel = parts.settings.channels.get(rule.do.channel)
    return channel.valid_days if channel else 0


def _check_action(rule: RuleSpec, here: tuple[str, ...], parts: Parts, faults: Faults) -> None:
    do, settings = rule.do, parts.settings
    if do.channel not in parts.channels:
        faults.at("E204", (*here, "do", "send"), {"kind": "channel", "name": do.channel, "known": tuple(sorted(parts.channels))})
    elif do.channel not in settings.channels:
        faults.at("E204", (*here, "do", "send"), {"kind": "channel", "name": do.channel, "known": tuple(settings.channels)})
    if do.from_ not in settings.senders:
        faults.at("E204", (*here, "do", "from"), {"kind": "sender", "name": do.from_, "known": tuple(settings.senders)})
    if do.lead_to.support is not None and do.lead_to.support not in settings.supports:
        faults.at("E204", (*here, "do", "lead_to", "support"), {"kind": "support", "name": do.lead_to.support, "known": tuple(settings.supports)})
    if len(do.lead_to.model_fields_set) != 1:
        faults.at("E312", (*here, "do", "lead_to"), {})
    if do.not_after is not None and (do.not_after not in parts.plan.facts or parts.plan.facts[do.not_after].type.kind != "date"):
        dates = tuple(name for name, fact in parts.plan.facts.items() if fact.type.kind == "date")
        faults.at("E311", (*here, "do", "not_after"), {"name": do.not_after, "known": dates})


def _check_templates(rule: RuleSpec, here: tuple[str, ...], parts: Parts, faults: Faults) -> None:
    template = rule.do.template
    path = (*here, "do", "template")
    if isinstance(template, str):
        if template not in parts.mails:
            faults.at("E204", path, {"kind": "template", "name": template, "known": tuple(parts.mails)})
        return
    by = template.get("by")
    fact = parts.plan.facts.get(by or "")
    if fact is None or fact.type.kind != "enum":
        enums = tuple(name for name, each in parts.plan.facts.items() if each.type.kind == "enum")
        faults.at("E311", path, {"name": by or "by", "known": enums})
        return
    if "else" not in template:
        faults.at("E106", (*path, "else"), {"key": "else"})
    cases = (*(value for value in fact.type.values if value != COMPLETE), COMPLETE)
    for case, name in template.items():
        if case not in {"by", "else"} and case not in cases:
            faults.at("E203", (*path, case), {"fact": by, "value": case, "values": cases})
        if case != "by" and name not in parts.mails:
            faults.at("E204", (*path, case), {"kind": "template", "name": name, "known": tuple(parts.mails)})
