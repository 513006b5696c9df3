"""A workspace in which everything that is scarce is scarce, and a crowd of companies at many points of its route."""

from collections.abc import Mapping
from pathlib import Path
from random import Random

from engine.records.record import Record
from tests.builders import CHANNELS, a_customer, a_record, a_workspace

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
PUSH = "invite, try-out, compared, planned, write"


def a_crowds_workspace(root: Path, *, more: Mapping[str, str] | None = None, zone: str = "Asia/Tokyo") -> Path:
    """`more` are further push rules, which come first in their lane: id → the rule."""
    rules = "".join(f"  {name}: {rule}\n" for name, rule in (more or {}).items()) + RULES
    order = f"human: [ring-up], push: [{', '.join([*(more or {}), PUSH])}], internal: [tidy]"
    a_workspace(root, rules=rules, order=order, settings=SETTINGS, channels=CAPPED, files={"rules/sessions.csv": SESSIONS})
    settings = root / "rules/workspace.yaml"
    settings.write_text(settings.read_text(encoding="utf-8").replace("timezone: Asia/Tokyo", f"timezone: {zone}"), encoding="utf-8")
    return root


def a_crowd(rng: Random, number: int) -> list[list[Record]]:
    """So many companies, each with its records up to 6 April."""
    crowd = []
    for account in (f"account-{index:04}" for index in range(number)):
        records = a_customer(account, applied=f"2026-03-{rng.randint(1, 31):02} 10:00")
        records += [a_record("product.error", account=account, at=f"2026-04-0{rng.randint(1, 6)} 1{hour}:00") for hour in range(rng.randint(0, 5))]
        happened = [what for what in ("product.set_up", "product.booked", "call.talked", "mail.sent", "sfa.contract") if rng.random() < 0.2]
        values = {"sfa.contract": "closed"}
        records += [a_record(what, account=account, value=values.get(what), at=f"2026-04-0{rng.randint(1, 6)} 20:00") for what in happened]
        crowd.append(records)
    return crowd
