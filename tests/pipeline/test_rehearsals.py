"""Backtest, diff, stage and send-test: what is rehearsed is what would happen, and nobody is reached by it."""

import subprocess
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest

from engine.channels import CHANNELS as REGISTERED
from engine.cli.rehearsals import only_counted
from engine.ledger import decisions as ledger_decisions
from engine.pipeline.backtest import Span, backtest
from engine.pipeline.diff import compare, workspace_of
from engine.pipeline.sendtest import send_test
from engine.pipeline.stages import approve, needs, reach, unfulfilled
from engine.pipeline.standings import unapproved_rules
from engine.rehearsal.summary import Backtested
from engine.workspace.load import load_workspace
from tests.builders import CHANNELS, a_customer, a_record, a_workspace, at
from tests.story import Story, quiet

ACCOUNTS, NIGHTS = 30, 9
FIRST = 20_548  # 2026-04-05, a Sunday
MAIL = "do: {send: mail, from: desk, template: mail/plain, lead_to: {setting: next_step}}"
RULES = f"""
  ring-up: {{when: [{{errors: {{at_least: 3}}}}], do: {{task: call, script: call/note, due_business_days: 2, hold: [push]}}, goal: talked}}
  try-out: {{stage: try, try: {{sample: 4}}, when: [{{errors: {{at_least: 2}}}}], {MAIL}, goal: talked, again: {{at_most: 3, after_days: 3}}}}
  compared: {{holdout: {{percent: 40}}, when: [{{next_step: booked}}], {MAIL}, goal: booked}}
  planned: {{stage: plan, when: [{{errors: {{at_most: 5}}}}], {MAIL}}}
  write: {{when: [{{errors: {{at_least: 1}}}}], {MAIL}, again: {{at_most: 9, after_days: 3}}}}
"""
ORDER = "human: [ring-up], push: [try-out, compared, planned, write]"
CAPPED = CHANNELS.replace("touch: mail.sent", "touch: mail.sent, load: 1, caps: {per_7_days: 2}").replace(
    "touch: call.talked", "touch: call.talked, load: 3, caps: {team_per_day: 3}, rank: [{errors: high}]"
)
SETTINGS = "load_limit: {points: 4, within_days: 7}\n"


@pytest.fixture
def story(tmp_path: Path) -> Iterator[Story]:
    """A crowd whose whole history lies before the first night, so that nothing falls in the morning."""
    workspace = a_workspace(tmp_path / "workspace", rules=RULES, order=ORDER, settings=SETTINGS, channels=CAPPED)
    story = Story(tmp_path, workspace=workspace)
    rng = Random(7)
    story.clock.set(at("2026-04-04 22:00"))
    for account in (f"account-{number}" for number in range(ACCOUNTS)):
        story.given(a_customer(account, applied=f"2026-03-{rng.randint(1, 31):02} 10:00"))
        story.given(
            [a_record("product.error", account=account, at=f"2026-04-0{rng.randint(1, 4)} 1{number}:00") for number in range(rng.randint(0, 5))]
        )
        story.given([a_record("product.set_up", account=account, at="2026-04-03 20:00")] if rng.random() < 0.4 else [])
    yield story
    story.close()


def real_nights(story: Story) -> Counter[tuple[str, str, str]]:
    """(account, rule, outcome) of the decisions that make a touch, over all nights, each followed by its morning."""
    made: Counter[tuple[str, str, str]] = Counter()
    for number in range(NIGHTS):
        day = f"2026-04-{5 + number:02d}"
        story.nightly(f"{day} 02:00")
        story.dispatch(f"{day} 09:00")
        with story.system.ledger.read() as connection:
            rows = [row for account in story.accounts() for row in ledger_decisions.decisions_of(connection, account, f"nightly/{day}")]
        made.update((row["account_id"], row["rule"], row["outcome"]) for row in rows if row["outcome"] in {"won", "withheld"})
    return made


def touches_of(told: Backtested) -> dict[str, int]:
    return {rule.rule_id: rule.touches for rule in told.rules if rule.touches}


def test_a_backtest_makes_the_touches_that_the_nights_made(story: Story) -> None:
    told = backtest(story.system, Span(FIRST, FIRST + NIGHTS - 1), quiet)
    real = real_nights(story)
    won, withheld = Counter[str](), Counter[str]()
    for (_, rule, outcome), number in real.items():
        (won if outcome == "won" else withheld)[rule] += number
    assert touches_of(told) == dict(won)
    assert sum(rule.withheld for rule in told.rules) == sum(withheld.values()) > 0
    assert {rule.rule_id for rule in told.rules if rule.touches} == {"ring-up", "try-out", "compared", "write"}
    assert told.touches == sum(touches_of(told).values())


def test_the_first_night_of_a_backtest_is_told_apart_from_those_after_it(story: Story) -> None:
    told = backtest(story.system, Span(FIRST, FIRST + NIGHTS - 1), quiet)
    one = backtest(story.system, Span(FIRST, FIRST), quiet)
    assert (told.first_night.date, told.first_night.touches) == ("2026-04-05", one.touches)
    assert told.first_night.usual is not None
    assert told.first_night.touches > told.first_night.usual
    assert one.first_night.usual is None


