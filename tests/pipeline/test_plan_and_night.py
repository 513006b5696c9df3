"""Whatever the crowd: a plan and the night at the same instant agree, rule by rule, in who wins, waits, loses and is kept back."""

from collections import Counter
from pathlib import Path
from random import Random

import pytest

from engine.ledger import decisions as ledger_decisions
from engine.pipeline.plan import plan
from engine.records.record import Record
from tests.builders import CHANNELS, a_customer, a_record, a_workspace, at
from tests.story import Story, quiet

ACCOUNTS = 40
MAIL = "do: {send: mail, from: desk, template: mail/plain, lead_to: {setting: next_step}}"
RULES = f"""
  ring-up: {{when: [{{errors: {{at_least: 3}}}}], do: {{task: call, script: call/note, due_business_days: 2, hold: [push]}}, goal: talked}}
  invite: {{when: [{{next_step: set_up}}], again: {{at_most: 3, after_days: 3}},
           do: {{send: mail, from: desk, template: mail/plain, lead_to: {{seminar: live, seat_within_days: 14}}}}}}
  try-out: {{stage: try, try: {{sample: 5}}, when: [{{errors: {{at_least: 1}}}}], {MAIL}, goal: talked}}
  compared: {{holdout: {{percent: 40}}, when: [{{next_step: {{in: [set_up, booked]}}}}], {MAIL}, goal: booked}}
  planned: {{stage: plan, when: [{{errors: {{at_most: 5}}}}], {MAIL}}}
  write: {{when: [{{errors: {{at_least: 0}}}}], {MAIL}, again: {{at_most: 9, after_days: 3}}}}
  tidy: {{when: [{{errors: {{at_least: 2}}}}], do: {{task: crm, script: crm/note, due_business_days: 3}}}}
"""
SETTINGS = """
sessions: sessions.csv
seminars: {live: {label: セミナー, url: "https://help.example.jp/live"}}
holdout: {percent: 10}
load_limit: {points: 4, within_days: 7}
"""
CAPPED = CHANNELS.replace("touch: mail.sent", "touch: mail.sent, load: 1, caps: {per_7_days: 2}").replace(
    "touch: call.talked", "touch: call.talked, load: 3, caps: {team_per_day: 4}, rank: [{errors: high}]"
)
SESSIONS = "id,of,starts_at,seats,title,url,invitations\ns1,live,2026-04-12 14:00,9,,,4\ns2,live,2026-04-17 14:00,9,,,3\n"


@pytest.fixture
def story(tmp_path: Path):
    order = "human: [ring-up], push: [invite, try-out, compared, planned, write], internal: [tidy]"
    files = {"rules/sessions.csv": SESSIONS}
    workspace = a_workspace(tmp_path / "workspace", rules=RULES, order=order, settings=SETTINGS, channels=CAPPED, files=files)
    story = Story(tmp_path, workspace=workspace)
    yield story
    story.close()


def a_crowd(rng: Random) -> list[Record]:
    crowd: list[Record] = []
    for account in (f"account-{number}" for number in range(ACCOUNTS)):
        crowd += a_customer(account, applied=f"2026-03-{rng.randint(1, 31):02} 10:00")
        crowd += [a_record("product.error", account=account, at=f"2026-04-0{rng.randint(1, 6)} 1{number}:00") for number in range(rng.randint(0, 5))]
        happened = [what for what in ("product.set_up", "product.booked", "call.talked", "mail.sent", "sfa.contract") if rng.random() < 0.2]
        values = {"sfa.contract": "closed"}
        crowd += [a_record(what, account=account, value=values.get(what), at=f"2026-04-0{rng.randint(1, 6)} 20:00") for what in happened]
    return crowd


def decided(story: Story, day: str) -> dict[str, Counter[str]]:
    """Rule → outcome → accounts, as stored."""
    found: dict[str, Counter[str]] = {}
    with story.system.ledger.read() as connection:
        for account in story.accounts():
            for row in ledger_decisions.decisions_of(connection, account, f"nightly/{day}"):
                found.setdefault(row["rule"], Counter())[row["outcome"]] += 1
    return found


@pytest.mark.parametrize("seed", range(3))
def test_a_plan_and_its_night_agree_rule_by_rule(story: Story, seed: int) -> None:
    """On a Tuesday, and on the Saturday after, when the first mails are out and calls are open."""
    rng = Random(seed)
    story.given(a_crowd(rng))
    outcomes: Counter[str] = Counter()
    for day in ("2026-04-07", "2026-04-11"):
        planned = {rule.rule_id: rule for rule in plan(story.system, at(f"{day} 02:00"), quiet).rules}
        story.nightly(f"{day} 02:00")
        night = decided(story, day)
        for rule, foreseen in planned.items():
            made = night.get(rule, Counter())
            withheld = foreseen.matched - foreseen.won - foreseen.gated - foreseen.lost
            assert (foreseen.won, foreseen.gated, foreseen.lost, withheld) == tuple(made[word] for word in ("won", "gated", "lost", "withheld")), rule
            outcomes += made
        made_by_rule = Counter(touch.rule for touch in story.touches() if touch.slot == f"nightly/{day}")
        assert made_by_rule == Counter({rule: counts["won"] + counts["withheld"] for rule, counts in night.items()})
        story.dispatch(f"{day} 09:00")
    assert all(outcomes[word] > 0 for word in ("won", "gated", "lost", "withheld"))
