"""What an editor may offer because this workspace names it: facts with their comparisons, steps, goals, templates, people and the like.

Draft-07 fragments. `enumDescriptions` is no part of draft 07; editors show it beside a value, and validators pass it over.
"""

import json
from collections.abc import Iterable, Mapping
from typing import TypeAlias

from engine.facts.conditions import COMPARISONS, STEPS_DONE
from engine.facts.route import COMPLETE
from engine.facts.spec import FactType
from engine.messages import Language, say
from engine.rulebook.compile import PER_PERIOD
from engine.rulebook.plan import Fact
from engine.workspace.check_rules import HELP_PREFIXES, OWN_PREFIXES
from engine.workspace.model import MailSource, Workspace

Schema: TypeAlias = dict[str, object]
Labels: TypeAlias = Mapping[str, str]

CONDITION: Schema = {"$ref": "#/definitions/condition"}
CONDITIONS: Schema = {"type": "array", "items": CONDITION}
WORKED_BY = {"popup": ("show", "ask"), "help": ("suggest",), "call": ("task",), "crm": ("task",)}  # the others: send
NOT_WORKED = ("slack", "seminar", "course", "support")  # a post names its place; invitations go out by mail
# fmt: off
EXPLAINED = frozenset((  # keys that the catalogue has a sentence for
    "title", "why", "who", "benefit", "stage", "try", "accounts_of", "sample", "of", "until", "reflect", "learned", "owner", "was", "trigger",
    "event", "where", "when", "unless", "any", "segment", "do", "send", "show", "ask", "suggest", "task", "post", "template", "by", "variants",
    "percent", "lead_to", "setting", "article", "articles", "support", "seminar", "course", "seat_within_days", "not_after", "urgent",
    "service", "reminder", "kind", "in_response", "save_to", "follow_up", "script", "due_business_days", "hold", "because", "assign_to", "text", "include",
    "handover", "valid_days", "send_within_days", "goal", "again", "after_days", "at_most", "per", "holdout", "human_ok", "defaults", "rules",
    "label", "attribute", "active_days", "days_since", "days_until", "open_items", "table", "count", "or_since", "within_days",
    "ending_days_ago", "then", "else", "type", "values", "labels", "facts", "segments", "goals", "reached_by", "order", "route", "steps",
    "after", "done_by", "progress_by", "needed_when", "screen", "people", "tests", "never", "sources", "max_age", "channels", "senders",
    "timezone", "nightly_at", "quiet_hours",
))
# fmt: on
NUMBER: Schema = {"type": "integer"}
FLAG: Schema = {"type": "boolean"}


def choice(labels: Labels) -> Schema:
    """One of some names, each with its label."""
    return {"enum": list(labels), "enumDescriptions": list(labels.values())}


def either(*schemas: Schema) -> Schema:
    return {"anyOf": list(schemas)}


def closed(properties: Mapping[str, object], *required: str) -> Schema:
    """A map with these keys and no others."""
    return {"type": "object", "properties": dict(properties), "additionalProperties": False, **({"required": list(required)} if required else {})}


def described(schema: Schema, description: str) -> Schema:
    return {**schema, "description": description} if "$ref" not in schema else {"allOf": [schema], "description": description}


def condition(workspace: Workspace, language: Language) -> Schema:
    """`{fact: {comparison: value}}`, `{any: [...]}` or `{segment: id}`: exactly one key."""
    facts = {name: described(_comparisons(fact), fact.label) for name, fact in workspace.plan.facts.items()}
    segments = {name: segment.label for name, segment in workspace.segments.items()}
    others = {
        "any": described({**CONDITIONS, "minItems": 1}, say(language, "key.any")),
        "segment": described(choice(segments) if segments else {"type": "string"}, say(language, "key.segment")),
    }
    return {**closed({**facts, **others}), "minProperties": 1, "maxProperties": 1}


def _comparisons(fact: Fact) -> Schema:
    one = _value(fact.type)
    forms: Mapping[str, Schema] = {
        "between": {"type": "array", "items": NUMBER, "minItems": 2, "maxItems": 2},
        "in": {"type": "array", "items": one, "minItems": 1},
        "not_in": {"type": "array", "items": one, "minItems": 1},
        "known": FLAG,
    }
    allowed = ("includes", "excludes") if fact.name == STEPS_DONE else COMPARISONS[fact.type.kind]
    compared = {**closed({each: forms.get(each, one) for each in allowed}), "minProperties": 1, "maxProperties": 1}
    return compared if fact.type.kind in {"date", "text"} else either(one, compared)


def _value(fact_type: FactType) -> Schema:
    if fact_type.kind == "number":
        return NUMBER
    return FLAG if fact_type.kind == "bool" else choice(fact_type.values)


