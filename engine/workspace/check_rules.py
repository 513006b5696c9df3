"""Checks of one rule against everything else the workspace declares."""

from collections.abc import Callable, Mapping, Sequence

from engine.facts.route import COMPLETE
from engine.rulebook.actions import LEADS, AskPopup, AssignTo, LeadTo, Popup, Post, SendMail, SuggestHelp, Task
from engine.rulebook.compile import PER_PERIOD
from engine.rulebook.spec import RuleSpec
from engine.workspace.check_answers import check_answers, check_kind
from engine.workspace.faults import Faults, need_of
from engine.workspace.parts import Parts

Path = tuple[str | int, ...]
OWN_PREFIXES = ("mail", "popup")  # records that banso writes itself
HELP_PREFIXES = ("help",)  # these too, where the help site is its own
TEMPLATE_KEYS: Mapping[type, str] = {Task: "script", Post: "text"}


def check_rule(rule_id: str, rule: RuleSpec, parts: Parts, faults: Faults) -> None:
    """Report every name of a rule that leads nowhere and every number that contradicts another."""
    here = ("rules", rule_id)
    _check_channel(rule, here, parts, faults)
    _check_template(rule, here, parts, faults)
    _check_goal(rule, here, parts, faults)
    _check_again(rule, here, parts, faults)
    _check_stage(rule, here, parts, faults)
    _check_people(rule, here, parts, faults)
    _check_triggers(rule, here, parts, faults)
    _check_earlier_names(rule_id, rule, parts, faults)
    if rule.do.leads is not None:
        _check_lead(rule.do.leads, (*here, "do", "lead_to"), parts, faults)
    for index, name in enumerate(rule.do.handover):
        _known(name, "E201", (*here, "do", "handover", index), parts.plan.facts, faults)
    kind_check = _KIND_CHECKS.get(type(rule.do))
    if kind_check is not None:
        kind_check(rule, here, parts, faults)


def _known(name: str, code: str, path: Path, known: Mapping[str, object], faults: Faults, **values: object) -> None:
    if name not in known:
        faults.at(code, path, {"name": name, "known": tuple(known), **values})


def _check_channel(rule: RuleSpec, here: Path, parts: Parts, faults: Faults) -> None:
    key = next(key for key in ("send", "show", "ask", "suggest", "task", "post") if hasattr(rule.do, key))
    if isinstance(rule.do, Post) and rule.do.post not in parts.settings.notify:
        faults.at("E204", (*here, "do", "post"), {"kind": "notify", "name": rule.do.post, "known": tuple(parts.settings.notify)})
    elif rule.do.channel not in parts.channels:
        faults.at("E204", (*here, "do", key), {"kind": "channel", "name": rule.do.channel, "known": tuple(sorted(parts.channels))})
    else:
        _known(rule.do.channel, "E204", (*here, "do", key), parts.settings.channels, faults, kind="channel")


def _check_template(rule: RuleSpec, here: Path, parts: Parts, faults: Faults) -> None:
    choice = rule.do.choice()
    path = (*here, "do", TEMPLATE_KEYS.get(type(rule.do), "template"))
    if isinstance(choice, str):
        _known(choice, "E204", path, _usable(rule, parts), faults, kind="template")
    elif isinstance(choice, dict):
        _check_cases(choice, path, parts, faults)
        for case, name in choice.items():
            if case != "by":
                _known(name, "E204", (*path, case), _usable(rule, parts), faults, kind="template")


def _usable(rule: RuleSpec, parts: Parts) -> Mapping[str, object]:
    """The templates of the rule's channel: a mail cannot be written from a popup. Where the channel is itself unknown, that is fault enough."""
    if rule.do.channel not in parts.channels:
        return parts.templates
    return {name: source for name, source in parts.templates.items() if name.startswith(f"{rule.do.channel}/")}


def _check_cases(choice: Mapping[str, object], path: Path, parts: Parts, faults: Faults) -> None:
    """`{by: fact, value: …, else: …}`: the fact is an enum, its values exist, and there is an else."""
    by = str(choice.get("by") or "")
    if by not in parts.facts_of("enum"):
        faults.at("E311", path, {"name": by or "by", "known": parts.facts_of("enum")})
        return
    if "else" not in choice:
        faults.at("E106", (*path, "else"), {"key": "else", **need_of("else")})
    cases = (*(value for value in parts.plan.facts[by].type.values if value != COMPLETE), COMPLETE)
    for case in choice:
        if case not in {"by", "else", *cases}:
            faults.at("E203", (*path, case), {"fact": by, "value": case, "values": cases})


