"""Accounts that were refused for long are not judged anew in a backtest: it tells the same as one that judges everybody every night."""

import json
from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest

from engine.pipeline.backtest import Span, backtest
from engine.records.record import Record
from engine.rehearsal.summary import Backtested
from tests.builders import CHANNELS, a_contact, a_customer, a_record, a_workspace, at
from tests.story import Story, quiet

ACCOUNTS, NIGHTS = 40, 30
FIRST = 20_555  # 2026-04-12, a Sunday; the span goes over the end of a month
MAIL = "do: {send: mail, from: desk, template: mail/plain, lead_to: {setting: next_step}}"
RULES = f"""
  ring-up: {{when: [{{errors: {{at_least: 6}}}}], do: {{task: call, script: call/note, due_business_days: 2, hold: [push]}}, goal: talked}}
  try-out: {{stage: try, try: {{sample: 9, until: 2026-04-24}}, when: [{{next_step: set_up}}], {MAIL}, goal: talked, again: {{at_most: 1}}}}
  by-visit: {{when: [{{visit: {{known: true}}}}], {MAIL}, goal: booked, again: {{at_most: 1, per: visit}}}}
  monthly: {{when: [{{errors: {{at_least: 2}}}}], {MAIL}, goal: talked, again: {{at_most: 1, per: month}}}}
  compared: {{holdout: {{percent: 40}}, when: [{{next_step: booked}}], {MAIL}, again: {{at_most: 2, after_days: 6}}}}
  write: {{when: [{{errors: {{at_least: 1}}}}], {MAIL}, again: {{at_most: 9, after_days: 5}}}}
"""
ORDER = "human: [ring-up], push: [try-out, by-visit, monthly, compared, write]"
CAPPED = CHANNELS.replace("touch: mail.sent", "touch: mail.sent, load: 1, caps: {per_7_days: 3}").replace(
    "touch: call.talked", "touch: call.talked, load: 3, caps: {team_per_day: 3}"
)
VISITED = "  visit: {label: 来訪, attribute: sfa.visit, type: date}\n"


def life(account: str, rng: Random) -> Iterator[Record | list[Record]]:
    """What happens to an account before and between the nights: errors, a step, visits, the end of a contract, other people."""
    yield from a_customer(account, applied=f"2026-04-{rng.randint(1, 9):02} 10:00")

    def some_day() -> str:
        return f"2026-{rng.choice(['04-1', '04-2', '05-0'])}{rng.randint(1, 9)} {rng.randint(8, 20):02}:{rng.randint(0, 59):02}"

    for _ in range(rng.randint(0, 7)):
        yield a_record("product.error", account=account, at=some_day())
    for _ in range(rng.randint(0, 3)):
        yield a_record("sfa.visit", value=f"2026-05-{rng.randint(10, 28)}", account=account, at=some_day())
    if rng.random() < 0.5:
        yield a_record("product.set_up", account=account, at=some_day())
    if rng.random() < 0.4:
        yield a_record("sfa.contract", value=rng.choice(["active", "closed"]), account=account, at=some_day())
    for contact in ("sato", "suzuki"):
        if rng.random() < 0.4:
            yield a_contact(contact, account=account, email=rng.choice([None, f"{contact}@example.jp"]), main=True, at=some_day())
        if rng.random() < 0.4:
            yield a_record("product.login", account=account, contact=contact, at=some_day())


@pytest.fixture(params=range(3))
def story(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Story]:
    workspace = a_workspace(tmp_path / "workspace", rules=RULES, order=ORDER, channels=CAPPED, facts=VISITED)
    story = Story(tmp_path, workspace=workspace)
    story.clock.set(at("2026-05-30 22:00"))
    rng = Random(request.param)
    for number in range(ACCOUNTS):
        story.given(*life(f"account-{number}", rng))
    yield story
    story.close()


def nights_of(story: Story) -> list[dict[str, object]]:
    """What was kept of each night: touches, and for each rule how many accounts had which outcome or reason. Takes it away."""
    (path,) = (story.system.config.state_folder / "backtests").iterdir()
    told = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    path.unlink()
    return told


def judged_every_night(story: Story) -> Backtested:
    """The same nights, cut after each: whoever slept is forgotten, so that every account is judged in every night."""

    class NightOver(Exception):
        pass

    begun = list[int]()

    def cut(_what: str, done: int, _total: int) -> None:
        begun.append(done)
        if len(begun) > 1 and done < NIGHTS:
            raise NightOver

    for _ in range(NIGHTS):
        begun.clear()
        try:
            return backtest(story.system, Span(FIRST, FIRST + NIGHTS - 1), cut)
        except NightOver:
            continue
    raise AssertionError("the nights have no end")


def test_whoever_sleeps_is_told_of_as_if_awake(story: Story) -> None:
    everybody = judged_every_night(story)
    each_night = nights_of(story)
    assert backtest(story.system, Span(FIRST, FIRST + NIGHTS - 1), quiet) == everybody
    assert nights_of(story) == each_night
    told = {rule.rule_id: rule for rule in everybody.rules}
    assert all(rule.touches for rule in told.values())
    assert all(told[rule].gated > told[rule].touches for rule in ("try-out", "by-visit", "monthly", "write"))
