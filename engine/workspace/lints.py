"""Warnings: what is no mistake in form and yet rarely meant. They never refuse; one function each, listed in `LINTS`."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping

from engine.errors import Place
from engine.rulebook.actions import AskPopup, Task
from engine.rulebook.spec import RuleSpec
from engine.workspace.check import events_outside_rules
from engine.workspace.faults import Faults
from engine.workspace.implied import asked_all, asked_any, is_always_known, known_in, next_steps, rests_on
from engine.workspace.parts import Parts
from engine.workspace.placeholder import placeholder_files, placeholder_keys

LIVE = ("try", "share")
TECH = ("push", "pull")
BRANCHES = 3  # from so many cases on, work that takes skill counts as put into logic; so many steps need more than one wording
FOR_PEOPLE = ("touch_mode", "mails_ignored", "health", "health_points")
EVERYBODY = (
    "全顧客",
    "全員",
    "全社",
    "全ユーザー",
    "すべてのお客様",
    "全てのお客様",
    "お客様全般",
    "皆様",
    "みなさま",
    "everyone",
    "everybody",
    "all customers",
    "all users",
)
NEWS = ("新機能", "新しい機能", "機能追加", "アップデート", "リリース", "new feature", "release note", "product update")

Found = tuple[tuple[str | int, ...], Mapping[str, object]]  # where, and the values of the sentence


def warn(parts: Parts, faults: Faults) -> None:
    """Every warning of a workspace without faults."""
    for code, find in LINTS.items():
        for path, values in find(parts, faults):
            faults.at(code, path, values)


def _live(parts: Parts, *lanes: str) -> Iterator[tuple[str, RuleSpec]]:
    return ((rule_id, rule) for rule_id, rule in parts.rules.items() if rule.stage in LIVE and (not lanes or rule.do.lane in lanes))


def _labels(steps: list[str], parts: Parts) -> tuple[str, ...]:
    return tuple(parts.route.steps[step].label for step in steps)


def _led_to(rule: RuleSpec, parts: Parts) -> list[str]:
    """The steps whose setting a rule leads to."""
    setting = rule.do.leads.setting if rule.do.leads is not None else None
    if setting is None:
        return []
    return next_steps(rule, parts) if setting == "next_step" else [setting]


def _push_on_a_human_step(parts: Parts, faults: Faults) -> Iterator[Found]:
    for rule_id, rule in _live(parts, "push"):
        human = [step for step in _led_to(rule, parts) if parts.route.steps[step].human]
        if human and rule.human_ok is None:
            where = str(faults.place(("steps", human[0]), of_key=True))
            yield ("rules", rule_id, "do", "lead_to", "setting"), {"steps": _labels(human, parts), "where": where}


def _plain_tech_on_a_logic_step(parts: Parts, faults: Faults) -> Iterator[Found]:
    for rule_id, rule in _live(parts, *TECH):
        logic = [step for step in _led_to(rule, parts) if parts.route.steps[step].logic]
        cases = {case: name for case, name in choice.items() if case != "by"} if isinstance(choice := rule.do.choice(), dict) else {}
        branches = len(set(cases.values())) >= BRANCHES and isinstance(choice, dict) and choice.get("by") != "next_step"
        if logic and not branches and not isinstance(rule.do, AskPopup):
            where = str(faults.place(("steps", logic[0]), of_key=True))
            yield ("rules", rule_id, "do"), {"steps": _labels(logic, parts), "where": where, "limit": BRANCHES}


def _empty_why(parts: Parts, faults: Faults) -> Iterator[Found]:
    for rule_id, rule in parts.rules.items():
        if rule.why is None:
            continue
        for key, text, words in (("who", rule.why.who, EVERYBODY), ("benefit", rule.why.benefit, NEWS)):
            word = next((word for word in words if word in text.lower()), None)
            if word is not None:
                yield ("rules", rule_id, "why", key), {"word": word, "key": key}


def _call_without_a_reason(parts: Parts, faults: Faults) -> Iterator[Found]:
    for rule_id, rule in _live(parts, "human"):
        if isinstance(rule.do, Task) and rule.do.because is None and not _is_for_people(rule, parts):
            yield ("rules", rule_id, "do"), {"known": FOR_PEOPLE[:3]}


def _is_for_people(rule: RuleSpec, parts: Parts) -> bool:
    human = {step_id for step_id, step in parts.route.steps.items() if step.human}
    asked = list(rests_on(rule.when, parts))
    steps = {str(value) for each in asked if each.fact == "next_step" for value in (each.value if isinstance(each.value, list) else [each.value])}
    return bool(steps & human) or any(each.fact in FOR_PEOPLE for each in asked)


def _one_wording_for_many_steps(parts: Parts, faults: Faults) -> Iterator[Found]:
    for rule_id, rule in _live(parts, *TECH):
        choice, steps = rule.do.choice(), next_steps(rule, parts)
        if isinstance(choice, dict) and choice.get("by") != "next_step":
            continue
        wordings = [choice.get(step, choice.get("else")) if isinstance(choice, dict) else choice for step in steps]
        for name in dict.fromkeys(name for name in wordings if name is not None):
            same = [step for step, wording in zip(steps, wordings, strict=True) if wording == name]
            if len(same) >= BRANCHES:
                yield ("rules", rule_id, "do", "template"), {"template": name, "steps": _labels(same, parts)}


def _covered(parts: Parts, *lanes: str) -> set[str]:
    return {step for _, rule in _live(parts, *lanes) for step in (*next_steps(rule, parts), *_led_to(rule, parts))}


def _steps_without_a_rule(parts: Parts, faults: Faults) -> Iterator[Found]:
    """The first step of all is never next: whoever has a record has done it."""
    covered = _covered(parts)
    yield from ((("steps", step), {"step": spec.label}) for step, spec in list(parts.route.steps.items())[1:] if step not in covered)


def _steps_left_to_people(parts: Parts, faults: Faults) -> Iterator[Found]:
    people = _covered(parts, "human") - _covered(parts, *TECH)
    yield from ((("steps", step), {"step": spec.label}) for step, spec in parts.route.steps.items() if step in people and not spec.human)


def _blocked_by_the_unknown(parts: Parts, faults: Faults) -> Iterator[Found]:
    for rule_id, rule in _live(parts):
        known = known_in(rule, parts)
        for each in asked_any(rule.unless, parts):
            if each.comparison != "known" and each.fact not in known and not is_always_known(each.fact, parts):
                yield ("rules", rule_id, "unless", *each.at), {"fact": each.fact}


def _blank_that_can_be_missing(parts: Parts, faults: Faults) -> Iterator[Found]:
    """Reported at the blank, once, for the first rule that cannot vouch for it."""
    told = set[tuple[str, str]]()
    for rule_id, rule in _live(parts):
        known = known_in(rule, parts)
        for file, name, place in (blank for template in rule.do.templates() for blank in faults.blanks_of(template)):
            if name not in known and not is_always_known(name, parts) and (file, name) not in told:
                told.add((file, name))
                faults.add("W206", place, fact=name, rule=rule_id)
    yield from ()


def _never_true_together(parts: Parts, faults: Faults) -> Iterator[Found]:
    """Steps can be done out of order, so this can happen; it is rarely meant."""
    for rule_id, rule in parts.rules.items():
        nexts = next_steps(rule, parts)
        for each in asked_all(rule.when, parts):
            if nexts and each.fact == "done" and each.comparison == "includes" and all(_is_after(str(each.value), step, parts) for step in nexts):
                steps = parts.route.steps
                yield ("rules", rule_id, "when", *each.at), {"done": steps[str(each.value)].label, "next": steps[nexts[0]].label}


def _is_after(step: str, earlier: str, parts: Parts) -> bool:
    pending = [step]
    while pending:
        each = pending.pop()
        if each == earlier:
            return True
        pending += parts.route.steps[each].after if each in parts.route.steps else []
    return False


def _shared_without_a_test(parts: Parts, faults: Faults) -> Iterator[Found]:
    """Where approvers are named, a rule needs one of them anyhow."""
    if parts.settings.approvers:
        return
    for rule_id, rule in parts.rules.items():
        if rule.stage == "share" and rule_id not in parts.tested:
            yield ("rules", rule_id), {"rule": rule_id}


def _event_like_another(parts: Parts, faults: Faults) -> Iterator[Found]:
    """An event named once, one letter away from one that is named elsewhere: nobody lists the events, so this is how a slip shows."""
    named = [*events_outside_rules(parts), *_triggering(parts)]
    times = Counter(event for event, _ in named)
    shorter = defaultdict[str, set[str]](set)
    for event in times:
        for form in _one_letter_less(event):
            shorter[form].add(event)
    for event, path in named:
        alike = {other for form in _one_letter_less(event) for other in shorter[form] if other != event and times[other] > 1}
        if times[event] == 1 and alike:
            yield path, {"event": event, "near": min(alike)}


def _triggering(parts: Parts) -> Iterator[tuple[str, tuple[str | int, ...]]]:
    for rule_id, rule in parts.rules.items():
        yield from ((trigger.event, ("rules", rule_id, "trigger")) for trigger in rule.triggers)


def _one_letter_less(word: str) -> set[str]:
    """The word, and every form of it with one letter left out: two words that share one differ by one letter."""
    return {word, *(word[:spot] + word[spot + 1 :] for spot in range(len(word)))}


def _not_written_yet(parts: Parts, faults: Faults) -> Iterator[Found]:
    for source in parts.templates.values():
        for file in placeholder_files(source):
            faults.add("W510", Place(file), template=source.name)
    yield from ()


def _rule_not_written_yet(parts: Parts, faults: Faults) -> Iterator[Found]:
    """Once a rule, at the first sentence that is not its author's."""
    for rule_id, rule in parts.rules.items():
        if paths := placeholder_keys(rule):
            yield ("rules", rule_id, *paths[0]), {"rule": rule_id, "keys": tuple(path[-1] for path in paths)}


def _step_without_an_article(parts: Parts, faults: Faults) -> Iterator[Found]:
    """Where the articles are ours, the guide takes its words about a step from one that says `why`."""
    told = {step for article in (parts.articles or {}).values() if article.why for step in article.steps}
    if parts.articles is not None:
        yield from ((("steps", step), {"step": spec.label}) for step, spec in parts.route.steps.items() if step not in told)


LINTS: Mapping[str, Callable[[Parts, Faults], Iterator[Found]]] = {
    "W206": _blank_that_can_be_missing,
    "W403": _never_true_together,
    "W404": _shared_without_a_test,
    "W501": _push_on_a_human_step,
    "W502": _empty_why,
    "W503": _call_without_a_reason,
    "W504": _one_wording_for_many_steps,
    "W505": _steps_without_a_rule,
    "W506": _blocked_by_the_unknown,
    "W507": _plain_tech_on_a_logic_step,
    "W508": _steps_left_to_people,
    "W509": _event_like_another,
    "W510": _not_written_yet,
    "W511": _rule_not_written_yet,
    "W512": _step_without_an_article,
}