class Words:
    """The names of one workspace by what they are used for, as fragments; where nothing is named, nothing is offered."""

    def __init__(self, workspace: Workspace, language: Language) -> None:
        self.workspace, self.language = workspace, language
        settings = workspace.settings
        self.people = {name: person.name for name, person in workspace.people.items()}
        self.goals = {name: goal.label for name, goal in workspace.goals.items()}
        self.segments = {name: segment.label for name, segment in workspace.segments.items()}
        self.steps = {name: step.label for name, step in workspace.route.steps.items()}
        self.rules = {name: rule.title for name, rule in workspace.rules.items()}
        self.senders = {name: sender.name for name, sender in settings.senders.items()}
        self.channels = {name: channel.label for name, channel in settings.channels.items()}
        self.sources = {name: source.label for name, source in settings.sources.items()}
        self.definitions: dict[str, Schema] = {"condition": condition(workspace, language)}

    def shared(self, name: str, schema: Schema) -> Schema:
        """A fragment that stands once in a file however often it is used."""
        self.definitions[name] = schema
        return {"$ref": f"#/definitions/{name}"}

    def used_by(self, schema: object) -> dict[str, Schema]:
        """The shared fragments that a schema leads to."""
        found: dict[str, Schema] = {}
        pending = [schema]
        while pending:
            text = json.dumps(pending.pop())
            new = {name: each for name, each in self.definitions.items() if f'"#/definitions/{name}"' in text and name not in found}
            found |= new
            pending += new.values()
        return found

    def facts(self, *kinds: str) -> Labels:
        return {name: fact.label for name, fact in self.workspace.plan.facts.items() if not kinds or fact.type.kind in kinds}

    @property
    def per(self) -> Schema:
        periods = {each: say(self.language, f"per.{each}") for each in PER_PERIOD}
        return choice({**periods, **self.facts("enum", "date")})

    @property
    def settings_led_to(self) -> Schema:
        return choice({"next_step": self.workspace.plan.facts["next_step"].label, **self.steps})

    def channels_for(self, action: str) -> Schema:
        """The channels declared in this workspace that the action uses; `post` names a place instead."""
        if action == "post":
            return names(self.workspace.settings.notify)
        fitting = {name: label for name, label in self.channels.items() if name not in NOT_WORKED and action in WORKED_BY.get(name, ("send",))}
        return names(fitting)

    def templates(self, *kinds: str) -> Schema:
        """The templates below these folders, each with its subject or title."""
        found = {
            name: source.subject.strip() if isinstance(source, MailSource) else source.title for name, source in self.workspace.templates.items()
        }
        return self.shared("-".join(kinds), names({name: label for name, label in found.items() if name.split("/")[0] in kinds}))

    def by_value(self, one: Schema) -> Schema:
        """One thing, or one for each value of an enum: `{by: fact, value: …, else: …}`."""
        enums = {name: fact.type.values for name, fact in self.workspace.plan.facts.items() if fact.type.kind == "enum"}
        fixed: Schema = {"by": described(choice(self.facts("enum")), say(self.language, "key.by")), "else": one}
        cases = [
            {
                "if": {"properties": {"by": {"const": name}}, "required": ["by"]},
                "then": closed({**fixed, **{value: described(one, label) for value, label in {**values, COMPLETE: COMPLETE}.items()}}),
            }
            for name, values in enums.items()
        ]
        return either(one, {"type": "object", "properties": fixed, "required": ["by", "else"], "allOf": cases} if cases else closed(fixed))

    @property
    def event(self) -> Schema:
        """An event or field: one that the workspace already reads, or another of its sources' prefixes."""
        own = (*OWN_PREFIXES, *(HELP_PREFIXES if self.workspace.articles is not None else ()))
        prefixes = [*own, *(prefix for source in self.workspace.settings.sources.values() for prefix in source.events)]
        free: Schema = {"type": "string", "pattern": rf"^({'|'.join(sorted(prefixes))})\.[a-z][a-z0-9_]*$"}
        return self.shared("event", either({"enum": sorted(self._events())}, free))

    def _events(self) -> set[str]:
        read: list[Iterable[str]] = [fact.reads for fact in self.workspace.plan.facts.values()]
        for step in self.workspace.route.steps.values():
            read += [step.done_by, step.progress_by]
        read += [goal.reached_by for goal in self.workspace.goals.values() if goal.reached_by != "next_step"]
        return {name for names_read in read for name in names_read}


def names(labels: Labels) -> Schema:
    """A choice; any text where there is nothing to choose from yet."""
    return choice(labels) if labels else {"type": "string"}
