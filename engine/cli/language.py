"""In which language to speak while nobody said so and the workspace may itself be at fault: a guess, and only that."""

import re
from pathlib import Path

from engine.config import language_of_machine
from engine.messages import Language

SAID = re.compile(r"""(?m)^[^#\n]*\blanguage["']?[ \t]*[:：][ \t]*["']?(ja|en)\b""")
KANA = re.compile("[ぁ-んァ-ヶ]")


def guessed_language(root: Path) -> Language:
    """What workspace.yaml says, readable or not; else that of its other files; where there are none, the machine's."""
    said = SAID.search(_text(root / "rules" / "workspace.yaml"))
    if said is not None:
        return "ja" if said[1] == "ja" else "en"
    texts = [_text(path) for path in sorted((root / "rules").glob("*.yaml"))]
    if any(texts):
        return "ja" if any(KANA.search(text) for text in texts) else "en"
    return language_of_machine()


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8", errors="replace") if path.is_file() else ""
