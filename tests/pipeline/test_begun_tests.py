"""`new test`: what a history leads to is written as it will be played, so that a test comes true on the day it is begun."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from engine.pipeline.rehearse import run_tests
from engine.pipeline.retell import retell
from tests.builders import AZURE, a_customer, a_record, a_workspace, at
from tests.story import Story

RULES = """
  write: {when: [{next_step: set_up}], do: {send: mail, from: desk, template: mail/plain, lead_to: {setting: next_step}}}
  second: {when: [{next_step: set_up}], do: {send: mail, from: desk, template: mail/other, lead_to: {setting: next_step}}, goal: booked}
  greet: {trigger: {event: product.page_viewed, where: {page: settings, visit: 3}}, when: [{next_step: set_up}],
          do: {show: popup, template: popup/note, lead_to: {setting: next_step}}}
  reply: {trigger: {event: product.applied, after: 60m}, when: [{errors: {at_least: 1}}],
          do: {send: mail, from: desk, template: mail/plain, lead_to: {setting: next_step}}}
"""
ORDER = "push: [write, second, reply], pull: [greet]"


@pytest.fixture
def story(tmp_path: Path) -> Iterator[Story]:
    story = Story(tmp_path, workspace=a_workspace(tmp_path / "workspace", rules=RULES, order=ORDER))
    story.given(a_customer())
    yield story
    story.close()


def begun(story: Story, rule: str, account: str | None, when: str) -> dict[str, object]:
    """The expectation of a test begun for a rule; the test is there and comes true."""
    told = retell(story.system, rule, account, at(when))
    file = story.config.workspace / "rules" / "tests" / f"{rule}.test.yaml"
    file.parent.mkdir(exist_ok=True)
    file.write_text(told.as_test(f"rules/tests/{rule}.test.yaml", "en"), encoding="utf-8")
    tested = run_tests(story.system)
    assert {repr(result.findings) for result in tested.results} == {"[]"}
    return dict(told.expected)


@pytest.mark.parametrize(("rule", "winner"), [("write", "write"), ("second", "write"), ("greet", "greet")])
@pytest.mark.parametrize("account", [AZURE, None])
def test_it_names_the_winner_of_the_rules_lane(story: Story, account: str | None, rule: str, winner: str) -> None:
    """A rule that waits for a record is looked at when that comes, with all that its trigger asks for; no night would judge it."""
    story.heard("2026-04-07 02:00")
    assert begun(story, rule, account, "2026-04-07 02:00") == {"decides": winner}


def test_it_says_why_a_rule_that_waits_for_a_record_is_not_true(story: Story) -> None:
    assert begun(story, "reply", AZURE, "2026-04-07 14:00") == {"not": "reply", "why": "{reply: errors}"}


def test_a_value_that_was_cleared_is_a_line_too(story: Story) -> None:
    """`sfa.contract =` with nothing behind it."""
    story.given(a_record("sfa.contract", value="closed", at="2026-04-05 10:00"), a_record("sfa.contract", value="", at="2026-04-06 10:00"))
    told = retell(story.system, "write", AZURE, at("2026-04-07 02:00"))
    assert [line.rstrip() for line in told.given if "contract" in line] == [
        "2026-04-05 10:00 sfa.contract = closed",
        "2026-04-06 10:00 sfa.contract =",
    ]
    story.heard("2026-04-07 02:00")
    assert begun(story, "write", AZURE, "2026-04-07 02:00") == {"decides": "write"}


def test_it_remembers_what_was_sent_before(story: Story) -> None:
    story.nightly("2026-04-07 02:00")
    story.dispatch("2026-04-07 09:00")
    assert begun(story, "write", AZURE, "2026-04-08 02:00") == {"decides": "second"}
    story.given(a_record("product.set_up", at="2026-04-08 10:00"))
    assert begun(story, "second", AZURE, "2026-04-09 02:00") == {"not": "second", "why": "{second: next_step}"}
