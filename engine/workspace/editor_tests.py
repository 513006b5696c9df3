"""The form of a `*.test.yaml` file for editors: what happened to an account, and what is expected of banso at some instants."""

from engine.messages import say
from engine.rulebook.actions import LANES
from engine.workspace.editor_words import Schema, Words, choice, closed, described, either, names

AN_INSTANT = r"^[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}(:[0-9]{2})?$"
A_DATE = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$"
A_RECORD = r"^[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}(:[0-9]{2})? [a-z][a-z0-9_]*\.[a-z][a-z0-9_]*( .*)?$"
A_FIELD = r"^[a-z][a-z0-9_]*\.[a-z][a-z0-9_]*$"
TEXT: Schema = {"type": "string"}


def tests_file(words: Words) -> Schema:
    account: Schema = {"type": "object", "properties": {"id": TEXT}, "patternProperties": {A_FIELD: {}}, "additionalProperties": False}
    told: dict[str, Schema] = {
        "name": TEXT,
        "account": either(TEXT, account),
        "same_as": TEXT,
        "given": {"type": "array", "items": {"type": "string", "pattern": A_RECORD}},
        "stale": {"type": "array", "items": choice(words.sources)},
        "expect": {"type": "array", "items": _expectation(words)},
    }
    one = closed({key: described(schema, say(words.language, f"test.{key}")) for key, schema in told.items()}, "name", "expect")
    return closed({"tests": {"type": "array", "items": one}}, "tests")


def _expectation(words: Words) -> Schema:
    """What a night (`at`) or a record that comes in (`on`) is expected to lead to."""
    rule = names(words.rules)
    rules: Schema = {"anyOf": [rule, {"type": "array", "items": rule}]}
    instant: Schema = {"type": "string", "pattern": AN_INSTANT}
    by_rule: Schema = {"type": "object", "propertyNames": rule, "additionalProperties": TEXT}
    return closed(
        {
            "at": instant,
            "on": instant,
            "event": {"type": "string", "pattern": A_FIELD},
            "with": {"type": "object"},
            "decides": rules,
            "none": {"const": True},
            "not": rules,
            "why": by_rule,
            "unknown": by_rule,
            "template": words.templates("mail", "popup", "call", "crm", "slack"),
            "variant": TEXT,
            "sends_at": instant,
            "window_last_day": {"type": "string", "pattern": A_DATE},
            "hold": {"type": "array", "items": {"enum": list(LANES)}},
            "drops": rule,
            "because": TEXT,
            "fact": names(words.facts()),
            "is": {},
        }
    )
