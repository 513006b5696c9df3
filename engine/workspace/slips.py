"""What a parser of YAML complains about → the slip a person made, at the place where it was made.

A slip that says clearly what was meant (a full-width colon, a missing blank) is mended, so that the rest of the file is checked in the same run.
"""

import re
from dataclasses import dataclass

import yaml

from engine.errors import Fault, Place

FULL_WIDTH_COLON = "："
FULL_WIDTH_SIGNS = "｛｝［］“”"
NO_COLON, RAN_ON = "could not find expected ':'", "mapping values are not allowed here"  # what PyYAML says
CLOSED_UP = re.compile(r"\s*(?:- +)*(?P<key>[A-Za-z_][\w-]*):(?P<rest>(?:[^\s/]|\u3000).*)")
FULL_WIDTH = re.compile(rf"\s*(?:- +)*(?P<key>[A-Za-z_][\w-]*)\s*{FULL_WIDTH_COLON}\s*(?P<rest>.*)")


@dataclass(frozen=True)
class Slip:
    """A fault, and the line as it was meant where that is clear."""

    fault: Fault
    line: int
    mended: str | None = None


def slip_of(error: yaml.MarkedYAMLError, text: str, file: str) -> Slip:
    """The slip behind a complaint of the parser: at the word that lacks its colon, not at the next one, where the parser gave up."""
    return _Complaint(error, ["", *text.split("\n")], file).slip()


def colon_of(word: str) -> tuple[str, str, str] | None:
    """(code, key, rest) of a word that was meant as a key and its value: a full-width colon, or no blank after the colon."""
    if found := FULL_WIDTH.fullmatch(word):
        return "E102", found["key"], _without_comment(found["rest"])
    if found := CLOSED_UP.fullmatch(word):
        return "E103", found["key"], _without_comment(found["rest"])
    return None


def slip_at_key(text: str, place: Place) -> Slip:
    """The slip of a line whose key at `place` runs into a bracket; it is mended up to there."""
    head = text[: place.column - 1]
    found = re.match(rf"(?P<key>[A-Za-z_][\w-]*)\s*(?P<colon>[:{FULL_WIDTH_COLON}])\s*", text[len(head) :])
    assert found is not None
    rest = text[len(head) + found.end() :]
    wide = found["colon"] == FULL_WIDTH_COLON
    column = place.column + (found.start("colon") if wide else 0)
    fault = Fault("E102" if wide else "E103", Place(place.file, place.line, column), {"key": found["key"], "near": f"{found['key']}: {rest[:1]}…"})
    return Slip(fault, place.line, f"{head}{found['key']}: {rest}")


def _without_comment(text: str) -> str:
    return re.sub(r"(^|\s+)#.*", "", text).strip()


