"""P10: one bad record never stops the rest; it is set aside with its reason, file and line.

One line in a hundred of a product log is poison: broken JSON, NaN, numbers of 5,000 digits, 100,000 brackets, bytes that are no UTF-8, halves of
letters, NUL, the years 0 and 9999, 10 MB in one field. All others are accepted, and exactly the poison is set aside.
"""

from collections import Counter
from collections.abc import Callable
from pathlib import Path
from random import Random

import pytest
from sqlalchemy import select

from engine.ledger.tables import quarantine
from engine.pipeline.compact import compact
from engine.records.intake import Reason
from tests.desk import Desk, row
from tests.promises.conftest import Tell
from tests.promises.scale import scaled
from tests.story import Story, quiet

LINES = scaled(3_000, 1_000_000)
SHARE = 100  # of so many lines one is poison


def good(number: int, *, event: str = "login", company: str | None = None, **more: object) -> bytes:
    return row(number, event, "2026-03-30T10:00", f"c{number % 97:02d}" if company is None else company, **more).encode()


def replaced(old: bytes, new: bytes) -> Callable[[int], bytes]:
    def write(number: int) -> bytes:
        line = good(number)
        assert line.count(old) == 1, line
        return line.replace(old, new)

    return write


POISON: dict[str, tuple[Reason, Callable[[int], bytes]]] = {
    "half a line": (Reason.STRUCTURE, lambda number: good(number)[:-30] + b"\n"),
    "no object": (Reason.STRUCTURE, lambda number: b'["' + str(number).encode() + b'"]\n'),
    "no JSON": (Reason.STRUCTURE, lambda number: f"<log n='{number}'/>\n".encode()),
    "NaN": (Reason.BAD_PROPERTIES, replaced(b'"props": null', b'"props": {"a": NaN}')),
    "100,000 brackets": (Reason.VALUE_TOO_LONG, replaced(b'"props": null', b'"props": ' + b"[" * 100_000 + b"]" * 100_000)),
    "minus infinity": (Reason.BAD_PROPERTIES, replaced(b'"props": null', b'"props": {"a": [-Infinity, "NaN"]}')),
    "no UTF-8": (Reason.STRUCTURE, replaced(b'"user": "tanaka"', b'"user": "\xff\xfetanaka"')),
    "half a letter": (Reason.STRUCTURE, replaced(b'"user": "tanaka"', b'"user": "\\ud83dtanaka"')),
    "5,000 digits": (Reason.BAD_PROPERTIES, replaced(b'"props": null', b'"props": ' + b"9" * 5_000)),
    "NUL": (Reason.STRUCTURE, replaced(b'"user": "tanaka"', b'"user": "\x00tanaka"')),
    "year 0": (Reason.TIME_OUT_OF_RANGE, lambda number: good(number).replace(b"2026-03-30", b"0000-03-30")),
    "year 9999": (Reason.TIME_OUT_OF_RANGE, lambda number: good(number).replace(b"2026-03-30", b"9999-03-30")),
    "no time": (Reason.NO_TIME, lambda number: good(number).replace(b"2026-03-30T", b"yesterday ")),
    "no account": (Reason.NO_ACCOUNT, lambda number: good(number, company="")),
    "a stranger's event": (Reason.BAD_NAME, lambda number: good(number, event="log in!")),
    "10 MB": (Reason.VALUE_TOO_LONG, lambda number: good(number, user="株" * 3_500_000)),
}


@pytest.fixture
def desk(story: Story, tmp_path: Path) -> Desk:
    return Desk(story, tmp_path / "data")


def set_aside(desk: Desk) -> list[tuple[str, int]]:
    """(reason, line) of everything in the quarantine."""
    with desk.story.system.ledger.read() as connection:
        return sorted((row.reason, row.line) for row in connection.execute(select(quarantine.c.reason, quarantine.c.line)))


@pytest.mark.parametrize("poison", POISON)
def test_a_bad_line_is_set_aside_with_its_reason_and_its_neighbours_are_accepted(desk: Desk, poison: str, reached: Tell) -> None:
    reason, write = POISON[poison]
    (desk.data / "product.jsonl").write_bytes(good(1) + write(2) + good(3))
    loaded = desk.load_what_is_there("2026-04-06 03:00")
    assert (loaded.new, loaded.refused) == (2, 1)
    assert set_aside(desk) == [(reason, 2)]
    reached(1, "kinds of poison", faults=1)


@pytest.mark.parametrize("props", [{"a": 'NaN, "inf" \\'}, {"naïf": None, "b": [False, -1e300]}, {"a": "👩\u200d👩", "b": {"c": []}}, {}], ids=repr)
def test_what_only_looks_bad_is_accepted(desk: Desk, props: object) -> None:
    (desk.data / "product.jsonl").write_bytes(good(1, props=props))
    assert desk.load_what_is_there("2026-04-06 03:00").new == 1


def test_one_in_a_hundred_is_poison_and_exactly_that_is_set_aside(desk: Desk, reached: Tell) -> None:
    random, expected = Random(10), list[tuple[str, int]]()
    large = {"10 MB", "100,000 brackets"}
    with (desk.data / "product.jsonl").open("wb") as log:
        for number in range(1, LINES + 1):
            if number % SHARE:
                log.write(good(number))
                continue
            name = random.choice([name for name in POISON if name not in large] if len(expected) > len(POISON) else sorted(POISON))
            reason, write = POISON[name]
            log.write(write(number))
            expected.append((reason, number))
    loaded = desk.load_what_is_there("2026-04-06 03:00")
    assert set_aside(desk) == sorted(expected)
    assert (loaded.read, loaded.new, loaded.refused) == (
        LINES - Counter(reason for reason, _ in expected)[Reason.STRUCTURE],
        LINES - len(expected),
        len(expected),
    )
    again = desk.load_what_is_there("2026-04-06 04:00")
    compact(desk.story.system, quiet)
    assert (again.new, desk.set_aside(), desk.stored()) == (0, {"product": len(expected)}, LINES - len(expected))
    reached(LINES, "lines", seeds=1, faults=len(expected))
