"""Blanks that look like one and are none to YAML: told where they stand, and read as what they look like, so that the rest is checked in the same run."""

import re

from engine.errors import Fault, Place

HIDDEN = "\u00a0\u2000-\u200d\u202f\u205f\u2060\ufeff"
WITHOUT_WIDTH = re.compile("[\u200b-\u200d\u2060\ufeff]")
ANY = re.compile(f"[{HIDDEN}]")
HEAD = re.compile(r"[^\"'#]*")  # up to the first quote or comment
# Where they change what is read: in the indentation, behind a sign of YAML, and at the end of a value.
SPOT = re.compile(rf"(?:^[ \u3000]*(?:- *)?|[:,\[{{] *)[{HIDDEN}]|[{HIDDEN}](?=[ {HIDDEN}]*(?:$|[,\]}}:]))")


def without_hidden(text: str, file: str) -> tuple[str, list[Fault]]:
    """The text with plain blanks in their place, and one fault for each line that held any."""
    if ANY.search(text) is None:
        return text, []
    lines, faults = text.split("\n"), list[Fault]()
    for number, line in enumerate(lines, start=1):
        head = HEAD.match(line)
        assert head is not None
        found = SPOT.search(head[0])
        if found is None:
            continue
        column = found.end()
        faults.append(Fault("E147", Place(file, number, column), {"sign": f"U+{ord(line[column - 1]):04X}"}))
        lines[number - 1] = ANY.sub(" ", WITHOUT_WIDTH.sub("", head[0])) + line[head.end() :]
    return "\n".join(lines), faults
