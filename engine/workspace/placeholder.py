"""The sentences that `banso new` puts into a letter or a rule for its author to replace: what still holds one is not written yet."""

from engine.messages import LANGUAGES, say
from engine.rulebook.spec import RuleSpec
from engine.workspace.model import MailSource, NoteSource

SENTENCES = ("new.subject", "new.reason", "new.note")


def placeholder_keys(rule: RuleSpec) -> list[tuple[str, ...]]:
    """Where a rule still holds such a sentence: `title`, or who and what it is for."""
    said: dict[tuple[str, ...], tuple[str, str]] = {("title",): ("new.title", rule.title)}
    if rule.why is not None:
        said |= {("why", "who"): ("new.who", rule.why.who), ("why", "benefit"): ("new.benefit", rule.why.benefit)}
    return [path for path, (key, text) in said.items() if text in {say(language, key) for language in LANGUAGES}]


def placeholder_files(source: MailSource | NoteSource) -> list[str]:
    """The files of a template that still hold such a sentence."""
    parts = _parts(source)
    return [f"templates/{source.name}{suffix}" for suffix, text in parts.items() if _holds_one(text)]


def _parts(source: MailSource | NoteSource) -> dict[str, str]:
    if isinstance(source, NoteSource):
        return {".md": source.text}
    return {"/subject.txt": source.subject, "/body.mjml": source.mjml, "/body.txt": source.text}


def _holds_one(text: str) -> bool:
    return any(say(language, key) in text for language in LANGUAGES for key in SENTENCES)
