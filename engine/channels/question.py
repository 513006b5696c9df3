"""A question to a customer, wherever it is put: how it is answered, and what counts as an answer."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from engine.facts.attribute import Attribute
from engine.facts.spec import FactSpec
from engine.messages import Language, say
from engine.records.record import NO_NUMBER, NO_VALUE
from engine.records.values import normalise
from engine.workspace.model import Workspace

Form = Literal["one", "many", "yes_no", "number", "date", "text"]
YES_NO = ("true", "false")
FORMS: Mapping[str, Form] = {"enum": "one", "tags": "many", "bool": "yes_no", "number": "number", "date": "date", "text": "text"}


@dataclass(frozen=True)
class Question:
    """`label`: what is asked, in the words of the fact; `form`: how it is answered; `choices`: value → words, for one and many."""

    label: str
    form: Form
    choices: Mapping[str, str]


def choices_of(question: Question, language: Language) -> Mapping[str, str]:
    """Value → words of what there is to choose from, yes and no included; none where the answer is written."""
    if question.form == "yes_no" and not question.choices:
        return {each: say(language, f"answer_choice.{each}") for each in YES_NO}
    return question.choices


def question_about(workspace: Workspace, field: str) -> Question:
    """How a field is asked for: as the fact is declared that reads what is kept."""
    fact = fact_of(workspace, field)
    return Question(field, "text", {}) if fact is None else Question(fact.label, FORMS[fact.type_], dict(fact.values or {}))


def accepted(workspace: Workspace, field: str, said: str, today: int) -> bool:
    """Whether that is an answer: one of the choices, a date as people write it, a number; any text where nobody says more."""
    fact = fact_of(workspace, field)
    kind = fact.type_ if fact is not None else "text"
    text, number = normalise(kind, said, today)
    if text == NO_VALUE:
        return False
    if fact is not None and fact.values and kind in {"enum", "tags"}:
        return {each for each in text.strip("|").split("|") if each} <= set(fact.values)
    return number != NO_NUMBER or kind == "text"


def fact_of(workspace: Workspace, field: str) -> Attribute | None:
    """The fact that reads the field."""
    reading: list[FactSpec] = list(workspace.facts.values())
    return next((spec for spec in reading if isinstance(spec, Attribute) and spec.attribute == field), None)
