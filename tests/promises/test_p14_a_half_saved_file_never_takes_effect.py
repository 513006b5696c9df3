"""P14: a rule file that is half saved never takes effect, and whoever saved it badly is told where.

A real rule file is cut at drawn bytes, at every one for a release, while it is being saved, and left cut; files vanish, change their encoding, hold bombs, and whole workspaces are
swapped by a link or in the middle of a night. The last good set stays, every decision names one set, and every fault names its file and line.
"""

import shutil
from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest

from engine.config import Config
from engine.errors import Fault
from engine.pipeline import matched
from engine.pipeline.nightly import nightly
from engine.pipeline.system import System
from engine.testing import HandClock
from tests.builders import a_stalled_customer, at
from tests.promises.conftest import Tell
from tests.promises.scale import scaled
from tests.story import SPACE, Story

FILE = "rules/push.yaml"
LENGTH = (SPACE / FILE).stat().st_size
WHILE_SAVED = scaled(400, LENGTH)  # cuts of a file that is found changed for the first time
LEFT = scaled(60, LENGTH)  # cuts that stay
LAST_LINES = 12  # bytes at the end of the file that are always among them


@pytest.fixture
def space(tmp_path: Path) -> Path:
    """A copy of the workspace that may be spoiled."""
    for folder in ("rules", "templates"):
        shutil.copytree(SPACE / folder, tmp_path / "space" / folder)
    return tmp_path / "space"


@pytest.fixture
def system(space: Path, tmp_path: Path) -> Iterator[System]:
    """A process that has been at work with the good set."""
    system = System(Config(workspace=space, state=tmp_path / "state"), HandClock(at("2026-04-07 02:00")))
    assert system.workspace
    yield system
    system.close()


def looked(system: System, *, again: bool) -> str:
    """The hash of the set in force after a look at the files; `again`: after they were found the same for long enough."""
    system.look_seconds, system._looked_at = (0.0 if again else 1e9), float("-inf")
    return system.workspace.hash


def cuts(number: int) -> list[int]:
    """Drawn places to cut the file at, its last lines among them; all of them where so many are asked for."""
    drawn = range(LENGTH) if number >= LENGTH else {*Random(14).sample(range(LENGTH), number), *range(LENGTH - LAST_LINES, LENGTH)}
    return sorted(drawn)


def tells_where(faults: tuple[Fault, ...]) -> bool:
    return bool(faults) and all(fault.place.file for fault in faults)


def test_a_file_that_is_being_saved_changes_nothing(space: Path, system: System, reached: Tell) -> None:
    good, whole = system.workspace.hash, (space / FILE).read_bytes()
    for cut in cuts(WHILE_SAVED):
        (space / FILE).write_bytes(whole[:cut])
        assert looked(system, again=False) == good, cut
    (space / FILE).write_bytes(whole)
    assert looked(system, again=True) == good
    assert system.faults == ()
    reached(len(cuts(WHILE_SAVED)), "cuts while it is saved", faults=len(cuts(WHILE_SAVED)))


def test_a_file_that_stays_cut_is_refused_with_its_place(space: Path, system: System, reached: Tell) -> None:
    """But for what is a whole file as well: the last lines of the last rule may be left out, and no program can tell that they were meant to be there."""
    good, whole, complete = system.workspace, (space / FILE).read_bytes(), 0
    last_rule = whole.rindex(b"\n\n")
    for cut in cuts(LEFT):
        (space / FILE).write_bytes(whole[:cut])
        before, in_force = system._workspace, looked(system, again=True)
        if system.faults:
            assert tells_where(system.faults), cut
            assert before is not None
            assert in_force == before.hash, cut
        else:
            assert cut > last_rule, f"a set without whole rules took effect at {cut}"
            assert system.workspace.rules.keys() == good.rules.keys(), cut
            complete += 1
    assert complete < LAST_LINES
    reached(len(cuts(LEFT)), "cuts that stay", faults=len(cuts(LEFT)))


