"""JSON Schemas (draft 07) of one workspace for editors: the forms of the border models, and the names that this workspace gives.

An editor with a YAML language server then completes facts, steps and templates, shows their labels, and underlines what lint would refuse.
"""

from collections.abc import Callable, Iterable, Mapping
from functools import partial
from pathlib import PurePath
from typing import Any, get_args

from pydantic import BaseModel

from engine.facts import PRIMITIVES
from engine.facts.route import RouteSpec, Step
from engine.facts.spec import EventName
from engine.messages import Language, say
from engine.rulebook.actions import ACTIONS, LANES
from engine.rulebook.spec import RuleSpec, Stage
from engine.workspace.content import TESTS
from engine.workspace.editor_tests import tests_file
from engine.workspace.editor_words import CONDITIONS, EXPLAINED, Schema, Words, choice, closed, described, either, names
from engine.workspace.model import Workspace
from engine.workspace.schema import GoalsFile, OrderFile, PeopleFile, WorkspaceFile

DRAFT = "http://json-schema.org/draft-07/schema#"
FOLDER = PurePath(".banso", "schema")
EVENT_PATTERN = get_args(EventName)[1].pattern
NAME_PATTERN, RULE_PATTERN = "^[a-z][a-z0-9_-]{0,62}$", "^[a-z][a-z0-9-]{0,62}$"
TOP_KEYS: Mapping[str, Iterable[str]] = {
    "workspace": WorkspaceFile.model_fields,
    "route": ("route", "steps"),
    "facts": ("facts",),
    "goals": (*GoalsFile.model_fields, "health"),
    "order": ("order",),
    "people": ("people",),
    "rules": ("defaults", "rules"),
    "tests": ("tests",),
}
WITHOUT_MEANING = {"title", "default", "description", "discriminator"}  # docstrings are for developers


def kind_of_file(keys: Iterable[str]) -> str | None:
    """The schema for a file with these top keys; None where they belong to several, or to none."""
    found = {kind for key in keys for kind, known in TOP_KEYS.items() if key in known}
    return found.pop() if len(found) == 1 else None


def modeline(file: str, kind: str) -> str:
    """Line 1 of a file of the workspace, by which an editor finds the schema. `file` is relative to the workspace's root."""
    up = "/".join(".." for _ in PurePath(file).parent.parts)
    return f"# yaml-language-server: $schema={up}/{FOLDER.as_posix()}/{kind}.json"


def kind_by_place(file: str, keys: Iterable[str]) -> str | None:
    """Like `kind_of_file`, but what stands below rules/tests is always a test."""
    return "tests" if TESTS in PurePath(file).parts else kind_of_file(keys)


def editor_schemas(workspace: Workspace, language: Language) -> dict[str, Schema]:
    """File name without suffix → the schema of that kind of file."""
    words = Words(workspace, language)
    forms = _Forms(words)
    files: dict[str, Schema] = {
        "workspace": forms.of(WorkspaceFile),
        "route": closed({"route": forms.of(RouteSpec), "steps": _named(forms.of(Step))}, "route", "steps"),
        "facts": closed({"facts": _named(_fact(forms))}, "facts"),
        "goals": forms.of(GoalsFile),
        "order": forms.of(OrderFile),
        "people": forms.of(PeopleFile),
        "rules": _rules_file(forms.of(RuleSpec), words),
        "tests": tests_file(words),
    }
    return {name: {"$schema": DRAFT, **_top(schema, language), "definitions": words.used_by(schema)} for name, schema in files.items()}


def _top(schema: Schema, language: Language) -> Schema:
    """The keys of a whole file with what they are for."""
    properties = schema["properties"]
    assert isinstance(properties, dict)
    return {**schema, "properties": {key: _explained(key, inner, language) for key, inner in properties.items()}}


def _named(schema: Schema) -> Schema:
    return {"type": "object", "propertyNames": {"pattern": NAME_PATTERN}, "additionalProperties": schema}


def _explained(key: str, schema: Schema, language: Language) -> Schema:
    return described(schema, say(language, f"key.{key}")) if key in EXPLAINED and "description" not in schema else schema


