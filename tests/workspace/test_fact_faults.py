"""What is wrong with a fact, or with what facts are made of, is told with its place; the example workspace gets one fault at a time."""

import shutil
from pathlib import Path

import pytest

from engine.channels import CHANNELS
from engine.errors import BansoError, Place
from engine.workspace.load import load_workspace

ROOT = Path(__file__).parent / "space"
BEFORE = {"rules/facts.yaml": "facts:", "rules/goals.yaml": "goals:", "rules/workspace.yaml": "channels:", "rules/route.yaml": "steps:"}


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    for folder in ("rules", "templates"):
        shutil.copytree(ROOT / folder, tmp_path / folder)
    return tmp_path


def add(root: Path, file: str, lines: str) -> None:
    """Write lines right after the first line that begins the section, or before it where they begin one of their own."""
    path = root / file
    text = path.read_text(encoding="utf-8")
    start = text.index(BEFORE[file])
    end = text.index("\n", start) + 1 if lines.startswith(" ") else start
    path.write_text(text[:end] + lines + text[end:], encoding="utf-8")


def place_of(root: Path, file: str, mark: str) -> Place:
    """Line and column at which `mark` stands for the first time."""
    text = (root / file).read_text(encoding="utf-8")
    start = text.index(mark)
    return Place(file, text[:start].count("\n") + 1, start - text.rfind("\n", 0, start))


def faults_of(root: Path) -> list[tuple[str, Place]]:
    with pytest.raises(BansoError) as caught:
        load_workspace(root, frozenset(CHANNELS))
    return [(fault.code, fault.place) for fault in caught.value.faults]


FACTS = [
    pytest.param("rate: timing, of: mails_7", "timing, of", "E311", id="a part that is no number"),
    pytest.param("rate: mails_7, of: will", "will}", "E311", id="a whole that is no number"),
    pytest.param("rate: mails_7, of: mails_8", "mails_8", "E201", id="a whole nobody wrote"),
    pytest.param("rate: mails_7, of: mails_7, base_at_least: 0", "0}", "E304", id="a base of nothing"),
    pytest.param("rate: mails_7", "probe", "E106", id="no whole"),
    pytest.param("rate: probe, of: mails_7", "{label: x, rate: probe", "E405", id="a rate of itself"),
    pytest.param("days_until: mails_7", "mails_7}", "E311", id="days until a number"),
]


@pytest.mark.parametrize(("written", "mark", "code"), FACTS)
def test_a_wrong_fact_is_told_where_it_is_wrong(copy: Path, written: str, mark: str, code: str) -> None:
    add(copy, "rules/facts.yaml", f"  probe: {{label: x, {written}}}\n")
    assert faults_of(copy) == [(code, place_of(copy, "rules/facts.yaml", mark))]


CHANNELS_WRITTEN = [
    pytest.param("touch: popup_shown", "popup_shown", "E309", id="no event"),
    pytest.param("touch: popups.shown", "popups.shown", "E207", id="a touch that nobody writes"),
    pytest.param("touch: mail.sent, response: [mail.clicked, produkt.login]", "produkt.login", "E207", id="an answer that nobody delivers"),
]


@pytest.mark.parametrize(("written", "mark", "code"), CHANNELS_WRITTEN)
def test_a_wrong_channel_is_told_where_it_is_wrong(copy: Path, written: str, mark: str, code: str) -> None:
    add(copy, "rules/workspace.yaml", f"  probe: {{label: x, valid_days: 1, {written}}}\n")
    assert faults_of(copy) == [(code, place_of(copy, "rules/workspace.yaml", mark))]


@pytest.mark.parametrize("more", ["", ", touch: mail.sent", ", response: [product.login]"])
def test_what_nobody_can_answer_cannot_be_ignored(copy: Path, more: str) -> None:
    add(copy, "rules/workspace.yaml", f"  probe: {{label: x, valid_days: 1{more}}}\n")
    add(copy, "rules/facts.yaml", "  probe: {label: x, ignored_in_row: probe}\n")
    assert faults_of(copy) == [("E204", place_of(copy, "rules/facts.yaml", "probe}"))]


HEALTH = """health:
  items:
    - {label: x, when: [{active_28: {at_least: 8}}], points: 60}
    - {label: y, when: [{open_cases: {at_most: 0}}], points: 40}
  bands: {red: 0, yellow: 40, green: 70}
"""
HEALTHS = [
    pytest.param("points: 40", "points: 41", "- {label: x", "E320", id="more than 100 points"),
    pytest.param("red: 0", "red: 1", "{red:", "E321", id="a lowest band above nothing"),
    pytest.param("yellow: 40", "yellow: 70", "{red:", "E321", id="two bands at one point"),
    pytest.param("open_cases", "health_points", "[{health_points", "E405", id="a score that rests on itself"),
    pytest.param("open_cases", "open_case", "open_case:", "E201", id="an item on an unknown fact"),
    pytest.param("points: 60", "point: 60", "point:", "E105", id="an unknown key"),
]


