"""Every word banso says to people, in Japanese and English, from one catalogue with equal keys."""

from collections.abc import Mapping
from difflib import get_close_matches
from functools import lru_cache
from pathlib import Path
from typing import Literal

import yaml

from engine.detail import parts_of

Language = Literal["ja", "en"]
LISTED, LONGEST = 60, 200  # names in a list, characters of a value
LANGUAGES: tuple[Language, ...] = ("ja", "en")


@lru_cache
def catalogue(language: Language) -> Mapping[str, str | Mapping[str, str]]:
    """Key → sentence; a fault code → its `what`, `why` and `fix`."""
    text = (Path(__file__).parent / f"{language}.yaml").read_text(encoding="utf-8")
    found: Mapping[str, str | Mapping[str, str]] = yaml.load(text, Loader=yaml.CSafeLoader)  # in C: every command waits for it
    return found


def say(language: Language, key: str, **values: object) -> str:
    """The sentence of a key with its values filled in."""
    sentence = catalogue(language)[key]
    assert isinstance(sentence, str), key
    return sentence.format(**values)


def say_reason(language: Language, reason: str, detail: str | None = None) -> str:
    """A reason of the closed list; in brackets what exactly was found, unless the reason's own sentence names it."""
    sentence = say(language, f"reason.{reason}", detail=detail or "").strip()
    named = "{detail}" in str(catalogue(language)[f"reason.{reason}"])
    return sentence if named or not detail else f"{sentence} [{say_detail(language, detail)}]"


def say_detail(language: Language, detail: str) -> str:
    """What was found, as a sentence; a plain value, and a word that the catalogue does not know, as it is."""
    word, values = parts_of(detail)
    if f"detail.{word}" not in catalogue(language):
        return detail
    return say(language, f"detail.{word}", **dict(zip(("first", "second", "third"), values, strict=False)))


class _Values(dict[str, object]):
    """Values of a fault; one that the sentence names and the fault lacks reads as a dash."""

    def __missing__(self, key: str) -> str:
        return "–"


def say_fault(language: Language, code: str, values: Mapping[str, object]) -> tuple[str, str, str]:
    """What is wrong, why it matters, and what to do. A near name, where one was found, goes into the last."""
    entry = catalogue(language).get(code) or catalogue(language)["E000"]
    assert isinstance(entry, Mapping), code
    near = values.get("near") or _nearest(values)
    shown = _Values(
        {key: _listed(language, value) if isinstance(value, tuple) else _shown(language, value) for key, value in values.items()}, code=code
    )
    if "kind" in values:
        shown["kind"] = say(language, f"kind.{values['kind']}")
    if "need" in values:
        shown["need"] = say(language, f"need.{values['need']}")
    fix = entry["fix"].format_map(shown)
    if near:
        fix = f"{_did_you_mean(language, near, values.get('label'))} {fix}"
    return entry["what"].format_map(shown), entry["why"].format_map(shown), fix.strip()


def _did_you_mean(language: Language, near: object, label: object) -> str:
    """The near name, with what people call it and where it stands, if that is known."""
    return say(language, "near.labelled", near=near, label=label) if label else say(language, "near", near=near)


def _nearest(values: Mapping[str, object]) -> str | None:
    """The known name most like the one given, where the fault lists what is known."""
    known, name = values.get("known"), values.get("name")
    found = get_close_matches(str(name), known, n=1) if isinstance(known, tuple) and name else []
    return str(found[0]) if found else None


def _listed(language: Language, known: tuple[object, ...]) -> str:
    """Names to choose from; of very many the first."""
    if not known:
        return say(language, "nothing")
    more = " …" if len(known) > LISTED else ""
    return ", ".join(str(item) for item in known[:LISTED]) + more


def _shown(language: Language, value: object) -> str:
    """A value as it stands in YAML, cut where it is very long."""
    if value is None:
        return say(language, "nothing")
    text = _written(value)
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}…"


def _written(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list):
        return "[" + ", ".join(_written(item) for item in value) + "]"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}: {_written(item)}" for key, item in value.items()) + "}"
    return str(value)
