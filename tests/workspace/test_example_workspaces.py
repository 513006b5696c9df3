"""The two example workspaces are good, complete, and known by their content."""

import shutil
from pathlib import Path

import pytest

from engine.channels import CHANNELS
from engine.rulebook.actions import SendMail
from engine.workspace.content import TESTS, content_hash
from engine.workspace.load import load_workspace
from engine.workspace.model import Workspace

ROOT = Path(__file__).parents[2]
# yammer shows rules without tests of their own, not every step has a rule, and its data knows no names for the steps of a sign-up
MEANT = {"saiyo-cs": set[str](), "yammer": {"W404", "W504", "W505", "W506"}}
EXAMPLES = [pytest.param(ROOT, id="saiyo-navi"), pytest.param(ROOT / "examples" / "yammer", id="yammer")]


@pytest.fixture(params=EXAMPLES, scope="module")
def root(request: pytest.FixtureRequest) -> Path:
    return Path(request.param)


@pytest.fixture(scope="module")
def space(root: Path) -> Workspace:
    return load_workspace(root, frozenset(CHANNELS))


def copied(root: Path, into: Path) -> Path:
    for folder in ("rules", "templates"):
        shutil.copytree(root / folder, into / folder)
    return into


def test_it_loads_without_a_fault_and_its_warnings_are_meant(space: Workspace) -> None:
    assert {warning.code for warning in space.warnings} <= MEANT[space.settings.workspace.id]
    assert space.rules


def test_every_rule_has_its_place_in_the_order_and_nothing_else_has(space: Workspace) -> None:
    assert sorted(name for lane in space.order.values() for name in lane) == sorted(space.rules)


def test_every_template_is_used_by_some_rule(space: Workspace) -> None:
    used = {template for rule in space.rules.values() for template in rule.do.templates()}
    assert used == set(space.templates)


def test_every_source_says_how_it_is_read(space: Workspace) -> None:
    assert set(space.queries) == set(space.settings.sources)


def test_every_rule_says_for_whom_and_what_for(space: Workspace) -> None:
    assert all(rule.title for rule in space.rules.values())
    assert all(rule.why and rule.why.who and rule.why.benefit for rule in space.rules.values() if rule.do.lane != "internal")


def test_every_rule_stands_at_a_file_and_line(space: Workspace, root: Path) -> None:
    for rule_id, place in space.places.items():
        file, line, column = place.split(":")
        text = (root / file).read_text(encoding="utf-8").splitlines()[int(line) - 1]
        assert text[int(column) - 1 :].startswith(rule_id)


def test_every_reference_of_a_rule_leads_somewhere(space: Workspace) -> None:
    for rule in space.rules.values():
        assert rule.goal in space.goals or rule.do.lane == "internal"
        assert not isinstance(rule.do, SendMail) or rule.do.from_ in space.settings.senders
        assert rule.do.channel in space.settings.channels


def test_the_same_files_have_the_same_hash(root: Path, space: Workspace, tmp_path: Path) -> None:
    assert content_hash(copied(root, tmp_path)) == space.hash == content_hash(root)


@pytest.mark.parametrize("place", [0, 0.5, 1], ids=["first byte", "a byte in the middle", "last byte"])
def test_any_byte_of_any_file_changes_the_hash(root: Path, space: Workspace, tmp_path: Path, place: float) -> None:
    copy = copied(root, tmp_path)
    for path in sorted(each for each in copy.rglob("*") if each.is_file() and TESTS not in each.parts):
        raw = path.read_bytes()
        spot = int(place * (len(raw) - 1))
        path.write_bytes(raw[:spot] + bytes([raw[spot] ^ 1]) + raw[spot + 1 :])
        assert content_hash(copy) != space.hash, path
        path.write_bytes(raw)
    assert content_hash(copy) == space.hash


def test_a_renamed_or_moved_file_changes_the_hash(space: Workspace, root: Path, tmp_path: Path) -> None:
    copy = copied(root, tmp_path)
    path = copy / "rules" / "push.yaml"
    path.rename(copy / "rules" / "pusi.yaml")
    assert content_hash(copy) != space.hash


def test_what_editors_leave_behind_does_not_change_the_hash(space: Workspace, root: Path, tmp_path: Path) -> None:
    copy = copied(root, tmp_path)
    for name in ("rules/push.yaml~", "rules/.push.yaml.swp", "rules/.DS_Store"):
        (copy / name).write_bytes(b"x")
    assert content_hash(copy) == space.hash