@pytest.mark.parametrize(
    "spoil",
    [
        pytest.param(lambda path: path.unlink(), id="the file vanishes"),
        pytest.param(lambda path: path.write_bytes(b""), id="the file is empty"),
        pytest.param(lambda path: path.write_bytes(path.read_bytes().decode().encode("cp932", "replace")), id="CP932"),
        pytest.param(lambda path: path.write_bytes(path.read_bytes().decode().encode("utf-16")), id="UTF-16"),
        pytest.param(lambda path: path.write_bytes(path.read_bytes() + b"\xe6\x96"), id="half a letter"),
        pytest.param(lambda path: path.write_bytes(path.read_bytes().replace(b"rules:", b"rules:\x00")), id="NUL"),
        pytest.param(lambda path: path.write_bytes(b"a: &a [x]\nb: [*a, *a]\n"), id="aliases"),
        pytest.param(lambda path: path.write_bytes(b"[" * 20_000), id="20,000 brackets"),
        pytest.param(lambda path: path.write_bytes(path.read_bytes() * 400), id="two megabytes"),
        pytest.param(lambda path: (path.unlink(), path.mkdir()), id="a folder in its place"),
        pytest.param(lambda path: (path.unlink(), path.symlink_to("nowhere")), id="a link to nowhere"),
        pytest.param(lambda path: shutil.rmtree(path.parent), id="no rules at all"),
    ],
)
def test_a_file_that_cannot_be_read_leaves_the_last_good_set(space: Path, system: System, spoil: object, reached: Tell) -> None:
    good = system.workspace.hash
    spoil(space / FILE)  # type: ignore[operator]
    assert looked(system, again=True) == good
    assert tells_where(system.faults)
    shutil.rmtree(space / "rules", ignore_errors=True)
    shutil.copytree(SPACE / "rules", space / "rules")
    assert looked(system, again=True) == good
    assert system.faults == ()
    reached(1, "spoilt files", faults=1)


def test_a_link_that_is_turned_to_another_workspace_changes_all_of_it(space: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    shutil.copytree(space, other)
    push = other / FILE
    push.write_text(push.read_text(encoding="utf-8").replace("per: next_step}", "per: month}", 1), encoding="utf-8")
    link, new = tmp_path / "link", tmp_path / "new"
    link.symlink_to(space)
    new.symlink_to(other)
    system = System(Config(workspace=link, state=tmp_path / "state"), HandClock())
    before = system.workspace.hash
    new.rename(link)
    assert looked(system, again=False) == before
    changed = looked(system, again=True)
    assert changed == System(Config(workspace=other, state=tmp_path / "state"), HandClock()).workspace.hash != before


def test_a_set_that_is_swapped_while_a_night_decides_waits_for_the_next(story: Story, monkeypatch: pytest.MonkeyPatch, reached: Tell) -> None:
    monkeypatch.setattr(matched, "BATCH", 2)
    story.change_rules(FILE, "    title: 設定エラーが続くお客様にサポートセンターを案内\n", "    title: 設定エラーのお客様にサポートセンターを案内\n")
    story.given(*(a_stalled_customer(f"c{number}") for number in range(8)))
    story.clock.set(at("2026-04-07 02:00"))
    story.heard("2026-04-07 02:00")
    push, seen = story.config.workspace / FILE, {story.system.workspace.hash}

    def swap(_what: str, done: int, _total: int) -> None:
        push.write_text(push.read_text(encoding="utf-8") + f"# saved again after {done}\n", encoding="utf-8")
        seen.add(story.system.workspace.hash)

    before = story.system.workspace.hash
    nightly(story.system, story.clock.now(), swap)
    assert len(seen) > 3
    assert {row[9] for row in story.all_decisions()} == {before}
    assert {touch.rule_set for touch in story.touches()} == {before}
    assert story.dispatch("2026-04-07 09:00") == {"sent": 8}
    reached(len(seen) - 1, "swaps during a night")