def _check_goal(rule: RuleSpec, here: Path, parts: Parts, faults: Faults) -> None:
    if rule.goal is not None:
        _known(rule.goal, "E204", (*here, "goal"), parts.goals.goals, faults, kind="goal")
    elif rule.do.lane != "internal":
        faults.at("E106", here, {"key": "goal", **need_of("goal")})
    if rule.why is None and rule.do.lane != "internal":
        faults.at("E106", here, {"key": "why", **need_of("why")})


def _check_again(rule: RuleSpec, here: Path, parts: Parts, faults: Faults) -> None:
    per = rule.again.per
    usable = (*PER_PERIOD, *parts.facts_of("enum", "date"))
    if per not in usable:
        faults.at("E311", (*here, "again", "per"), {"name": per, "known": usable})
    channel = parts.settings.channels.get(rule.do.channel)
    valid = rule.do.valid_days or (channel.valid_days if channel else 0)
    after = rule.again.after_days
    if after is not None and rule.do.lane == "push" and not rule.do.is_urgent and after < valid:
        faults.at("E305", (*here, "again", "after_days"), {"after": after, "valid": valid})
    if rule.do.valid_days is not None and channel is not None and rule.do.valid_days > 2 * channel.valid_days:
        faults.at("E313", (*here, "do", "valid_days"), {"days": rule.do.valid_days, "limit": 2 * channel.valid_days})


def _check_stage(rule: RuleSpec, here: Path, parts: Parts, faults: Faults) -> None:
    """A trial says whom it reaches; a sample may be of a segment; looking back and stopping say what was learned."""
    needed = {"try": rule.try_, "reflect": rule.reflect, "stopped": rule.learned}
    if rule.stage in needed and needed[rule.stage] is None:
        key = "learned" if rule.stage == "stopped" else rule.stage
        faults.at("E106", here, {"key": key, **need_of(key)})
    trial = rule.try_
    if trial is None:
        return
    if (trial.accounts_of is None) == (trial.sample is None):
        faults.at("E132", (*here, "try"), {})
    if trial.accounts_of is not None and parts.settings.accounts_of is None:
        faults.at("E133", (*here, "try", "accounts_of"), {})
    if trial.of is not None:
        _known(trial.of, "E206", (*here, "try", "of"), parts.goals.segments, faults)


def _check_people(rule: RuleSpec, here: Path, parts: Parts, faults: Faults) -> None:
    """Names of people are checked where somebody wrote down who they are."""
    if not parts.people:
        return
    named = {("owner",): rule.owner, ("try", "accounts_of"): rule.try_.accounts_of if rule.try_ else None}
    for path, name in named.items():
        if name is not None:
            _known(name, "E204", (*here, *path), parts.people, faults, kind="person")


def _check_earlier_names(rule_id: str, rule: RuleSpec, parts: Parts, faults: Faults) -> None:
    """What was sent under an earlier name counts for one rule only."""
    taken = {name: other for other, spec in parts.rules.items() if other != rule_id for name in spec.names(other)}
    for index, name in enumerate(rule.was):
        if name in taken:
            faults.at("E409", ("rules", rule_id, "was", index), {"name": name, "rule": taken[name]})


def _check_triggers(rule: RuleSpec, here: Path, parts: Parts, faults: Faults) -> None:
    for index, trigger in enumerate(rule.triggers):
        path = (*here, "trigger", index, "event") if isinstance(rule.trigger, list) else (*here, "trigger", "event")
        check_event(trigger.event, path, parts, faults)


def check_event(event: str, path: Path, parts: Parts, faults: Faults) -> None:
    """Report an event that no source delivers."""
    known = (*parts.prefixes, *OWN_PREFIXES, *(HELP_PREFIXES if parts.articles is not None else ()))
    prefix = event.split(".", maxsplit=1)[0]
    if prefix not in known:
        faults.at("E207", path, {"name": prefix, "event": event, "known": known})


