"""The same weeks twice: loaded from files every night, and told event by event over HTTP as it happened. Every decision and every fact is the same.

Told one by one, the accounts are judged one by one as well, from folds that were brought up to now again and again. Rules that wait for events are
at `plan` in both, as files wait for nobody. The month: BANSO_REPLAY_COMPANIES=200 BANSO_REPLAY_NIGHTS=30.
"""

import json
import os
import re
import shutil
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from engine.calendar import HOUR, instant_of
from engine.ledger import decisions as ledger_decisions
from engine.pipeline.evaluate import bind, judge_all, judge_one, stale_at
from engine.pipeline.load import Origin, load
from engine.pipeline.nightly import nightly
from engine.records.record import COLUMNS, NO_VALUE, Record
from engine.rulebook.statement import Question
from engine.simulator import World
from tests.story import ROOT, Story, quiet
from tests.web.door import Web, a_key

TOKYO = ZoneInfo("Asia/Tokyo")
COMPANIES = int(os.environ.get("BANSO_REPLAY_COMPANIES", "6"))
NIGHTS = int(os.environ.get("BANSO_REPLAY_NIGHTS", "2"))
SOURCES = ("product", "help", "sfa", "crm", "cti", "hearing")
FIRST = datetime(2026, 4, 1, 2, 0, tzinfo=TOKYO)


def a_workspace_whose_triggers_are_planned(root: Path) -> Path:
    for folder in ("rules", "templates"):
        shutil.copytree(ROOT / folder, root / folder)
    for path in (root / "rules").glob("*.yaml"):
        rules = re.split(r"(?m)^(?=  [a-z][a-z0-9-]*:$)", path.read_text(encoding="utf-8"))
        planned = (re.sub(r"(?m)^    (?=trigger:)", "    stage: plan\n    ", rule) if "\n    stage:" not in rule else rule for rule in rules)
        path.write_text("".join(planned), encoding="utf-8")
    return root


def message_of(number: int, record: Record) -> tuple[str, dict[str, object]]:
    """A record as a product would have sent it: (path, body)."""
    at = datetime.fromtimestamp(record.occurred_at / 1_000_000, TOKYO).isoformat()
    known = {"messageId": f"m{number:08d}", "timestamp": at, "context": {"groupId": record.account_id}}
    who = {"userId": record.contact_id} if record.contact_id else {}
    if record.event is not None:
        return "/v1/track", {**known, **who, "event": record.event, "properties": json.loads(record.properties or "{}")}
    traits = {str(record.field): None if record.value == NO_VALUE else record.value}
    if record.contact_id:
        return "/v1/identify", {**known, **who, "traits": traits}
    return "/v1/group", {**known, "anonymousId": "server", "groupId": record.account_id, "traits": traits}


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Story, Story, list[int]]]:
    """Some nights with their mornings: of files, and of messages."""
    folder = tmp_path_factory.mktemp("replay")
    space = a_workspace_whose_triggers_are_planned(folder / "space")
    files, messages = Story(folder / "files", workspace=space), Story(folder / "messages", workspace=space)
    world, nights, sent = World(seed=5, companies=COMPANIES, start=date(2026, 3, 2)), list[int](), set[tuple[str, str]]()
    web = Web(messages.system)
    a_key(messages.system, *SOURCES)
    for number in range(NIGHTS):
        moment = FIRST + timedelta(days=number)
        nights.append(instant_of(moment))
        world.advance(moment)
        world.export(folder / "logs")
        files.clock.set(nights[-1])
        load(files.system, [], Origin(folder / "logs", {}), quiet)
        tell(messages, web, [record for record in everything(files) if (record.source, record.source_id) not in sent], sent)
        for story in (files, messages):
            story.clock.set(nights[-1])
            story.heard(moment.strftime("%Y-%m-%d %H:%M"))
            nightly(story.system, nights[-1], quiet)
            story.clock.set(nights[-1] + 10 * HOUR)
            story.sweep_and_send()
    web.come_to_rest()
    yield files, messages, nights
    files.close()
    messages.close()


def everything(story: Story) -> list[Record]:
    """What the sources said so far, in the order in which it happened."""
    names = ", ".join(f'"{name}"' for name in COLUMNS)
    with story.system.records() as records:
        rows = records.duck.execute(f"SELECT {names} FROM records WHERE source <> 'banso' ORDER BY occurred_at, source, source_id").fetchall()
    return [Record(**dict(zip(COLUMNS, row, strict=True))) for row in rows]


def tell(story: Story, web: Web, records: list[Record], sent: set[tuple[str, str]]) -> None:
    for record in records:
        story.clock.set(max(story.clock.now(), record.occurred_at))
        path, body = message_of(len(sent), record)
        answer = web.post(path, body)
        assert (answer.status_code, answer.json().get("refused")) == (200, []), (record, answer.text)
        sent.add((record.source, record.source_id))


def decided(story: Story) -> list[tuple[object, ...]]:
    """Every decision of every night, as it was kept."""
    names = ("slot", "account_id", "rule", "lane", "outcome", "reason", "detail", "trace")
    with story.system.ledger.read() as connection:
        rows = [row for account in sorted(story.accounts()) for row in ledger_decisions.decisions_of(connection, account)]
    return sorted(tuple(row[name] for name in names) for row in rows if row["slot"].startswith("nightly/"))


def test_every_decision_of_every_night_is_the_same(told: tuple[Story, Story, list[int]]) -> None:
    files, messages, nights = told
    by_files, by_messages = decided(files), decided(messages)
    assert by_messages == by_files
    assert len(by_files) > len(nights)


def test_every_fact_of_every_account_is_the_same_one_by_one_as_all_at_once(told: tuple[Story, Story, list[int]]) -> None:
    files, messages, nights = told
    workspace = files.system.workspace
    facts = tuple(each.name for each in files.system.evaluator(workspace).columns)
    for instant in nights:
        stale, at_once = stale_at(files.system, workspace, instant), dict[str, dict[str, object]]()
        with files.system.records() as records:
            judge_all(records, workspace, Question(facts, ()), bind(workspace, records, instant, stale), "facts")
            wanted = ", ".join(f'"{name}"' for name in ("account_id", *facts))
            for account, *values in records.duck.execute(f'SELECT {wanted} FROM "facts"').fetchall():
                at_once[account] = dict(zip(facts, values, strict=True))
        one_by_one = {account: one(messages, account, instant, facts, stale) for account in sorted(at_once)}
        assert one_by_one == at_once


def one(story: Story, account: str, instant: int, facts: tuple[str, ...], stale: frozenset[str]) -> dict[str, object]:
    judged, _, _ = judge_one(story.system, account, instant, stale=stale)
    return {name: judged.answer.columns[name] for name in facts}
