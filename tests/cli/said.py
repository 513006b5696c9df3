"""One call of the command in this process, and what it answered."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

FINE, FAULTS, BAD_USAGE = 0, 1, 64
JAPANESE = re.compile(r"[ぁ-んァ-ヶ一-龠]")
LABELS = {"ja": ("なぜ", "直し方"), "en": ("why", "do")}


@dataclass(frozen=True)
class Said:
    """What a command answered."""

    code: int
    out: str
    err: str

    def refuses(self, code: str) -> bool:
        """One fault of this code with what, why and what to do, and no traceback."""
        assert "Traceback" not in self.out + self.err
        return self.code == FAULTS and f" {code} " in self.err and len(re.findall(r"^  (why|do|なぜ|直し方) ", self.err, re.MULTILINE)) == 2

    def has_three_parts(self, code: str, place: str, language: str) -> bool:
        """What and where on one line that begins with the place, then why, then what to do."""
        assert "Traceback" not in self.out + self.err
        lines = self.err.splitlines()
        first = next((line for line in lines if line.startswith(f"{place} {code} ")), "")
        why, fix = LABELS[language]
        told = [line for line in lines if line.startswith((f"  {why} ", f"  {fix} "))]
        japanese = bool(JAPANESE.search(re.sub("`.*?`", "", first)))
        return bool(first) and len(told) >= 2 and told[-1].startswith(f"  {fix} ") and japanese == (language == "ja")


Banso = Callable[..., Said]


def change(path: Path, old: str, new: str) -> None:
    """A slip, or a change of mind, in a file."""
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