def _fact(forms: "_Forms") -> Schema:
    """The first primitive whose key is written decides, as in the loader."""
    schema: Schema = {"anyOf": [{"required": [key]} for key in PRIMITIVES]}
    for key in reversed(list(PRIMITIVES)):
        schema = {"if": {"required": [key]}, "then": forms.of(PRIMITIVES[key]), "else": schema}
    offered = {key: _explained(key, {}, forms.words.language) for key in ("label", *PRIMITIVES)}
    return {"type": "object", "properties": offered, "required": ["label"], "allOf": [schema]}


def _rules_file(form: Schema, words: Words) -> Schema:
    """A key that a rule needs may also stand in the file's `defaults`."""
    required = form.pop("required")
    assert isinstance(required, list)
    rule = words.shared("rule", form)
    needed = [
        {
            "if": {"not": {"properties": {"defaults": {"required": [key]}}, "required": ["defaults"]}},
            "then": {"properties": {"rules": {"additionalProperties": {"required": [key]}}}},
        }
        for key in required
    ]
    rules = {"type": "object", "propertyNames": {"pattern": RULE_PATTERN}, "additionalProperties": rule}
    return {**closed({"defaults": rule, "rules": rules}, "rules"), "allOf": needed}


class _Forms:
    """The models' own schemas, made whole and filled with the workspace's names."""

    def __init__(self, words: Words) -> None:
        self.words = words
        self.event = words.event
        self.named = _named_fields(words)

    def of(self, model: type[BaseModel]) -> Schema:
        raw = model.model_json_schema(by_alias=True)
        models: dict[str, Any] = {**raw.pop("$defs", {}), model.__name__: raw}
        return self._model(model.__name__, models)

    def _model(self, name: str, models: Mapping[str, Any]) -> Schema:
        raw = models[name]
        if raw.get("type") != "object":
            return self._form(raw, models)
        properties = {key: self._field(name, key, inner, models) for key, inner in raw.get("properties", {}).items()}
        return closed(properties, *raw.get("required", []))

    def _field(self, model: str, key: str, raw: Mapping[str, Any], models: Mapping[str, Any]) -> Schema:
        if (model, key) == ("RuleSpec", "do"):
            return _explained(key, self._action(models), self.words.language)
        special = self.named.get(f"{model}.{key}")
        return _explained(key, special() if special is not None else self._form(raw, models), self.words.language)

    def _action(self, models: Mapping[str, Any]) -> Schema:
        """`do` by its first key, so that what is said of a wrong key is said of this action and not of all."""
        offered = {key: _explained(key, self.words.channels_for(key), self.words.language) for key in ACTIONS}
        branches = [{"if": {"required": [key]}, "then": self._model(model.__name__, models)} for key, model in ACTIONS.items()]
        return {"type": "object", "properties": offered, "anyOf": [{"required": [key]} for key in ACTIONS], "allOf": branches}

    def _form(self, raw: Mapping[str, Any], models: Mapping[str, Any]) -> Schema:
        """One fragment without what editors need not see: references opened, an absent value not offered as null."""
        if "$ref" in raw:
            return self._model(raw["$ref"].rpartition("/")[2], models)
        if raw.get("pattern") == EVENT_PATTERN:
            return self.event
        if raw.get("type") == "array" and raw.get("items") == {}:
            return {**CONDITIONS, **({"minItems": raw["minItems"]} if "minItems" in raw else {})}
        for union in ("anyOf", "oneOf"):
            if union in raw:
                forms = [self._form(each, models) for each in raw[union] if each != {"type": "null"}]
                return forms[0] if len(forms) == 1 else either(*forms)
        return self._plain(raw, models)

    def _plain(self, raw: Mapping[str, Any], models: Mapping[str, Any]) -> Schema:
        schema: Schema = {key: value for key, value in raw.items() if key not in WITHOUT_MEANING}
        if "items" in raw:
            schema["items"] = self._form(raw["items"], models)
        if isinstance(raw.get("additionalProperties"), dict):
            schema["additionalProperties"] = self._form(raw["additionalProperties"], models)
        if "patternProperties" in raw:
            schema["patternProperties"] = {name: self._form(inner, models) for name, inner in raw["patternProperties"].items()}
            schema["additionalProperties"] = False
        return schema