def test_a_backtest_names_whom_it_never_reached_and_nobody_who_came_after_it(story: Story) -> None:
    story.clock.set(at("2026-05-01 22:00"))
    story.given(a_customer("late", applied="2026-05-01 10:00"))
    told = backtest(story.system, Span(FIRST, FIRST + NIGHTS - 1), quiet)
    story.clock.set(at("2026-04-04 22:00"))
    real = {account for account, _, outcome in real_nights(story) if outcome == "won"}
    everybody = {f"account-{number}" for number in range(ACCOUNTS)}
    assert told.accounts == ACCOUNTS
    assert list(told.never_reached_accounts) == sorted(everybody - real)
    assert told.never_reached == len(told.never_reached_accounts) > 0


def test_a_backtest_that_was_cut_goes_on_to_the_same_end(story: Story, monkeypatch: pytest.MonkeyPatch) -> None:
    class PowerCut(Exception):
        pass

    def cut(_what: str, done: int, _total: int) -> None:
        if done == 4:
            raise PowerCut

    with pytest.raises(PowerCut):
        backtest(story.system, Span(FIRST, FIRST + NIGHTS - 1), cut)
    resumed = backtest(story.system, Span(FIRST, FIRST + NIGHTS - 1), quiet)
    for path in (story.system.config.state_folder / "backtests").iterdir():
        path.unlink()
    assert resumed == backtest(story.system, Span(FIRST, FIRST + NIGHTS - 1), quiet)


def test_a_backtest_reaches_nobody(story: Story) -> None:
    backtest(story.system, Span(FIRST, FIRST + 2), quiet)
    assert story.touches() == []
    assert story.all_decisions() == []


def test_a_trial_reaches_so_many_accounts_and_no_more(story: Story) -> None:
    told = backtest(story.system, Span(FIRST, FIRST + NIGHTS - 1), quiet)
    trial = next(rule for rule in told.rules if rule.rule_id == "try-out")
    assert trial.accounts == 4
    assert trial.touches > trial.accounts


def test_a_planned_rule_is_replayed_as_if_it_were_shared(story: Story) -> None:
    plain = backtest(story.system, Span(FIRST, FIRST), quiet)
    told = backtest(story.system, Span(FIRST, FIRST, share=("planned",)), quiet)
    assert "planned" not in {rule.rule_id for rule in plain.rules}
    assert touches_of(told)["planned"] > 0


def test_a_diff_names_the_accounts_that_newly_get_something_and_those_that_no_longer_do(story: Story, tmp_path: Path) -> None:
    changed = RULES.replace("write: {when: [{errors: {at_least: 1}}]", "write: {when: [{errors: {at_least: 2}}]").replace(
        "template: mail/plain, lead_to: {setting: next_step}}, goal: booked", "template: mail/other, lead_to: {setting: next_step}}, goal: booked"
    )
    other = a_workspace(tmp_path / "other", rules=changed, order=ORDER, settings=SETTINGS, channels=CAPPED)
    before, after = story.system.workspace, load_workspace(other, frozenset(REGISTERED))
    found = compare(story.system, before, after, at("2026-04-05 02:00"), quiet)
    back = compare(story.system, after, before, at("2026-04-05 02:00"), quiet)
    gone = {change.account_id for change in found.changes if change.kind == "-"}
    assert gone == {change.account_id for change in back.changes if change.kind == "+"} != set()
    assert {change.was for change in found.changes if change.kind == "-"} == {("write", "mail/plain")}
    assert {change.why for change in found.changes if change.kind == "-"} == {"not_matched"}
    assert {(change.was, change.becomes) for change in found.changes if change.kind == "~"} == {
        (("compared", "mail/plain"), ("compared", "mail/other"))
    }
    assert compare(story.system, before, before, at("2026-04-05 02:00"), quiet).changes == []


def test_a_diff_does_not_wait_for_the_approval_that_it_is_read_for(tmp_path: Path) -> None:
    settings = "approvers: [kato]\n"
    story = Story(tmp_path, workspace=a_workspace(tmp_path / "workspace", rules=RULES, order=ORDER, settings=settings, channels=CAPPED))
    story.clock.set(at("2026-04-04 22:00"))
    story.given(a_customer(), a_record("product.error", at="2026-04-04 10:00"))
    approve(story.system, "write", "kato", 1)
    changed = RULES.replace("write: {when: [{errors: {at_least: 1}}]", "write: {when: [{errors: {at_most: 1}}]")
    other = load_workspace(a_workspace(tmp_path / "other", rules=changed, order=ORDER, settings=settings, channels=CAPPED), frozenset(REGISTERED))
    assert compare(story.system, story.system.workspace, other, at("2026-04-05 02:00"), quiet).changes == []
    story.close()


TWO_POSTS = """
  cheer: {when: [{errors: {at_least: 1}}], do: {post: team, text: slack/note}}
  note: {when: [{errors: {at_least: 9}}], do: {post: team, text: slack/note}}
"""


