"""The designers' tests: what they expect is what would happen, and what checks nothing is refused."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from engine.errors import BansoError
from engine.pipeline.rehearse import run_tests
from tests.builders import a_workspace
from tests.story import Story

RULES = """
  write: {when: [{next_step: set_up}], do: {send: mail, from: desk, template: mail/plain, lead_to: {setting: next_step}}}
  greet: {trigger: {event: product.login}, when: [{next_step: set_up}], do: {show: popup, template: popup/note, where: {role: admin}, lead_to: {setting: next_step}}}
  first: {trigger: {event: product.applied, after: 60m}, when: [{next_step: set_up}], do: {send: mail, from: desk, template: mail/plain, lead_to: {setting: next_step}}}
  then: {trigger: {event: product.applied, after: 60m}, when: [{next_step: set_up}], goal: booked, do: {send: mail, from: desk, template: mail/other, lead_to: {setting: next_step}}}
"""
GIVEN = "given: [2026-03-24 10:00 sfa.applied]"
Expecting = Callable[..., list[str]]


@pytest.fixture
def expecting(tmp_path: Path) -> Iterator[Expecting]:
    """expecting(…) writes one test with this expectation and tells what was found against it."""
    story = Story(tmp_path, workspace=a_workspace(tmp_path / "workspace", rules=RULES, order="push: [write, first, then], pull: [greet]"))

    def run(expected: str, account: str = "{}", given: str = GIVEN) -> list[str]:
        file = story.config.workspace / "rules" / "tests" / "all.test.yaml"
        file.parent.mkdir(exist_ok=True)
        file.write_text(f"tests:\n  - {{name: one, account: {account}, {given}, expect: [{{{expected}}}]}}\n", encoding="utf-8")
        return [key for result in run_tests(story.system).results for key, _ in result.findings]

    yield run
    story.close()


@pytest.mark.parametrize(
    "expected",
    [
        pytest.param("at: 2026-04-07 02:00", id="nothing"),
        pytest.param("at: 2026-04-07 02:00, none: false", id="not nothing"),
        pytest.param("at: 2026-04-07 02:00, template: mail/other", id="a template of nobody"),
        pytest.param("at: 2026-04-07 02:00, not: greet, hold: [push]", id="a hold of nobody"),
        pytest.param("at: 2026-04-07 02:00, not: greet, sends_at: 2026-04-07 10:00", id="a time of nobody"),
        pytest.param("at: 2026-04-07 09:00, because: no_longer_true", id="a reason for no drop"),
        pytest.param("on: 2026-04-07 02:00, not: greet", id="a record that is none"),
        pytest.param("at: 2026-04-07 02:00, event: product.login, not: greet", id="a record that never comes"),
    ],
)
def test_what_could_not_fail_is_refused(expecting: Expecting, expected: str) -> None:
    with pytest.raises(BansoError) as raised:
        expecting(expected)
    assert {fault.code for fault in raised.value.faults} == {"E704"}


@pytest.mark.parametrize(
    ("account", "line"),
    [
        pytest.param("{}", "2026-03-25 10:00 product.set_upp", id="an event"),
        pytest.param("{}", "2026-03-25 10:00 sfa.contrakt = closed", id="a field"),
        pytest.param("{sfa.contrakt: closed}", "2026-03-25 10:00 product.set_up", id="a field of the account"),
    ],
)
def test_a_history_that_nobody_reads_is_misspelt(expecting: Expecting, account: str, line: str) -> None:
    with pytest.raises(BansoError) as raised:
        expecting("at: 2026-04-07 02:00, none: true", account, f'given: [2026-03-24 10:00 sfa.applied, "{line}"]')
    (fault,) = raised.value.faults
    assert (fault.code, fault.values["near"]) == ("E705", "product.set_up" if "upp" in line else "sfa.contract")


@pytest.mark.parametrize(
    ("expected", "found"),
    [
        ("at: 2026-04-07 02:00, decides: write, template: mail/plain", []),
        ("at: 2026-04-07 02:00, decides: write, template: mail/other", ["test.other_value"]),
        ("at: 2026-04-07 02:00, none: true", ["test.should_be_none"]),
    ],
)
def test_what_could_fail_is_held_against_what_happens(expecting: Expecting, expected: str, found: list[str]) -> None:
    assert expecting(expected) == found


@pytest.mark.parametrize(("role", "found"), [("admin", []), ("staff", ["test.should_win"])])
def test_a_popup_for_admins_is_shown_to_admins_in_a_test_too(expecting: Expecting, role: str, found: list[str]) -> None:
    assert expecting("on: 2026-04-07 10:00, event: product.login, decides: greet", f"{{contact.role: {role}}}") == found


def test_of_two_rules_that_look_at_the_same_moment_one_wins_in_a_test_too(expecting: Expecting) -> None:
    assert expecting("on: 2026-04-07 10:00, event: product.applied, decides: first, not: then, why: {then: lost_to}") == []
