"""P8: a record that comes again changes nothing; the same id with other content waits for a person.

A log comes twice, in pieces, shuffled, from four loads at once, out of the lake and out of a load that broke at each of its statements; facts and
what a night would decide are the same as when it comes whole and once.
"""

import json
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from pathlib import Path
from random import Random
from typing import Any

import pytest
from sqlalchemy import event
from sqlalchemy.exc import OperationalError

from engine.errors import BansoError
from engine.ledger.open import StoreError
from engine.pipeline.compact import compact
from engine.pipeline.load import Origin, load
from engine.pipeline.system import System
from tests.builders import at
from tests.desk import CRM, LOG, WHOLE, Desk, Outcome, row
from tests.promises.conftest import Tell
from tests.promises.scale import scaled
from tests.story import Story, quiet

SHUFFLES = scaled(10, 1_000)
ATTEMPTS = 10_000  # to get hold of the lake; whoever finds it held is told at once


@pytest.fixture
def desk(story: Story, tmp_path: Path) -> Desk:
    return Desk(story, tmp_path / "data")


PIECES = {
    "twice the same file": [WHOLE, WHOLE],
    "half written, then whole": [WHOLE[: len(WHOLE) // 2], WHOLE],
    "only the last line's end is missing": [WHOLE[:-1], WHOLE],
    "in small pieces": [WHOLE[:-40], WHOLE[:-20], WHOLE, WHOLE],
    "one file after another under one name": ["".join(LOG[:3]), "".join(LOG[3:])],
    "in another order": ["".join(reversed(LOG)), WHOLE],
    "rows repeated within the file": [WHOLE + WHOLE + LOG[2]],
    "rows repeated in a later file": [WHOLE, LOG[4] + WHOLE + LOG[0]],
    "an empty file first": ["", WHOLE],
    "with the line ends of Windows": [WHOLE.replace("\n", "\r\n")],
}


@pytest.fixture(scope="module")
def once(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Outcome]:
    """What the whole file says when it comes whole and once."""
    story = Story(tmp_path_factory.mktemp("once"))
    desk = Desk(story, tmp_path_factory.mktemp("data"))
    desk.load(CRM, file="crm.csv", source="crm")
    desk.load(WHOLE)
    yield desk.outcome()
    story.close()


@pytest.mark.parametrize("pieces", PIECES.values(), ids=PIECES)
def test_however_a_file_comes_it_says_the_same(desk: Desk, once: Outcome, pieces: Sequence[str]) -> None:
    desk.load(CRM, file="crm.csv", source="crm")
    for hour, content in enumerate(pieces, 3):
        desk.load(content, f"2026-04-06 {hour:02d}:00")
    assert desk.outcome() == once
    assert desk.stored() == len(LOG)


def test_a_repeat_is_a_repeat_also_when_the_first_lies_in_the_lake(desk: Desk, once: Outcome) -> None:
    desk.load(CRM, file="crm.csv", source="crm")
    for minute, content in enumerate(content for pieces in PIECES.values() for content in pieces):
        desk.load(content, f"2026-04-06 03:{minute:02d}")
        compact(desk.story.system, quiet)
    assert desk.outcome() == once
    assert desk.stored() == len(LOG)


def test_the_same_id_with_another_body_is_set_aside(desk: Desk) -> None:
    """What was known first stays; the contradiction waits for a person."""
    desk.load(CRM, file="crm.csv", source="crm")
    desk.load(WHOLE)
    before = desk.outcome()
    loaded = desk.load(WHOLE.replace(LOG[1], row(2, "settings_completed", "2026-03-30T10:00")), "2026-04-06 04:00")
    assert (loaded.new, loaded.refused) == (0, 1)
    assert desk.outcome() == before
    assert desk.set_aside() == {"product": 1}


def test_batches_that_come_ten_times_and_shuffled(desk: Desk, once: Outcome, reached: Tell) -> None:
    """Of each shuffle a random part, some lines twice, and every tenth contradicts what is known."""
    desk.load(CRM, file="crm.csv", source="crm")
    desk.load(WHOLE)
    random, contradictions = Random(8), set[str]()
    for number in range(SHUFFLES):
        lines = random.sample(LOG, random.randrange(1, len(LOG))) + random.choices(LOG, k=3)
        if number % 10 == 0:
            other = json.dumps({**json.loads(random.choice(LOG)), "user": f"somebody-{number}"}) + "\n"
            contradictions.add(other)
            lines = [line for line in lines if json.loads(line)["id"] != json.loads(other)["id"]] + [other]
        random.shuffle(lines)
        desk.load("".join(lines), f"2026-04-06 04:{number % 60:02d}")
    assert desk.outcome() == once
    assert desk.stored() == len(LOG)
    assert desk.set_aside() == {"product": len(contradictions)}
    reached(SHUFFLES, "shuffled batches")
    reached(len(contradictions), "contradictions")


def test_loads_at_the_same_time_on_both_ledgers(on_both: Story, once: Outcome, tmp_path: Path, reached: Tell) -> None:
    """Whoever finds the lake held gives up and comes again, as people and schedulers do."""
    desk = Desk(on_both, tmp_path / "data")
    desk.load(CRM, file="crm.csv", source="crm")
    (desk.data / "product.jsonl").write_text(WHOLE, encoding="utf-8")
    on_both.clock.set(at("2026-04-06 03:00"))

    def again(_: int) -> int:
        with closing(System(on_both.config, on_both.clock)) as system:
            for _attempt in range(ATTEMPTS):
                with suppress(BansoError):
                    return load(system, ["product"], Origin(desk.data, {}), quiet)[0].new
        raise AssertionError("never came through")

    with ThreadPoolExecutor(4) as pool:
        assert sum(pool.map(again, range(4))) == len(LOG)
    assert desk.outcome() == once
    assert desk.stored() == len(LOG)
    reached(4, "loads at once")


def broken_at(story: Story, statement: int) -> bool:
    """Let the so-manieth statement of the next load fail; tells whether it came so far."""
    left = [statement]

    def refuse(_connection: Any, _cursor: Any, text: str, parameters: Any, *_: Any) -> None:
        left[0] -= 1
        if left[0] == 0:
            raise OperationalError(text, parameters, Exception("server closed the connection"))

    event.listen(story.system.ledger.engine, "before_cursor_execute", refuse)
    try:
        with pytest.raises(StoreError):
            load(story.system, ["product"], Origin(story.folder / "data", {}), quiet)
    except pytest.fail.Exception:
        return False
    finally:
        event.remove(story.system.ledger.engine, "before_cursor_execute", refuse)
    return True


def test_a_load_that_breaks_at_any_statement_and_comes_again(desk: Desk, once: Outcome, reached: Tell) -> None:
    desk.load(CRM, file="crm.csv", source="crm")
    (desk.data / "product.jsonl").write_text(WHOLE, encoding="utf-8")
    broken = 0
    while broken_at(desk.story, broken + 1):
        broken += 1
        desk.story.clock.advance(3_600_000_000)
    desk.load(WHOLE)
    assert broken > 5
    assert desk.outcome() == once
    assert desk.stored() == len(LOG)
    reached(broken, "loads that broke", faults=broken)
