"""A desk: whatever is laid on it is loaded, and what the deployment then knows and would do is told."""

import json
from collections.abc import Mapping
from pathlib import Path

from engine.ledger import records as ledger_records
from engine.pipeline.load import Loaded, Origin, load
from engine.pipeline.plan import Planned, plan
from engine.rulebook.python import Known
from tests.builders import AZURE, at
from tests.story import Story, quiet

NIGHT = "2026-04-07 02:00"
ACCOUNTS = (AZURE, "midori")


def row(number: int, event: str, moment: str, company: str = AZURE, **more: object) -> str:
    values = {"id": str(number), "company": company, "user": "tanaka", "event": event, "at": f"{moment}:00+09:00", "props": None, **more}
    return json.dumps(values, ensure_ascii=False) + "\n"


LOG = [
    row(1, "account_issued", "2026-03-24T10:00"),
    row(2, "login", "2026-03-30T10:00"),
    row(3, "setting_error", "2026-04-03T10:00"),
    row(4, "setting_error", "2026-04-03T10:00"),
    row(5, "account_issued", "2026-03-24T10:00", "midori"),
    row(6, "login", "2026-03-31T10:00", "midori"),
    row(7, "setting_error", "2026-04-05T10:00"),
    row(8, "settings_completed", "2026-04-05T18:00", "midori"),
]
WHOLE = "".join(LOG)
CRM = "id,company,user,event,field,value,at\n1,aozora,tanaka,,email,tanaka@aozora.example.jp,2026-03-24T10:00:00+09:00\n"


Outcome = tuple[Mapping[str, Mapping[str, Known]], Planned]


class Desk:
    """Loads what is laid on it."""

    def __init__(self, story: Story, data: Path) -> None:
        self.story, self.data = story, data
        data.mkdir(exist_ok=True)

    def load(self, content: str, when: str = "2026-04-06 03:00", *, file: str = "product.jsonl", source: str = "product") -> Loaded:
        (self.data / file).write_text(content, encoding="utf-8")
        return self.load_what_is_there(when, source=source)

    def load_what_is_there(self, when: str, *, source: str = "product") -> Loaded:
        self.story.clock.set(at(when))
        (loaded,) = load(self.story.system, [source], Origin(self.data, {}), quiet)
        return loaded

    def outcome(self) -> Outcome:
        """Facts of all accounts, and what a night would decide."""
        self.story.heard(NIGHT)
        facts = {account: self.story.facts(NIGHT, account) for account in ACCOUNTS}
        return facts, plan(self.story.system, at(NIGHT), quiet)

    def stored(self) -> int:
        with self.story.system.records() as records:
            return int((records.duck.execute("SELECT count(*) FROM records WHERE source = 'product'").fetchone() or (0,))[0])

    def set_aside(self) -> dict[str, int]:
        """Source → rows in the quarantine."""
        with self.story.system.ledger.read() as connection:
            return ledger_records.count_quarantine(connection)
