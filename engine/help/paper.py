"""The guide as a PDF: typeset by Typst with a Japanese font embedded, both from wheels; nothing of the machine or the network is used."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path

from engine.help.guide import Guide, GuideStep, qr_code
from engine.messages import Language, say

LAYOUT = Path(__file__).parent / "guide.typ"
NO_TIME = datetime.fromtimestamp(0, UTC)


def pdf_of(guide: Guide, title: str, sender: str, language: Language) -> bytes:
    """The same guide gives the same bytes, whenever it is made."""
    open_screens = [step.screen for step in guide.steps if _is_open(step) and step.screen]
    codes = {f"qr{number}.svg": qr_code(screen) for number, screen in enumerate(open_screens)}
    data = {
        "title": title,
        "sender": sender,
        "language": language,
        "company": guide.company and say(language, "guide.company", company=guide.company),
        "progress": say(language, "guide.progress", done=guide.done, all=len(guide.steps)) if guide.company else None,
        "words": {name: say(language, f"guide.{name}") for name in ("what", "why", "screen", "read_more", "texts", "done", "open")},
        "steps": [_told(step, open_screens) for step in guide.steps],
        "texts": [{"title": text.title, "text": text.text.rstrip()} for text in guide.ready_texts],
    }
    files = {"main.typ": LAYOUT.read_bytes(), "data.json": json.dumps(data, ensure_ascii=False).encode()}
    return _typeset({**files, **{name: code.encode() for name, code in codes.items()}})


def _is_open(step: GuideStep) -> bool:
    return step.done is False


def _told(step: GuideStep, open_screens: list[str]) -> dict[str, object]:
    return {
        "number": step.number,
        "label": step.label,
        "what": step.what,
        "why": step.why,
        "screen": step.screen,
        "done": step.done,
        "code": f"qr{open_screens.index(step.screen)}.svg" if _is_open(step) and step.screen else None,
        "articles": [article.title for article in step.articles],
        "texts": [text.title for text in step.ready_texts],
    }


def _typeset(files: Mapping[str, bytes]) -> bytes:
    import typst  # noqa: PLC0415  # 40 MB of compiler are loaded only where somebody wants paper

    # Its types forget that several files may be given.
    made: bytes = typst.compile(dict(files), format="pdf", font_paths=_fonts(), ignore_system_fonts=True, timestamp=NO_TIME)  # type: ignore[call-overload]
    return made


@lru_cache
def _fonts() -> list[str]:
    """Noto Sans JP (SIL Open Font License 1.1), from a wheel that holds nothing else."""
    import pylopdf_fonts_cjk  # noqa: PLC0415  # as above

    return [str(Path(pylopdf_fonts_cjk.__file__).parent)]
