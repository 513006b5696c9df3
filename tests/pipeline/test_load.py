"""However often, in whatever pieces and in whatever order a file comes: what it says is known once, and from then on."""

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import pytest

from engine.ledger import records as ledger_records
from engine.pipeline.compact import compact
from engine.pipeline.load import Loaded, Origin, load
from engine.pipeline.plan import Planned, plan
from engine.rulebook.python import Known
from tests.builders import AZURE, at
from tests.story import Story, quiet

NIGHT = "2026-04-07 02:00"
ACCOUNTS = (AZURE, "midori")


def row(number: int, event: str, moment: str, company: str = AZURE, **more: object) -> str:
    values = {"id": str(number), "company": company, "user": "tanaka", "event": event, "at": f"{moment}:00+09:00", "props": None, **more}
    return json.dumps(values, ensure_ascii=False) + "\n"


LOG = [
    row(1, "account_issued", "2026-03-24T10:00"),
    row(2, "login", "2026-03-30T10:00"),
    row(3, "setting_error", "2026-04-03T10:00"),
    row(4, "setting_error", "2026-04-03T10:00"),
    row(5, "account_issued", "2026-03-24T10:00", "midori"),
    row(6, "login", "2026-03-31T10:00", "midori"),
    row(7, "setting_error", "2026-04-05T10:00"),
    row(8, "settings_completed", "2026-04-05T18:00", "midori"),
]
WHOLE = "".join(LOG)
CRM = "id,company,user,event,field,value,at\n1,aozora,tanaka,,email,tanaka@aozora.example.jp,2026-03-24T10:00:00+09:00\n"


class Desk:
    """Loads what is laid on it."""

    def __init__(self, story: Story, data: Path) -> None:
        self.story, self.data = story, data
        data.mkdir(exist_ok=True)

    def load(self, content: str, when: str = "2026-04-06 03:00", *, file: str = "product.jsonl", source: str = "product") -> Loaded:
        (self.data / file).write_text(content, encoding="utf-8")
        self.story.clock.set(at(when))
        (loaded,) = load(self.story.system, [source], Origin(self.data, {}), quiet)
        return loaded

    def outcome(self) -> tuple[Mapping[str, Mapping[str, Known]], Planned]:
        """Facts of all accounts, and what a night would decide."""
        self.story.heard(NIGHT)
        facts = {account: self.story.facts(NIGHT, account) for account in ACCOUNTS}
        return facts, plan(self.story.system, at(NIGHT), quiet)

    def stored(self) -> int:
        with self.story.system.records() as records:
            return int((records.duck.execute("SELECT count(*) FROM records WHERE source = 'product'").fetchone() or (0,))[0])


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
Outcome = tuple[Mapping[str, Mapping[str, Known]], Planned]


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


def test_the_summary_counts_what_was_new_and_what_was_there(desk: Desk) -> None:
    first = desk.load("".join(LOG[:5]))
    again = desk.load("".join(LOG[:5]))
    more = desk.load(WHOLE + LOG[0])
    assert (first.read, first.new, first.repeated, first.unchanged) == (5, 5, 0, False)
    assert (again.new, again.unchanged) == (0, True)
    assert (more.read, more.new, more.repeated) == (len(LOG) + 1, len(LOG) - 5, 6)


def test_an_unfinished_last_line_is_reported_and_left_out(desk: Desk) -> None:
    loaded = desk.load(WHOLE[:-5])
    assert (loaded.new, loaded.unfinished) == (len(LOG) - 1, (("product.jsonl", len(LOG)),))


def test_the_same_id_with_another_body_is_set_aside(desk: Desk) -> None:
    """What was known first stays; the contradiction waits for a person."""
    desk.load(CRM, file="crm.csv", source="crm")
    desk.load(WHOLE)
    before = desk.outcome()
    loaded = desk.load(WHOLE.replace(LOG[1], row(2, "settings_completed", "2026-03-30T10:00")), "2026-04-06 04:00")
    assert (loaded.new, loaded.refused) == (0, 1)
    assert desk.outcome() == before
    with desk.story.system.ledger.read() as connection:
        assert ledger_records.count_quarantine(connection) == {"product": 1}


def test_history_is_known_when_it_happened_and_news_when_it_comes(desk: Desk) -> None:
    """The first load is history. A row that comes late is invisible before it came, however old it says it is."""
    desk.load("".join(LOG[:7]), "2026-04-06 03:00")
    desk.story.heard("2026-03-30 09:00")
    assert desk.story.facts("2026-03-30 10:00")["next_step"] == "initial_settings"
    assert desk.story.facts("2026-03-30 09:59")["next_step"] == "first_login"
    desk.load(WHOLE + row(9, "settings_completed", "2026-04-01T10:00"), "2026-04-07 08:00")
    desk.story.heard("2026-04-07 07:59")
    assert desk.story.facts("2026-04-07 07:59")["next_step"] == "initial_settings"
    assert desk.story.facts("2026-04-07 08:00")["next_step"] == "flow_designed"
    compact(desk.story.system, quiet)
    assert desk.story.facts("2026-04-07 07:59")["next_step"] == "initial_settings"
    assert desk.story.facts("2026-04-07 08:00")["next_step"] == "flow_designed"


def test_a_row_loaded_at_the_very_instant_of_a_night_is_news_for_the_next(desk: Desk) -> None:
    """The night's instant is fixed; whatever is accepted afterwards is known later, even where the clock stands still."""
    desk.load(CRM, file="crm.csv", source="crm")
    desk.load("".join(LOG[:2]))
    desk.story.nightly(NIGHT)
    desk.load(WHOLE + row(9, "settings_completed", "2026-04-01T10:00"), NIGHT)
    assert desk.story.facts(NIGHT)["next_step"] == "initial_settings"
    desk.story.clock.advance(1)
    assert desk.story.decisions()["next-setting"][0] == "won"


def test_an_empty_load_keeps_a_source_fresh(desk: Desk) -> None:
    """Silence proves something only while somebody listens."""
    desk.load(WHOLE)
    assert desk.story.facts("2026-04-07 10:00")["errors_7"] == 3
    assert desk.story.facts("2026-04-09 10:00")["errors_7"] is None
    (desk.data / "product.jsonl").touch()
    desk.load(WHOLE, "2026-04-09 03:00")
    assert desk.story.facts("2026-04-09 10:00")["errors_7"] == 3