Fields = dict[str, Callable[[], Schema]]  # Model.key → what may stand there by the names of this workspace


def _named_fields(words: Words) -> Fields:
    return {**_of_rules(words), **_of_actions(words), **_of_other_files(words)}


def _of_rules(words: Words) -> Fields:
    return {
        "RuleSpec.owner": lambda: names(words.people),
        "RuleSpec.goal": lambda: choice(words.goals),
        "RuleSpec.stage": lambda: choice({stage: say(words.language, f"stage.{stage}") for stage in get_args(Stage)}),
        "Again.per": lambda: words.per,
        "Try.accounts_of": lambda: names(words.people),
        "Try.of": lambda: names(words.segments),
    }


def _of_actions(words: Words) -> Fields:
    settings = words.workspace.settings
    article = names({name: each.title for name, each in (words.workspace.articles or {}).items()})
    fields: Fields = {
        "LeadTo.setting": lambda: words.settings_led_to,
        "LeadTo.article": lambda: words.by_value(article),
        "LeadTo.support": lambda: names({name: each.label for name, each in settings.supports.items()}),
        "LeadTo.seminar": lambda: names({name: each.label for name, each in settings.seminars.items()}),
        "LeadTo.course": lambda: names({name: each.label for name, each in settings.courses.items()}),
        "SendMail.from": lambda: choice(words.senders),
        "SendMail.template": lambda: words.by_value(words.templates("mail")),
        "Variant.template": lambda: words.templates("mail"),
        "SendMail.not_after": lambda: names(words.facts("date")),
        "ShowPopup.template": lambda: words.by_value(words.templates("popup")),
        "AskPopup.template": lambda: words.by_value(words.templates("popup")),
        "SuggestHelp.articles": lambda: words.by_value(either(article, {"type": "array", "items": article})),
        "Task.script": lambda: words.by_value(words.templates("call", "crm")),
        "Task.assign_to": lambda: _assigned(words),
        "Post.text": lambda: words.templates("slack"),
    }
    for action, model in ACTIONS.items():
        fields[f"{model.__name__}.{action}"] = partial(words.channels_for, action)
        fields[f"{model.__name__}.handover"] = lambda: {"type": "array", "items": choice(words.facts())}
    return fields


def _of_other_files(words: Words) -> Fields:
    return {
        "Step.after": lambda: {"type": "array", "items": choice(words.steps)},
        "Goal.reached_by": lambda: either({"const": "next_step"}, {"type": "array", "items": words.event, "minItems": 1}),
        "Attribute.values": lambda: either(
            {"type": "array", "items": {"type": "string"}}, {"type": "object", "additionalProperties": {"type": "string"}}
        ),
        "DaysUntil.days_until": lambda: names(words.facts("date")),
        "WorkspaceFile.accounts_of": lambda: choice(words.facts()),
        "WorkspaceFile.approvers": lambda: {"type": "array", "items": names(words.people)},
        "Person.substitute": lambda: names(words.people),
        "Channel.rank": lambda: {
            "type": "array",
            "items": {**closed(dict.fromkeys(words.facts(), choice({"low": "", "high": ""}))), "maxProperties": 1},
        },
        **{f"Order.{lane}": partial(_rules_of, words, lane) for lane in LANES},
    }


def _rules_of(words: Words, lane: str) -> Schema:
    titles = {name: rule.title for name, rule in words.workspace.rules.items() if rule.do.lane == lane}
    return {"type": "array", "items": names(titles)}


def _assigned(words: Words) -> Schema:
    either_way = {each: say(words.language, f"assigned.{each}") for each in ("owner", "team")}
    person = names({**either_way, **words.people} if words.people else {})
    return either(person, closed({"owner": {"type": "null"}, "else": person}, "owner", "else"))
