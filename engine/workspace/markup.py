"""What the HTML of a mail may hold: nothing that acts, links and images by https or mailto, and blanks only where a value stays a value."""

import re
from collections.abc import Iterator
from functools import lru_cache
from html.parser import HTMLParser

BLANK, BLOCK = re.compile(r"\{\{\s*(.*?)\s*\}\}", re.DOTALL), re.compile(r"\{%.*?%\}", re.DOTALL)
MARK = re.compile("\ue000(\\d+)\ue001")
OPENED = re.compile("<[/!?]?\\s*\ue000\\d+\ue001")  # whose value would be the name of an element
QUOTED = re.compile(r"\"[^\"]*\"|'[^']*'")
ACTING = frozenset(
    {"script", "iframe", "frame", "frameset", "object", "embed", "applet", "form", "input", "button", "textarea", "select", "base", "svg", "math"}
)
TARGETS = frozenset(
    {"href", "src", "srcset", "background", "action", "formaction", "poster", "cite", "data", "longdesc", "xlink:href", "dynsrc", "lowsrc"}
)
TARGET = re.compile(r"(?:https://[^\s/\\@]+(?:[/?#].*)?|mailto:.*|#.*)\Z", re.IGNORECASE | re.DOTALL)
WHOLE_TARGETS = re.compile(r"link\.url|imprint\.refuse|answer\.\w+")  # https or mailto: checked when they are filled in, or made by us
URL_IN_STYLE = re.compile(
    r"url\s*\(\s*['\"]?(?!\s*https://)|@import\s*(?!\s|url\s*\()|expression\s*\(|javascript:|behavior\s*:|-moz-binding", re.IGNORECASE
)
SHOWN = 80  # characters of what is wrong that are repeated


@lru_cache(maxsize=1024)
def unsafe(html: str) -> str | None:
    """The first thing of a laid-out mail, with its blanks still open, that may not stand there; None if all is well."""
    names = [match[1] for match in BLANK.finditer(html)]
    numbers = iter(range(len(names)))
    seen, marked = _Seen(names), BLANK.sub(lambda _: f"\ue000{next(numbers)}\ue001", BLOCK.sub("", html))
    if (opened := OPENED.search(marked)) is not None:
        return seen.shown(opened[0])
    seen.feed(marked)
    seen.close()
    return next(iter(seen.wrong), None)


class _Seen(HTMLParser):
    """Reads as mail programs do; `wrong` holds what may not be, in the order in which it was found."""

    def __init__(self, names: list[str]) -> None:
        super().__init__(convert_charrefs=True)
        self.names, self.wrong = names, list[str]()
        self._styled = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        raw = self.get_starttag_text() or tag
        refresh = tag == "meta" and any(name == "http-equiv" and (value or "").lower() == "refresh" for name, value in attrs)
        if tag in ACTING or refresh or MARK.search(QUOTED.sub("", raw)):  # an unquoted value ends at its first blank
            self._add(raw)
        self._styled = tag == "style"
        for name, value in attrs:
            if self._is_wrong(name, value or ""):
                self._add(f'{name}="{value or ""}"')

    def _is_wrong(self, name: str, value: str) -> bool:
        if name.startswith("on") or MARK.search(name) or name == "srcdoc":
            return True
        if name == "style":
            return MARK.search(value) is not None or URL_IN_STYLE.search(value) is not None
        return name in TARGETS and not self._leads_safely(value.strip())

    def _leads_safely(self, value: str) -> bool:
        """A whole target of ours; else the scheme and the host are written out, before anything is filled in."""
        first = MARK.match(value)
        if first is not None:
            return first.end() == len(value) and WHOLE_TARGETS.fullmatch(self.names[int(first[1])]) is not None
        host = value.removeprefix("https://").partition("/")[0]
        return not value or (TARGET.match(value) is not None and (value.startswith("mailto:") or "\ue000" not in host))

    def handle_endtag(self, tag: str) -> None:
        self._styled = False

    def handle_data(self, data: str) -> None:
        if self._styled and (MARK.search(data) or URL_IN_STYLE.search(data)):
            self._add(next(self._lines(data), "style"))

    def handle_comment(self, data: str) -> None:
        """What Outlook alone reads is read here too."""
        condition, _, inside = data.partition("]>")
        if condition.startswith("[if"):
            reader = _Seen(self.names)
            reader.feed(inside.removesuffix("<![endif]"))
            self.wrong += reader.wrong

    def _lines(self, data: str) -> Iterator[str]:
        return (line.strip() for line in data.splitlines() if MARK.search(line) or URL_IN_STYLE.search(line))

    def _add(self, found: str) -> None:
        self.wrong.append(self.shown(found))

    def shown(self, found: str) -> str:
        """With its blanks as they were written."""
        return MARK.sub(lambda mark: "{{ " + self.names[int(mark[1])] + " }}", found)[:SHOWN]
