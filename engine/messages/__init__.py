"""Every word banso says to people, in Japanese and English, from one catalogue with equal keys."""

from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Literal

import yaml

Language = Literal["ja", "en"]
LANGUAGES: tuple[Language, ...] = ("ja", "en")


@lru_cache
def catalogue(language: Language) -> Mapping[str, str | Mapping[str, str]]:
    """Key → sentence; a fault code → its `what`, `why` and `fix`."""
    text = (Path(__file__).parent / f"{language}.yaml").read_text(encoding="utf-8")
    found: Mapping[str, str | Mapping[str, str]] = yaml.safe_load(text)
    return found


def say(language: Language, key: str, **values: object) -> str:
    """The sentence of a key with its values filled in."""
    sentence = catalogue(language)[key]
    assert isinstance(sentence, str), key
    return sentence.format(**values)


class _Values(dict[str, object]):
    """Values of a fault; one that the sentence names and the fault lacks reads as a dash."""

    def __missing__(self, key: str) -> str:
        return "–"


def say_fault(language: Language, code: str, values: Mapping[str, object]) -> tuple[str, str, str]:
    """What is wrong, why it matters, and what to do. A near name, where one was found, goes into the last."""
    entry = catalogue(language).get(code) or catalogue(language)["E000"]
    assert isinstance(entry, Mapping), code
    shown = _Values({key: _shown(value) for key, value in values.items()}, code=code)
    fix = entry["fix"].format_map(shown)
    if values.get("near"):
        near = catalogue(language)["near"]
        assert isinstance(near, str)
        fix = f"{near.format_map(shown)} {fix}"
    return entry["what"].format_map(shown), entry["why"].format_map(shown), fix.strip()


def _shown(value: object) -> object:
    return ", ".join(str(item) for item in value) if isinstance(value, list | tuple) else value