@pytest.mark.parametrize(("meant", "typed", "mark", "code"), HEALTHS)
def test_a_wrong_health_is_told_where_it_is_wrong(copy: Path, meant: str, typed: str, mark: str, code: str) -> None:
    add(copy, "rules/goals.yaml", HEALTH.replace(meant, typed))
    assert faults_of(copy) == [(code, place_of(copy, "rules/goals.yaml", mark))]


def test_health_is_three_facts_more(copy: Path) -> None:
    add(copy, "rules/goals.yaml", HEALTH)
    add(copy, "rules/facts.yaml", "  probe: {label: x, rate: health_points, of: health_coverage}\n")
    facts = load_workspace(copy, frozenset(CHANNELS)).plan.facts
    assert [facts[name].unit for name in ("health", "health_points", "health_coverage")] == ["", "points", "percent"]
    assert list(facts["health"].type.values) == ["red", "yellow", "green"]
    assert set(facts["probe"].reads) == {"product.login", "support.case_opened", "support.case_closed"}


GOOD = "kind,from,to,value\nseason,2026-01-01,2026-03-31,prep\nyear,2026-01-01,2026-12-31,27卒\nseason,2026-04-01,2026-06-30,entry\n"
PERIODS = [
    pytest.param("season,2026-04-01", "season,2026-03-31", ["E323 4"], id="begins on the last day of the one before"),
    pytest.param("season,2026-04-01", "season,2025-12-31", ["E323 2"], id="begins before the first"),
    pytest.param("2026-06-30,entry", "2026-03-30,entry", ["E322 4"], id="ends before it begins"),
    pytest.param("2026-06-30,entry", "2026-06-31,entry", ["E322 4"], id="no such day"),
    pytest.param("2026-06-30,entry", "2026-06-30,", ["E322 4"], id="no value"),
    pytest.param("from", "form", ["E203", "E322 2", "E322 3", "E322 4"], id="a misspelt column"),
]


def write_calendar(root: Path, text: str, kind: str = "season") -> None:
    (root / "rules" / "seasons.csv").write_text(text, encoding="utf-8")
    add(root, "rules/facts.yaml", f"  probe: {{label: x, calendar: seasons.csv, kind: {kind}, labels: {{entry: エントリー}}}}\n")


@pytest.mark.parametrize(("meant", "typed", "earned"), PERIODS)
def test_a_wrong_calendar_is_told_with_its_line(copy: Path, meant: str, typed: str, earned: list[str]) -> None:
    write_calendar(copy, GOOD.replace(meant, typed))
    found = [(code, place) for code, place in faults_of(copy)]
    assert sorted(f"{code} {place.line}" if place.file == "rules/seasons.csv" else code for code, place in found) == earned


@pytest.mark.parametrize(
    ("file", "kind", "mark", "code"), [("seasons.csv", "season", "seasons.csv", "E125"), ("facts.yaml", "year", "year}", "E203")]
)
def test_a_calendar_that_is_not_there_is_told(copy: Path, file: str, kind: str, mark: str, code: str) -> None:
    if code == "E203":
        (copy / "rules" / "facts.yaml.csv").write_text(GOOD.replace("year", "term"), encoding="utf-8")
        file = "facts.yaml.csv"
    add(copy, "rules/facts.yaml", f"  probe: {{label: x, calendar: {file}, kind: {kind}}}\n")
    assert faults_of(copy) == [(code, place_of(copy, "rules/facts.yaml", mark))]


def test_a_calendar_has_its_values_in_file_order(copy: Path) -> None:
    write_calendar(copy, GOOD)
    assert list(load_workspace(copy, frozenset(CHANNELS)).plan.facts["probe"].type.values.items()) == [("prep", "prep"), ("entry", "エントリー")]


@pytest.mark.parametrize("named", ["main_will", "mails_7", "seasn"])
def test_a_step_starts_afresh_only_by_a_calendar(copy: Path, named: str) -> None:
    write_calendar(copy, GOOD)
    add(copy, "rules/route.yaml", f"  greeted: {{label: x, done_by: [product.greeted], each: {named}}}\n")
    assert faults_of(copy) == [("E311", place_of(copy, "rules/route.yaml", f"{named}}}"))]
