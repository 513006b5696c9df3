"""Beginnings: a rule, a mail or a note that lints at once, with a comment on every line that a designer has to think about."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePath

from engine.errors import BansoError, refuse
from engine.facts.route import Step
from engine.messages import Language, say
from engine.rulebook.actions import Lane, SendMail
from engine.workspace.edit import append_entry, insert_item, plain_of, remove_key, set_value, source_of, written
from engine.workspace.editor_schema import modeline
from engine.workspace.model import Workspace
from engine.workspace.tree import Plain

RULE_NAME = re.compile(r"[a-z][a-z0-9-]{0,62}\Z")
OWN_TO_A_RULE = ("was", "try", "reflect", "learned")  # a copy begins anew
CHANNEL_OF: Mapping[Lane, str] = {"push": "mail", "pull": "popup", "human": "call", "internal": "crm"}
STALLED_DAYS, PAUSE_DAYS = 5, 7
NO_SCREEN = "/"  # as a step has it that names none

Texts = dict[str, str]  # file below the root → its new text


@dataclass(frozen=True)
class Line:
    """One line of a rule, and the key of the sentence about it."""

    text: str
    about: str


def new_rule(workspace: Workspace, name: str, lane: Lane, language: Language) -> Texts:
    """A rule at stage plan that makes sense as it stands, its line at the end of the lane, and a template of its own to be written.

    It says what no rule of another says: its step is one where the lane can act, and its words are nobody else's letter.
    """
    _check_new(workspace, name)
    file = file_of_lane(workspace, lane)
    template, texts = _template_for(workspace, name, lane)
    entry = _skeleton(workspace, name, lane, template, file, language)
    return {**texts, **_placed(workspace, name, lane, file, entry)}


def like_rule(workspace: Workspace, name: str, like: str, language: Language) -> Texts:
    """A copy of a rule at stage plan, without its own history and its comments, which are about the other. Raises BansoError E684 if there is none."""
    _check_new(workspace, name)
    if like not in workspace.rules:
        raise refuse("E684", like, name=like, known=tuple(workspace.rules))
    file = workspace.places[like].split(":")[0]
    entry = without_comments(source_of(workspace.texts[file], ("rules", like)))
    entry = name + entry[len(like) :]
    for key in OWN_TO_A_RULE:
        entry = remove_key(entry, (name, key))
    entry = set_value(entry, (name, "title"), say(language, "new.like_title", title=workspace.rules[like].title))
    entry = set_value(entry, (name, "stage"), "plan", after=("why", "title"))
    head, _, body = entry.partition("\n")
    entry = f"{head}\n  # {say(language, 'new.like_head', like=like)}\n{body}"
    return _placed(workspace, name, workspace.rules[like].do.lane, file, entry)


def without_comments(entry: str) -> str:
    """The entry without whatever a `#` can begin and leave the parsed tree as it is."""
    expected, lines = plain_of(entry), entry.split("\n")
    for index in reversed(range(len(lines))):
        for found in re.finditer(r"(^|[ \t]+)#", lines[index]):
            head = lines[index][: found.start()]
            shorter = [*lines[:index], *([head] if head.strip() else []), *lines[index + 1 :]]
            if _plain_or_none("\n".join(shorter)) == expected:
                lines = shorter
                break
    return "\n".join(lines)


def _plain_or_none(text: str) -> Plain:
    try:
        return plain_of(text)
    except BansoError:
        return None


def new_mail(workspace: Workspace, name: str, language: Language) -> Texts:
    """Subject, HTML and text of a mail. Raises BansoError E309 for a name that is none, E683 if the mail is there."""
    check_name(name)
    folder = f"templates/mail/{name}"
    if (workspace.root / folder).exists():
        raise refuse("E683", folder, name=f"mail/{name}", where=folder)
    greeting, reason, button, closing = (say(language, f"new.{each}") for each in ("greeting", "reason", "button", "closing"))
    cells = [f"    <mj-text>{text}</mj-text>" for text in (greeting, reason)]
    cells += [f'    <mj-button href="{{{{ link.url }}}}">{button}</mj-button>', f"    <mj-text>{closing}</mj-text>"]
    return {
        f"{folder}/subject.txt": say(language, "new.subject") + "\n",
        f"{folder}/body.mjml": "\n".join(["<mj-section>", "  <mj-column>", *cells, "  </mj-column>", "</mj-section>", ""]),
        f"{folder}/body.txt": f"{greeting}\n\n{reason}\n\n▼ {button}\n{{{{ link.url }}}}\n\n{closing}\n",
    }


def file_of_lane(workspace: Workspace, lane: Lane) -> str:
    """Where rules of a lane stand: the file with most of them, else the one named after the lane."""
    files = [workspace.places[name].split(":")[0] for name in workspace.order[lane] if name in workspace.places]
    return max(dict.fromkeys(files), key=files.count, default=f"rules/{lane}.yaml")


def check_name(name: str) -> None:
    if not RULE_NAME.match(name):
        raise refuse("E309", name, key="NAME", value=name, example="next-setting")


def _check_new(workspace: Workspace, name: str) -> None:
    check_name(name)
    if name in workspace.rules:
        raise refuse("E683", name, name=name, where=workspace.places[name])


def _placed(workspace: Workspace, name: str, lane: Lane, file: str, entry: str) -> Texts:
    """The rule at the end of its file and of its lane."""
    ordered = next(name for name, text in workspace.texts.items() if PurePath(name).parent.name == "rules" and re.search(r"(?m)^order:", text))
    texts = {ordered: insert_item(workspace.texts[ordered], ("order", lane), len(workspace.order[lane]), name)}
    text = texts.get(file, workspace.texts.get(file))
    if text is None:
        indented = "".join(f"  {line}\n" for line in entry.rstrip("\n").split("\n"))
        return {file: f"{modeline(file, 'rules')}\nrules:\n{indented}", **texts}
    return {**texts, file: append_entry(text, ("rules",), entry)}


# --- the skeleton of a rule -------------------------------------------------------------------------------------------


def _skeleton(workspace: Workspace, name: str, lane: Lane, template: str, file: str, language: Language) -> str:
    channel = CHANNEL_OF[lane]
    days = max(PAUSE_DAYS, workspace.settings.channels[channel].valid_days)
    step = _step(workspace, lane)
    stalled = "" if lane == "pull" else f", {{stalled_days: {{at_least: {STALLED_DAYS}}}}}"  # who comes to us need not be waited for
    who = written({"who": say(language, "new.who"), "benefit": say(language, "new.benefit")})
    lines = [
        Line(f"title: {written(say(language, 'new.title'))}", "key.title"),
        Line(f"why: {who}", "key.why"),
        Line("stage: plan", "stage.plan"),
        *([] if _has_owner(workspace, file) else [Line(f"owner: {_owner(workspace, lane)}", "key.owner")]),
        *([Line(f"trigger: {{event: {_before(workspace, step).done_by[0]}}}", "key.trigger")] if lane == "pull" else []),
        Line(f"when: [{{next_step: {step}}}{stalled}]", "new.when"),
        Line("unless: []", "key.unless"),
        Line(f"do: {_action(workspace, lane, template)}", "key.do"),
        Line(f"goal: {_goal(workspace, lane)}", "key.goal"),
        Line(f"again: {{after_days: {days}, at_most: 2, per: next_step}}", "key.again"),
    ]
    body = "".join(f"  {line.text}  # {say(language, line.about)}\n" for line in lines)
    return f"{name}:  # {say(language, 'new.head')}\n{body}"


def _action(workspace: Workspace, lane: Lane, template: str) -> str:
    if lane == "push":
        senders = [rule.do.from_ for rule in workspace.rules.values() if isinstance(rule.do, SendMail)]
        return f"{{send: mail, from: {_usual(senders, workspace.settings.senders)}, template: {template}, lead_to: {{setting: next_step}}}}"
    if lane == "pull":
        return f"{{show: popup, template: {template}, lead_to: {{setting: next_step}}}}"
    if lane == "human":
        return f"{{task: call, script: {template}, due_business_days: 2, hold: [push], handover: [next_step, stalled_days]}}"
    return f"{{task: crm, script: {template}, due_business_days: 3}}"


def _step(workspace: Workspace, lane: Lane) -> str:
    """A step at which the lane can act: for people one that takes people, else one that everybody needs and the customer does on a screen.

    Never the first, which is where accounts come in; and rather one to which another screen leads, so that the customer is at work there.
    """
    steps = dict(list(workspace.route.steps.items())[1:]) or workspace.route.steps
    people = [name for name, step in steps.items() if step.human and lane == "human"]
    plain = [name for name, step in steps.items() if not (step.human or step.logic or step.optional or step.needed_when)]
    screens = [name for name in plain if steps[name].screen != NO_SCREEN]
    at_work = [name for name in screens if _before(workspace, name).screen != NO_SCREEN]
    return next(iter([*people, *at_work, *screens, *plain, list(steps)[-1]]))


def _before(workspace: Workspace, step: str) -> Step:
    """The step that is done just before another."""
    steps = workspace.route.steps
    names = list(steps)
    return steps[steps[step].after[-1] if steps[step].after else names[max(names.index(step) - 1, 0)]]


def _goal(workspace: Workspace, lane: Lane) -> str:
    """What a rule of the lane is for: that somebody was talked to, else the next step."""
    touch = workspace.settings.channels[CHANNEL_OF[lane]].touch if lane == "human" else None
    forward = [name for name, goal in workspace.goals.items() if goal.reached_by == "next_step"]
    talked = [name for name, goal in workspace.goals.items() if name not in forward and touch in goal.reached_by]
    return next(iter([*talked, *forward, *workspace.goals]))


def _has_owner(workspace: Workspace, file: str) -> bool:
    return bool(re.search(r"(?m)^defaults:.*\bowner:|^defaults:\s*\n(?:[ #].*\n)*?\s+owner:", workspace.texts.get(file, "")))


def _owner(workspace: Workspace, lane: Lane) -> str:
    rules = sorted(workspace.rules.values(), key=lambda rule: rule.do.lane != lane)
    return _usual([rule.owner for rule in rules], [*workspace.people, "owner"])


def _usual(used: Sequence[str], known: Iterable[str]) -> str:
    """What is used most; where nothing is yet, the first that is known."""
    return max(used, key=used.count) if used else next(iter(known))


def _template_for(workspace: Workspace, name: str, lane: Lane) -> tuple[str, Texts]:
    """The template of the rule's own name, written anew unless it is there, in the customers' language. Raises BansoError E685 without the channel."""
    kind, language = CHANNEL_OF[lane], workspace.settings.workspace.language
    if kind not in workspace.settings.channels:
        raise refuse("E685", "rules/workspace.yaml", lane=lane, name=kind, example=f"{kind}: {{label: {kind}, valid_days: 3}}")
    if f"{kind}/{name}" in workspace.templates:
        return f"{kind}/{name}", {}
    if kind == "mail":
        return f"mail/{name}", new_mail(workspace, name, language)
    note = f"# {say(language, 'new.note_title')}\n{say(language, 'new.note')}\n"
    return f"{kind}/{name}", {f"templates/{kind}/{name}.md": note}
