"""A fact is declared otherwise than when its records came: every reader reads them as declared now, before and after `compact`."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from engine.pipeline.compact import compact
from engine.pipeline.load import Loaded, Origin, load, may_mean
from tests.builders import a_record, a_stalled_customer, at
from tests.inbox import Inbox
from tests.story import Story, quiet

OPEN_TASKS = "  open_tasks: {label: 未了の用件, open_items: {opened: crm.task_opened, closed: crm.task_closed, key: task, opened_within_days: 30}}\n"
CONTRACT = "  contract:  "


def declare(story: Story, fact: str) -> None:
    marked = next(line for line in (story.config.workspace / "rules/facts.yaml").read_text().splitlines() if line.startswith(CONTRACT))
    story.change_rules("rules/facts.yaml", marked, f"{fact}{marked}")


@pytest.mark.parametrize("where", ["in the tail", "in the lake"])
def test_an_item_key_declared_later_is_read_from_records_that_came_before(story: Story, inbox: Inbox, where: str) -> None:
    """Otherwise `unless` would not see the open task, and the mail would go out."""
    story.given(a_stalled_customer(), replace(a_record("crm.task_opened", at="2026-04-06 10:00"), properties='{"task": "t1"}'))
    if where == "in the lake":
        story.nightly("2026-04-07 02:00")
    else:
        story.clock.set(at("2026-04-07 02:00"))
    declare(story, OPEN_TASKS)
    assert story.facts("2026-04-07 08:00")["open_tasks"] == 1
    compact(story.system, quiet)
    assert story.facts("2026-04-07 08:00")["open_tasks"] == 1


def test_the_check_before_a_send_reads_records_as_declared_now(story: Story, inbox: Inbox) -> None:
    story.given(a_stalled_customer(), replace(a_record("crm.task_opened", at="2026-04-06 10:00"), properties='{"task": "t1"}'))
    story.nightly("2026-04-07 02:00")
    declare(story, OPEN_TASKS)
    path = story.config.workspace / "rules/push.yaml"
    text = path.read_text(encoding="utf-8")
    path.write_text(
        text.replace("{approach: restart}, {open_cases", "{approach: restart}, {open_tasks: {at_least: 1}}, {open_cases"), encoding="utf-8"
    )
    story.restart()
    story.dispatch("2026-04-07 09:00")
    assert (story.states(), inbox.mails) == ([("next-setting", "dropped", "no_longer_true")], [])


SELECT = """SELECT id AS source_id, company AS account_id, field, value, "at" AS occurred_at FROM read_csv('hearing.csv', header = true, all_varchar = true)"""


@pytest.mark.parametrize(("before", "after"), [("text", "date"), ("date", "text"), ("text", "number"), ("tags", "enum")])
@pytest.mark.parametrize("compacted", [False, True], ids=["before compact", "after compact"])
def test_a_file_loaded_again_after_a_change_of_type_holds_nothing_new(story: Story, tmp_path: Path, before: str, after: str, compacted: bool) -> None:
    value = {"date": "2026/4/1", "number": "１２", "enum": "a,b"}.get(after, {"date": "2026/4/1"}.get(before, "a"))
    story.change_rules("rules/sources/hearing.sql", (story.config.workspace / "rules/sources/hearing.sql").read_text(), SELECT)
    declare(story, a_fact(before))
    assert loaded(story, tmp_path, [value] * 3, "2026-04-01 10:00").new == 3
    story.change_rules("rules/facts.yaml", a_fact(before), a_fact(after))
    if compacted:
        compact(story.system, quiet)
    again = loaded(story, tmp_path, [value] * 4, "2026-04-01 12:00")
    assert (again.new, again.repeated, again.refused) == (1, 3, 0)


def a_fact(kind: str) -> str:
    values = ", values: {a: a}" if kind in {"enum", "tags"} else ""
    return f"  told_day:  {{label: 聞いたこと, attribute: hearing.told_day, type: {kind}{values}}}\n"


def loaded(story: Story, folder: Path, values: Sequence[str], when: str) -> Loaded:
    rows = "".join(f'{number},c{number},hearing.told_day,"{value}",2026-03-0{number + 1}T10:00:00\n' for number, value in enumerate(values))
    (folder / "hearing.csv").write_text(f"id,company,field,value,at\n{rows}", encoding="utf-8")
    story.clock.set(at(when))
    (found,) = load(story.system, ["hearing"], Origin(folder, {}), quiet)
    return found


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("2026/4/1", "2026-04-01", True),
        ("2026-04-01", "2026/4/1", True),
        ("1,200", "1200", True),
        ("はい", "true", True),
        ("2026/4/1", "2026-04-02", False),
        ("株式会社青空", "株式会社青空 ", True),
        ("青空", "緑", False),
        (None, None, True),
        ("青空", None, False),
    ],
)
def test_two_texts_are_one_value_if_some_type_reads_them_so(story: Story, one: str | None, other: str | None, same: bool) -> None:
    assert may_mean(one, other, at("2026-03-01 10:00"), zone=story.system.workspace.zone) is same
