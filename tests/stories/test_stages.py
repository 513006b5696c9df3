"""How far a rule may go: planned, tried with some, looked back on, stopped, shared with everyone; and who has to allow that."""

import pytest

from engine.ledger import approvals
from tests.builders import AZURE, GOALS, a_customer, a_record
from tests.stories.conftest import Tell
from tests.story import Story

WRITE = "\n  write: {when: [{next_step: set_up}], do: {send: mail, from: desk, template: mail/plain, lead_to: {setting: next_step}}, again: {at_most: 9, after_days: 3}}\n"
SECOND = "  second: {when: [{next_step: set_up}], do: {send: mail, from: desk, template: mail/other, lead_to: {setting: next_step}}}\n"
PUSH = "push: [write, second]"
APPROVERS = "approvers: [sato, tanaka]\n"
UNAPPROVED = ("gated", "stage", "not_approved")


def staged(written: str) -> str:
    return WRITE.replace("write: {", f"write: {{{written}, ") + SECOND


def allow(story: Story, rule: str) -> None:
    """Somebody approves the rule as it is written now."""
    with story.system.ledger.write() as connection:
        approvals.approve(connection, rule, story.system.workspace.contents[rule], "sato", story.clock.now(), 1)


def fate(story: Story, night: str, rule: str = "write", account: str = AZURE) -> tuple[str, str | None, str | None]:
    story.nightly(f"{night} 02:00")
    return story.decisions(account)[rule]


# --- stages -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("stage", "written"),
    [
        ("plan", "stage: plan"),
        ("reflect", "stage: reflect, reflect: {result: 返信が増えた, learned: 件名}"),
        ("stopped", "stage: stopped, learned: 効かなかった"),
    ],
)
def test_before_and_after_its_time_a_rule_is_judged_but_reaches_nobody(tell: Tell, stage: str, written: str) -> None:
    """And it does not stand in the way of the next."""
    story = tell(rules=staged(written), order=PUSH)
    story.given(a_customer())
    assert fate(story, "2026-04-07") == ("gated", "stage", stage)
    assert story.decisions()["second"][0] == "won"


def test_what_is_under_way_ends_with_its_stage(tell: Tell) -> None:
    story = tell(rules=WRITE + SECOND, order=PUSH)
    story.given(a_customer())
    story.nightly("2026-04-07 02:00")
    story.change_rules("rules/rules.yaml", "  write: {", "  write: {stage: stopped, learned: 苦情, ")
    assert story.dispatch("2026-04-07 09:00") == {"dropped": 1}
    assert story.states() == [("write", "dropped", "stage")]


# --- trials -----------------------------------------------------------------------------------------------------------


def test_a_trial_reaches_the_accounts_of_its_person_until_its_last_day(tell: Tell) -> None:
    story = tell(
        rules=staged("stage: try, try: {accounts_of: tanaka, until: 2026-04-10}"),
        order=PUSH,
        facts="  owner: {label: 担当, attribute: crm.owner, type: text}\n",
        settings="accounts_of: owner\n",
    )
    story.given(a_customer(AZURE), a_customer("midori"), a_customer("kita"))
    story.given(
        [a_record("crm.owner", account=account, value=owner, at="2026-04-01 10:00") for account, owner in ((AZURE, "tanaka"), ("midori", "sato"))]
    )
    assert fate(story, "2026-04-07")[0] == "won"
    assert [story.decisions(account)["write"] for account in ("midori", "kita")] == [("gated", "stage", "try_accounts_of:tanaka")] * 2
    story.dispatch("2026-04-07 09:00")
    story.given(a_record("crm.owner", account="midori", value="tanaka", at="2026-04-09 10:00"))
    assert (fate(story, "2026-04-10")[0], story.decisions("midori")["write"][0]) == ("won", "won")
    story.dispatch("2026-04-10 09:00")
    assert fate(story, "2026-04-14") == ("gated", "stage", "try_until:2026-04-10")


def test_a_trial_in_a_segment_reaches_nobody_else(tell: Tell) -> None:
    goals = GOALS + "segments: {erring: {label: エラーあり, when: [{errors: {at_least: 1}}]}}\n"
    story = tell(rules=staged("stage: try, try: {sample: 9, of: erring}"), order=PUSH, goals=goals)
    story.given(a_customer(AZURE), a_customer("midori"), a_record("product.error", at="2026-04-06 10:00"))
    assert fate(story, "2026-04-07")[0] == "won"
    assert story.decisions("midori")["write"] == ("gated", "stage", "try_segment:erring")


# --- approvals --------------------------------------------------------------------------------------------------------


def test_where_approvers_are_named_nothing_is_shared_unapproved(tell: Tell) -> None:
    story = tell(rules=WRITE, order="push: [write]", settings=APPROVERS)
    story.given(a_customer())
    assert fate(story, "2026-04-07") == UNAPPROVED
    allow(story, "write")
    assert fate(story, "2026-04-08")[0] == "won"


@pytest.mark.parametrize(
    ("old", "new"),
    [
        pytest.param("template: mail/plain", "template: mail/other", id="another mail"),
        pytest.param("{next_step: set_up}", "{next_step: booked}", id="other customers"),
        pytest.param("goal: forward", "goal: booked", id="another goal, by the file's defaults"),
    ],
)
def test_an_edited_rule_needs_its_approval_anew(tell: Tell, old: str, new: str) -> None:
    story = tell(rules=WRITE, order="push: [write]", settings=APPROVERS)
    story.given(a_customer(), a_record("product.set_up", account="midori"), a_customer("midori"))
    allow(story, "write")
    story.change_rules("rules/rules.yaml", old, new)
    account = "midori" if "booked}" in new else AZURE
    assert fate(story, "2026-04-07", account=account) == UNAPPROVED
    story.clock.set(story.clock.now() + 3_600_000_000)
    allow(story, "write")
    assert fate(story, "2026-04-08", account=account)[0] == "won"
    story.change_rules("rules/rules.yaml", new, old)
    story.nightly("2026-04-09 02:00")
    assert UNAPPROVED not in {story.decisions(each).get("write") for each in (AZURE, "midori")}


def test_another_title_needs_no_approval(tell: Tell) -> None:
    story = tell(rules=WRITE, order="push: [write]", settings=APPROVERS)
    story.given(a_customer())
    allow(story, "write")
    story.change_rules("rules/rules.yaml", "title: 案内", "title: 設定のご案内")
    assert fate(story, "2026-04-07")[0] == "won"


def test_a_rule_edited_after_the_night_does_not_go_out_in_the_morning(tell: Tell) -> None:
    story = tell(rules=WRITE, order="push: [write]", settings=APPROVERS)
    story.given(a_customer())
    allow(story, "write")
    story.nightly("2026-04-07 02:00")
    story.change_rules("rules/rules.yaml", "template: mail/plain", "template: mail/other")
    story.dispatch("2026-04-07 09:00")
    assert story.states() == [("write", "dropped", "stage")]


def test_a_trial_needs_nobodys_approval(tell: Tell) -> None:
    story = tell(rules=staged("stage: try, try: {sample: 5}"), order=PUSH, settings=APPROVERS)
    story.given(a_customer())
    assert (fate(story, "2026-04-07")[0], story.decisions()["second"]) == ("won", UNAPPROVED)