def test_a_diff_sees_every_rule_of_the_lane_in_which_all_of_them_win(tmp_path: Path) -> None:
    written = {"order": "internal: [cheer, note]", "settings": 'notify: {team: "slack:#team"}\n'}
    story = Story(tmp_path, workspace=a_workspace(tmp_path / "workspace", rules=TWO_POSTS, **written))
    story.clock.set(at("2026-04-04 22:00"))
    story.given(a_customer(), a_record("product.error", at="2026-04-04 10:00"))
    wider = a_workspace(tmp_path / "other", rules=TWO_POSTS.replace("at_least: 9", "at_least: 1"), **written)
    found = compare(story.system, story.system.workspace, load_workspace(wider, frozenset(REGISTERED)), at("2026-04-05 02:00"), quiet)
    assert [(change.kind, change.becomes) for change in found.changes] == [("+", ("note", "slack/note"))]
    assert found.unchanged == 1
    story.close()


REVISED = {
    "rules/more.yaml": "rules:\n  more: {title: 案内, stage: plan, owner: sato, when: [{errors: {at_least: 1}}], do: {post: team, text: slack/note}}\n"
}


def test_a_revision_is_what_stood_there_then_whatever_was_looked_at_before(tmp_path: Path) -> None:
    """A branch is looked at twice, and between the two a file went away."""
    notify = 'notify: {team: "slack:#team"}\n'
    root = a_workspace(tmp_path / "workspace", rules=TWO_POSTS, order="internal: [cheer, note, more]", settings=notify, files=REVISED)
    story = Story(tmp_path, workspace=root)

    def git(*words: str) -> None:
        subprocess.run(["git", "-C", str(root), "-c", "user.name=a", "-c", "user.email=a@example.jp", *words], check=True, capture_output=True)

    git("init")
    git("add", ".")
    git("commit", "-m", "one")
    assert "more" in workspace_of(story.system, "HEAD").rules
    (root / "rules" / "more.yaml").unlink()
    (root / "rules" / "order.yaml").write_text("order: {internal: [cheer, note]}\n", encoding="utf-8")
    git("add", ".")
    git("commit", "-m", "two")
    assert set(workspace_of(story.system, "HEAD").rules) == {"cheer", "note"}
    story.close()


def test_a_diff_says_which_changed_rules_only_count(story: Story, tmp_path: Path) -> None:
    was = story.system.workspace
    text = f"{RULES}  newer: {{stage: plan, when: [{{errors: {{at_least: 1}}}}], {MAIL}, again: {{at_most: 9, after_days: 3}}}}\n"
    root = a_workspace(tmp_path / "newer", rules=text, order=ORDER.replace("write]", "write, newer]"), settings=SETTINGS, channels=CAPPED)
    becomes = load_workspace(root, frozenset(REGISTERED))
    assert becomes.rules["planned"].stage == "plan"
    assert (only_counted(was, becomes), only_counted(was, was)) == (["newer"], [])


def test_share_wants_a_test_a_result_and_another_person(tmp_path: Path) -> None:
    settings = "approvers: [kato, sato]\n"
    story = Story(tmp_path, workspace=a_workspace(tmp_path / "workspace", rules=RULES, order=ORDER, settings=settings, channels=CAPPED))
    owner = story.system.workspace.rules["write"].owner
    assert {need.name for need in unfulfilled(needs(story.system, "write", "share", owner))} >= {"test", "reflect", "not_owner"}
    assert {need.name for need in unfulfilled(needs(story.system, "write", "share", "kato"))} == {"test", "reflect"}
    with story.system.ledger.read() as connection:
        assert "write" in unapproved_rules(connection, story.system.workspace)
    approve(story.system, "write", "kato", 7)
    with story.system.ledger.read() as connection:
        assert "write" not in unapproved_rules(connection, story.system.workspace)
    story.close()


def test_who_will_be_reached_is_counted_before_anybody_approved(tmp_path: Path) -> None:
    """That the approval is still missing is no reason to show nobody: the count is what is approved, and what the brake goes by."""
    story = Story(tmp_path, workspace=a_workspace(tmp_path / "workspace", rules=RULES, order=ORDER, settings="approvers: [kato]\n", channels=CAPPED))
    story.clock.set(at("2026-04-04 22:00"))
    story.given(
        [each for number in range(3) for each in (*a_customer(f"c{number}"), a_record("product.error", account=f"c{number}", at="2026-04-04 10:00"))]
    )
    assert reach(story.system, "write", at("2026-04-05 02:00"), quiet) == 3
    assert reach(story.system, "planned", at("2026-04-05 02:00"), quiet) == 3
    story.close()


def test_a_letter_to_oneself_is_marked_and_leaves_no_trace(story: Story) -> None:
    story.clock.set(at("2026-04-05 08:00"))
    reply = send_test(story.system, "write", "account-1", "me@example.jp", at("2026-04-05 02:00"))
    [letter] = (story.system.config.state_folder / "outbox").glob("*.eml")
    head = letter.read_bytes().partition(b"\r\n\r\n")[0]
    assert reply.kind == "sent"
    assert b"me@example.jp" in head
    assert b"aozora" not in head
    assert story.touches() == []
