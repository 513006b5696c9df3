"""Sending compared with not sending: accounts kept back, by rule and for the whole workspace; wordings; and what a renamed rule keeps."""

import email
import email.policy
from collections import Counter

import pytest

from engine.decision.draws import variant_of
from engine.ledger import touches as ledger_touches
from engine.rulebook.actions import SendMail, Variant
from engine.rulebook.spec import RuleSpec
from tests.builders import a_customer, a_record, at
from tests.stories.conftest import Tell
from tests.story import Story

WRITE = """
  write: {holdout: {percent: 50}, when: [{next_step: set_up}],
          do: {send: mail, from: desk, template: mail/plain, lead_to: {setting: next_step}}}
"""
SECOND = "  second: {when: [{next_step: set_up}], do: {send: mail, from: desk, template: mail/other, lead_to: {setting: next_step}}}\n"
VARIANTS = "variants: [{id: a, percent: 30, template: mail/plain}, {id: b, percent: 70, template: mail/other}]"
KEPT_BACK, WRITTEN_TO = ["higashi", "kawa", "kita"], ["aki", "fuyu", "haru"]  # by the draw of the rule's first name
WITHHELD = ("withheld", "rule_holdout", "percent:50")


def told(tell: Tell, *, rules: str = WRITE + SECOND, order: str = "push: [write, second]", settings: str = "") -> Story:
    story = tell(rules=rules, order=order, settings=settings)
    story.given([record for account in (*KEPT_BACK, *WRITTEN_TO) for record in a_customer(account)])
    return story


def fates(story: Story, rule: str, accounts: list[str]) -> set[tuple[str, str | None, str | None]]:
    return {story.decisions(account)[rule] for account in accounts}


# --- kept back from a rule --------------------------------------------------------------------------------------------


def test_a_winner_kept_back_leaves_the_lane_empty(tell: Tell) -> None:
    story = told(tell)
    assert story.nightly("2026-04-07 02:00").won == len(WRITTEN_TO)
    assert fates(story, "write", KEPT_BACK) == {WITHHELD}
    assert fates(story, "write", WRITTEN_TO) == {("won", None, None)}
    assert fates(story, "second", [*KEPT_BACK, *WRITTEN_TO]) == {("lost", "lost_to", "write")}


def test_nobody_of_the_team_is_left_out_for_comparison(tell: Tell) -> None:
    """A post reaches no customer: there is nothing to compare."""
    post = "  cheer: {holdout: {percent: 50}, when: [{next_step: set_up}], do: {post: team, text: slack/note}}\n"
    story = told(tell, rules="\n" + post, order="internal: [cheer]", settings='notify: {team: "slack:#team"}\n')
    assert story.nightly("2026-04-07 02:00").won == len(KEPT_BACK) + len(WRITTEN_TO)


def test_what_was_kept_back_has_the_window_it_would_have_had_and_never_goes_out(tell: Tell) -> None:
    """Decided on Saturday for Monday 13, valid for three days."""
    story = told(tell)
    night = story.nightly("2026-04-11 02:00")
    assert set(night.touches) == {touch.id for touch in story.touches() if touch.account_id in WRITTEN_TO}
    assert story.dispatch("2026-04-13 09:00") == {"sent": len(WRITTEN_TO)}
    story.dispatch("2026-04-16 09:00")
    kept = story.touch("kita")
    last_day = story.system.workspace.zone.day(at("2026-04-15 12:00"))
    assert (kept.state, kept.reason, kept.begun_at, kept.window_last_day) == ("withheld", "rule_holdout", at("2026-04-13 09:00"), last_day)
    assert (kept.sent_at, kept.attempt) == (None, 0)


def test_what_was_kept_back_counts_for_again_and_for_nothing_else(tell: Tell) -> None:
    """The next night the second rule may write for the same goal: no window is open where nothing was sent."""
    story = told(tell)
    story.nightly("2026-04-07 02:00")
    story.nightly("2026-04-08 02:00")
    assert fates(story, "write", KEPT_BACK) == {("gated", "again", "at_most:1")}
    assert fates(story, "second", KEPT_BACK) == {("won", None, None)}
    assert fates(story, "second", WRITTEN_TO) == {("gated", "window_open", "under_way:write")}


def test_service_is_never_kept_back(tell: Tell) -> None:
    story = told(tell, rules=WRITE.replace("mail/plain,", "mail/plain, service: true,") + SECOND)
    assert story.nightly("2026-04-07 02:00").won == len(KEPT_BACK) + len(WRITTEN_TO)


# --- kept back from everything ----------------------------------------------------------------------------------------


