"""The book of promises: what each file says of itself, what its last run reached, and the table of both in README.md.

A file `test_pNN_*.py` begins with "PNN: the promise as a user reads it." and says in its second paragraph how it is tried.
"""

import ast
import json
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

FOLDER = Path(__file__).parent
ROOT = FOLDER.parents[1]
BOOK, README = ROOT / "docs/promises.json", ROOT / "README.md"
RECORD = "BANSO_PROMISES_RECORD"  # names the file to which tests write what they reached; without it they write nothing
BEGIN, END = "<!-- promises: `make promises` writes this table -->\n", "<!-- end of promises -->\n"
HEAD = ("", "promise", "how it is tried", "reached", "seeds", "date")


@dataclass(frozen=True)
class Reached:
    """What one test of a promise reached: so many of a unit, from so many seeds, under so many faults."""

    promise: str
    number: int
    unit: str
    seeds: int = 0
    faults: int = 0


@dataclass(frozen=True)
class Entry:
    """A promise's last run: numbers by unit, in the order in which they were told."""

    date: str
    versions: str
    reached: Mapping[str, int]
    seeds: int
    faults: int


def name_of(path: Path) -> str:
    """`P7` of test_p07_….py."""
    found = re.fullmatch(r"test_p(\d\d)_\w+\.py", path.name)
    assert found, path
    return f"P{int(found[1])}"


def files() -> dict[str, Path]:
    """Each promise's file."""
    return {name_of(path): path for path in sorted(FOLDER.glob("test_p[0-9][0-9]_*.py"))}


def said(path: Path) -> tuple[str, str]:
    """The promise and how it is tried, as the file's first two paragraphs tell them."""
    paragraphs = (ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or "").split("\n\n")
    promise, how = (" ".join(each.split()) for each in [*paragraphs, ""][:2])
    assert promise.startswith(f"{name_of(path)}: "), f"{path.name} must begin with its promise"
    text = promise.partition(": ")[2].rstrip(".")
    return text[0].upper() + text[1:], how.rstrip(".")


def gather(told: Iterable[Reached], date: str, versions: str) -> dict[str, Entry]:
    """One entry for each promise of a run."""
    by_name: dict[str, list[Reached]] = {}
    for each in told:
        by_name.setdefault(each.promise, []).append(each)
    return {name: _entry(each, date, versions) for name, each in by_name.items()}


def _entry(told: Sequence[Reached], date: str, versions: str) -> Entry:
    numbers: Counter[str] = Counter()
    for each in sorted(told, key=lambda each: (-each.number, each.unit)):  # tests run in any order
        numbers[each.unit] += each.number
    return Entry(date, versions, dict(numbers), sum(each.seeds for each in told), sum(each.faults for each in told))


def read_book() -> dict[str, Entry]:
    return {name: Entry(**values) for name, values in json.loads(BOOK.read_text(encoding="utf-8")).items()} if BOOK.exists() else {}


def write_book(book: Mapping[str, Entry]) -> None:
    ordered = {name: asdict(book[name]) for name in sorted(book, key=_number)}
    BOOK.write_text(json.dumps(ordered, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    README.write_text(with_table(README.read_text(encoding="utf-8"), table(book)), encoding="utf-8")


def _number(name: str) -> int:
    return int(name[1:])


def table(book: Mapping[str, Entry]) -> str:
    """The rows of README.md: every promise that has its file; one whose numbers were not recorded yet says so."""
    rows = [
        HEAD,
        ["---"] * len(HEAD),
        *(_row(name, path, book.get(name)) for name, path in sorted(files().items(), key=lambda each: _number(each[0]))),
    ]
    return "".join(f"| {' | '.join(row)} |\n" for row in rows)


def _row(name: str, path: Path, entry: Entry | None) -> Sequence[str]:
    promise, how = said(path)
    head = [f"[{name}]({path.relative_to(ROOT)})", promise, how]
    if entry is None:
        return [*head, "not recorded yet", "", ""]
    numbers = [f"{number:,} {unit}" for unit, number in entry.reached.items()] + ([f"{entry.faults:,} faults"] if entry.faults else [])
    return [*head, ", ".join(numbers), f"{entry.seeds:,}" if entry.seeds else "", entry.date]


def table_in(readme: str) -> str:
    """What stands between the two markers."""
    return readme.partition(BEGIN)[2].partition(END)[0]


def with_table(readme: str, rows: str) -> str:
    before, begin, rest = readme.partition(BEGIN)
    _, end, after = rest.partition(END)
    assert begin, "README.md has lost the marker before the table of promises"
    assert end, "README.md has lost the marker after the table of promises"
    return before + begin + rows + end + after
