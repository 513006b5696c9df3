"""Whether something in the HTML of a mail can be seen: shown at all, not tiny, and in another colour than what is behind it."""

import re
from dataclasses import dataclass, replace
from html.parser import HTMLParser

SMALLEST_PX = 9.0
SIZE = re.compile(r"font-size\s*:\s*([0-9.]+)px", re.IGNORECASE)
COLOUR = re.compile(r"(?:^|;)\s*color\s*:\s*(#[0-9a-f]{3,6}|[a-z]+)", re.IGNORECASE)
BEHIND = re.compile(r"background(?:-color)?\s*:\s*(#[0-9a-f]{3,6}|[a-z]+)", re.IGNORECASE)
GONE = re.compile(r"display\s*:\s*none|visibility\s*:\s*hidden|opacity\s*:\s*0(?:\.0*)?\s*(?:;|$)|mso-hide\s*:\s*all", re.IGNORECASE)
UNSHOWN = frozenset({"head", "style", "script", "title", "template"})
VOID = frozenset({"area", "br", "col", "hr", "img", "input", "link", "meta", "source", "wbr"})
NAMED = {"white": "#ffffff", "black": "#000000"}


@dataclass(frozen=True)
class Look:
    """How text looks inside an element."""

    tag: str = ""
    shown: bool = True
    pixels: float = 16.0
    colour: str = "#000000"
    behind: str = "#ffffff"
    link: str = ""

    @property
    def seen(self) -> bool:
        return self.shown and self.pixels >= SMALLEST_PX and self.colour != self.behind


def seen_text(html: str) -> tuple[str, frozenset[str]]:
    """All the text that can be seen, and the targets of all links that have any."""
    reader = _Reader()
    reader.feed(html)
    reader.close()
    return "".join(reader.texts), frozenset(reader.links)


class _Reader(HTMLParser):
    """Keeps how each open element looks."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.looks, self.texts, self.links = [Look()], list[str](), set[str]()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in VOID:
            return
        given, outer = {name: value or "" for name, value in attrs}, self.looks[-1]
        style = given.get("style", "")
        size, colour, behind = SIZE.search(style), COLOUR.search(style), BEHIND.search(style)
        self.looks.append(
            replace(
                outer,
                tag=tag,
                shown=outer.shown and tag not in UNSHOWN and "hidden" not in given and not GONE.search(style),
                pixels=float(size[1]) if size else outer.pixels,
                colour=_full(colour[1]) if colour else outer.colour,
                behind=_full(behind[1] if behind else given.get("bgcolor", "")) or outer.behind,
                link=given.get("href", outer.link) if tag == "a" else outer.link,
            )
        )

    def handle_endtag(self, tag: str) -> None:
        open_tags = [look.tag for look in self.looks]
        if tag in open_tags[1:]:
            del self.looks[len(open_tags) - 1 - open_tags[::-1].index(tag) :]

    def handle_data(self, data: str) -> None:
        look = self.looks[-1]
        if look.seen:
            self.texts.append(data)
            if look.link and data.strip():
                self.links.add(look.link)


def _full(colour: str) -> str:
    """`#abc` and `#AABBCC` are one colour."""
    low = NAMED.get(colour.lower(), colour.lower())
    return "#" + "".join(each * 2 for each in low[1:]) if re.fullmatch("#[0-9a-f]{3}", low) else low