def _check_lead(lead_to: LeadTo, path: Path, parts: Parts, faults: Faults) -> None:
    if len(lead_to.kinds()) != 1:
        faults.at("E312", path, {"known": LEADS})
        return
    settings = parts.settings
    if lead_to.setting not in {None, "next_step"}:
        _known(
            str(lead_to.setting),
            "E202",
            (*path, "setting"),
            parts.route.steps,
            faults,
            fact="setting",
            value=lead_to.setting,
            values=tuple(parts.route.steps),
        )
    for kind, declared in (("support", settings.supports), ("seminar", settings.seminars), ("course", settings.courses)):
        name = getattr(lead_to, kind)
        if name is not None:
            _known(name, "E204", (*path, kind), declared, faults, kind=kind)
    _check_article_choice(lead_to.article, (*path, "article"), parts, faults)
    if lead_to.seat_within_days is not None and (lead_to.place is None or settings.sessions is None):
        faults.at("E314", (*path, "seat_within_days"), {})


def _check_mail(rule: RuleSpec, here: Path, parts: Parts, faults: Faults) -> None:
    do = rule.do
    assert isinstance(do, SendMail)
    _known(do.from_, "E204", (*here, "do", "from"), parts.settings.senders, faults, kind="sender")
    if do.not_after is not None and do.not_after not in parts.facts_of("date"):
        faults.at("E311", (*here, "do", "not_after"), {"name": do.not_after, "known": parts.facts_of("date")})
    if (do.template is None) == (not do.variants):
        faults.at("E134", (*here, "do"), {})
    if do.variants and (total := sum(variant.percent for variant in do.variants)) != 100:
        faults.at("E315", (*here, "do", "variants"), {"total": total})
    check_kind(rule, here, parts, faults)
    check_answers(rule, here, parts, faults)
    for index, variant in enumerate(do.variants):
        _known(variant.template, "E204", (*here, "do", "variants", index, "template"), _usable(rule, parts), faults, kind="template")


def _check_popup(rule: RuleSpec, here: Path, parts: Parts, faults: Faults) -> None:
    assert isinstance(rule.do, Popup)
    if not rule.triggers:
        faults.at("E135", (*here, "trigger"), {})
    if isinstance(rule.do, AskPopup) and rule.do.save_to.split(".")[0] not in parts.prefixes:
        name = rule.do.save_to.split(".")[0]
        faults.at("E207", (*here, "do", "save_to"), {"name": name, "event": rule.do.save_to, "known": tuple(parts.prefixes)})


def _check_help(rule: RuleSpec, here: Path, parts: Parts, faults: Faults) -> None:
    assert isinstance(rule.do, SuggestHelp)
    _check_article_choice(rule.do.articles, (*here, "do", "articles"), parts, faults)


def _check_article_choice(choice: str | Sequence[str] | Mapping[str, str | list[str]] | None, path: Path, parts: Parts, faults: Faults) -> None:
    """Articles are known where they are ours; another site's may be called anything."""
    if isinstance(choice, dict):
        _check_cases(choice, path, parts, faults)
        for case, named in choice.items():
            if case != "by":
                _check_article_choice(named, (*path, case), parts, faults)
    elif isinstance(choice, list):
        for index, name in enumerate(choice):
            _check_article_choice(name, (*path, index), parts, faults)
    elif isinstance(choice, str) and parts.articles is not None:
        _known(choice, "E204", path, parts.articles, faults, kind="article")


def _check_task(rule: RuleSpec, here: Path, parts: Parts, faults: Faults) -> None:
    assert isinstance(rule.do, Task)
    assigned = rule.do.assign_to
    person = assigned.otherwise if isinstance(assigned, AssignTo) else assigned
    if person is not None and person not in {"owner", "team"} and parts.people:
        _known(person, "E204", (*here, "do", "assign_to"), parts.people, faults, kind="person")


_KIND_CHECKS: Mapping[type, Callable[[RuleSpec, Path, Parts, Faults], None]] = {
    SendMail: _check_mail,
    AskPopup: _check_popup,
    **dict.fromkeys(Popup.__subclasses__(), _check_popup),
    SuggestHelp: _check_help,
    Task: _check_task,
}