def test_the_workspaces_holdout_gets_no_push_and_no_popup_but_people_and_answers(tell: Tell) -> None:
    """kita is among the first ten percent of the draw, fuyu is not."""
    popup = "{{trigger: {{event: {}}}, when: [{{errors: {{at_least: 0}}}}], do: {{show: popup, template: popup/note, lead_to: {{setting: next_step}}{}}}}}"
    mail = "{{when: [{{errors: {{at_least: 0}}}}], do: {{send: mail, from: desk, template: mail/plain, lead_to: {{setting: next_step}}{}}}}}"
    rules = f"""
  ring-up: {{when: [{{errors: {{at_least: 0}}}}], do: {{task: call, script: call/note, due_business_days: 2}}}}
  write: {mail.format("")}
  hurry: {mail.format(", urgent: true")}
  greet: {popup.format("product.login", "")}
  explain: {popup.format("product.error", ", in_response: true")}
"""
    story = told(tell, rules=rules, order="human: [ring-up], push: [write, hurry], pull: [greet, explain]", settings="holdout: {percent: 10}\n")
    story.nightly("2026-04-07 02:00")
    assert [story.decisions("kita")[rule][:2] for rule in ("ring-up", "write", "hurry")] == [("won", None), ("gated", "holdout"), ("won", None)]
    assert [story.decisions("fuyu")[rule][:2] for rule in ("ring-up", "write", "hurry")] == [("won", None), ("won", None), ("lost", "lost_to")]
    events = [a_record(f"product.{event}", account="kita", at="2026-04-07 10:00") for event in ("login", "error")]
    assert [story.happens(event).decisions[0].reason for event in events] == ["holdout", None]


# --- wordings ---------------------------------------------------------------------------------------------------------


def test_wordings_are_split_as_written() -> None:
    do = SendMail.model_validate({"send": "mail", "from": "desk", "lead_to": {"setting": "next_step"}})
    split = {"a": 20, "b": 30, "c": 50}
    do = do.model_copy(update={"variants": [Variant(id=name, percent=percent, template="mail/plain") for name, percent in split.items()]})
    rule = RuleSpec.model_validate({"title": "t", "stage": "share", "owner": "sato", "when": [{}], "do": do})
    given = Counter(chosen.id for number in range(10_000) if (chosen := variant_of("write", rule, f"account-{number}")))
    assert {name: round(number / 100) for name, number in given.items()} == pytest.approx(split, abs=1)


def test_an_account_gets_the_same_wording_every_time(tell: Tell) -> None:
    story = told(
        tell,
        rules=SECOND.replace("template: mail/other", VARIANTS).replace("when:", "again: {at_most: 2, after_days: 3}, when:"),
        order="push: [second]",
    )
    for day in ("2026-04-07", "2026-04-13"):
        story.nightly(f"{day} 02:00")
        story.dispatch(f"{day} 09:00")
    touches = story.touches()
    subjects = {"a": "plain", "b": "other"}
    assert len(touches) == 2 * len({(touch.account_id, touch.variant) for touch in touches}) == 2 * len([*KEPT_BACK, *WRITTEN_TO])
    assert [subject_of(story, touch.id) for touch in touches] == [subjects[str(touch.variant)] for touch in touches]
    assert {touch.variant for touch in touches} == {"a", "b"}


def subject_of(story: Story, touch_id: str) -> str:
    with story.system.ledger.read() as connection:
        body = ledger_touches.messages_of(connection, [touch_id]).get(touch_id)
    return str(email.message_from_bytes(body or b"", policy=email.policy.default)["Subject"])


# --- renamed ----------------------------------------------------------------------------------------------------------


def test_a_renamed_rule_keeps_its_counts_its_draws_and_its_wordings(tell: Tell) -> None:
    rules = WRITE.replace("template: mail/plain", VARIANTS)
    story = told(tell, rules=rules, order="push: [write]")
    story.nightly("2026-04-07 02:00")
    before = {touch.account_id: (touch.state.value, touch.variant) for touch in story.touches()}
    story.change_rules("rules/rules.yaml", "  write: {", "  write-once: {was: [write], ")
    story.change_rules("rules/order.yaml", "write", "write-once")
    story.nightly("2026-04-08 02:00")
    assert fates(story, "write-once", [*KEPT_BACK, *WRITTEN_TO]) == {("gated", "again", "at_most:1")}
    story.change_rules("rules/rules.yaml", "when:", "again: {at_most: 2}, when:")
    story.dispatch("2026-04-08 09:00")
    story.nightly("2026-04-13 02:00")
    after = {touch.account_id: (touch.state.value, touch.variant) for touch in story.touches() if touch.rule == "write-once"}
    assert after == before