@dataclass(frozen=True)
class _Complaint:
    """One complaint; `lines` count from 1."""

    error: yaml.MarkedYAMLError
    lines: list[str]
    file: str

    def slip(self) -> Slip:
        mark = (self.error.context_mark if self.error.problem == NO_COLON else None) or self.error.problem_mark or self.error.context_mark
        line, column = (mark.line + 1, mark.column + 1) if mark else (0, 0)
        line = min(line, len(self.lines) - 1)
        if "\t" in self.lines[line][: column or None]:
            return self._at("E101", line, self.lines[line].index("\t") + 1)
        if self.error.problem in {NO_COLON, RAN_ON}:
            return self._colon(line, column)
        stuck = self._stuck(line, column)
        if stuck is not None:
            return stuck
        return self._bracket(line, column) or self._other(line, column)

    def _at(self, code: str, line: int, column: int, **values: object) -> Slip:
        return Slip(Fault(code, Place(self.file, line, column), values), line)

    def _colon(self, line: int, column: int) -> Slip:
        """A line that was read on into the next one, or two colons in a line."""
        before = line
        if self.error.problem == RAN_ON and not re.search(r":(\s|$)", self.lines[line][: column - 1]):
            before = self._before(line)
        elif self.error.problem == RAN_ON:
            return self._meant(line) or self._at("E140", line, column)
        text = self.lines[before]
        meant = self._meant(before)
        if meant is not None:
            return meant
        if before != line and re.search(r":(\s|$)", text):
            return self._at("E139", line, len(self.lines[line]) - len(self.lines[line].lstrip()) + 1)
        return self._signs(before) or self._at("E145", before, len(text) - len(text.lstrip()) + 1)

    def _before(self, line: int) -> int:
        """The line before with more than a comment in it."""
        return next((number for number in range(line - 1, 0, -1) if re.match(r"\s*[^\s#]", self.lines[number])), line)

    def _meant(self, line: int) -> Slip | None:
        """A line that was meant as a key and its value."""
        text = self.lines[line]
        meant = colon_of(text)
        if meant is None:
            return None
        code, key, rest = meant
        spot = text.index(FULL_WIDTH_COLON if code == "E102" else ":")
        column = spot + 1 if code == "E102" else len(text) - len(text.lstrip()) + 1
        fault = Fault(code, Place(self.file, line, column), {"key": key, "near": f"{key}: {rest}".strip()})
        return Slip(fault, line, f"{text[:spot].rstrip()}: {text[spot + 1 :].lstrip()}")

    def _stuck(self, line: int, column: int) -> Slip | None:
        """A bracket that follows a colon without a blank, or a full-width colon: `lead_to:{…}`."""
        text = self.lines[line]
        wide = len(text[: max(column - 1, 0)].rstrip()) - 1
        spot = wide if text[wide : wide + 1] == FULL_WIDTH_COLON else column - 2  # blanks may follow a full-width colon
        code = {":": "E103", FULL_WIDTH_COLON: "E102"}.get(text[spot : spot + 1]) if spot > 0 else None
        key = re.search(r"[A-Za-z_][\w-]*\Z", text[: max(spot, 0)])
        if code is None or key is None:
            return None
        fault = Fault(
            code,
            Place(self.file, line, (spot if code == "E102" else key.start()) + 1),
            {"key": key[0], "near": f"{key[0]}: {text[spot + 1 :].lstrip()[:1]}…"},
        )
        return Slip(fault, line, f"{text[:spot]}: {text[spot + 1 :].lstrip()}")

    def _bracket(self, line: int, column: int) -> Slip | None:
        """A bracket or a quote that was opened and not closed: told where it was opened, if that is another line."""
        context, opened = str(self.error.context), self.error.context_mark
        if opened is None or not ("flow" in context or "quoted" in context):
            return None
        sign = self.lines[opened.line + 1][opened.column : opened.column + 1]
        if "quoted" in context:
            return self._at("E138", opened.line + 1, opened.column + 1, sign=sign)
        here = (line, column) if line == opened.line + 1 else (opened.line + 1, opened.column + 1)
        return self._signs(opened.line + 1) or self._at("E137", *here, sign=sign, end={"[": "]", "{": "}"}.get(sign, sign))

    def _other(self, line: int, column: int) -> Slip:
        problem = str(self.error.problem)
        signs = self._signs(line)
        if signs is not None:
            return signs
        if "cannot start any token" in problem or "expected alphabetic" in problem or "tag" in str(self.error.context):
            return self._at("E143", line, column, sign=self.lines[line][column - 1 : column])
        if any(words in problem for words in ("block end", "not allowed", "document start")):
            return self._meant(self._before(line)) or self._at("E139", line, column)
        return self._at("E144", line, column)

    def _signs(self, line: int) -> Slip | None:
        """Full-width brackets and quotes, which are text to YAML."""
        spots = [spot for spot, sign in enumerate(self.lines[line]) if sign in FULL_WIDTH_SIGNS]
        return self._at("E146", line, spots[0] + 1, sign=self.lines[line][spots[0]]) if spots else None
