"""nightly: compact → one statement for all accounts → gates and arbitration in batches → decisions and touches → doorbell."""

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from sqlalchemy import Connection

from engine.calendar import date_of_day
from engine.decision.arbitrate import Decision, decide
from engine.decision.candidates import candidate_of
from engine.decision.recipient import main_contact
from engine.decision.standing import PastTouch, Pause, Standing
from engine.errors import BansoError
from engine.facts.fold import dump
from engine.ledger import decisions as ledger_decisions
from engine.ledger import holds
from engine.ledger import touches as ledger_touches
from engine.ledger.decisions import Slot
from engine.pipeline.compact import compact
from engine.pipeline.evaluate import Judged, bind, judge_accounts, judge_all, stale_at
from engine.pipeline.load import Progress
from engine.pipeline.system import Records, System
from engine.rulebook.statement import Question, rule_column
from engine.touches.plan import Occasion, plan_touch
from engine.touches.touch import Touch
from engine.workspace.model import Workspace

JOB = "nightly"
BATCH = 1_000
LAKE_HELD = "E621"


@dataclass(frozen=True)
class Night:
    """What a night did. `already_done`: the slot was finished before and nothing was added."""

    slot: str
    instant: int
    accounts: int
    matched: int
    won: int
    outcomes: Mapping[str, Mapping[str, int]]  # rule -> reason or outcome -> accounts
    already_done: bool
    touches: tuple[str, ...]


def nightly(system: System, instant: int, progress: Progress) -> Night:
    """Decide for every account as of `instant`. The slot is the local date; a second run of it adds nothing."""
    workspace = system.workspace
    _compact_first(system)
    slot = _open(system, workspace, instant)
    if slot.finished_at is not None:
        return _night(slot, slot.summary or {}, already_done=True, touches=())
    stale = stale_at(system, workspace, slot.instant)
    counts: dict[str, Counter[str]] = {rule: Counter() for rule in workspace.rules}
    made: list[str] = []
    with system.records(exact=True) as records:
        bound = bind(workspace, records, slot.instant, stale)
        judge_all(records, workspace, Question(), bound, "night")
        accounts, matched = totals(records, workspace, counts)
        done = 0
        for batch in batches(records, workspace):
            progress(workspace.settings.workspace.label, done, matched)
            made += _decide_batch(system, workspace, records, slot, batch, stale)
            done += len(batch)
        progress("", matched, matched)
    with system.ledger.write() as connection:
        for rule, word, number in ledger_decisions.count_outcomes(connection, slot.key):
            counts.setdefault(rule, Counter())[word] = number
        won = sum(found["won"] for found in counts.values())
        summary = {"accounts": accounts, "matched": matched, "won": won, "outcomes": {rule: dict(found) for rule, found in counts.items()}}
        ledger_decisions.finish_slot(connection, slot, system.clock.now(), summary)
    return _night(slot, summary, already_done=False, touches=tuple(made))


def _compact_first(system: System) -> None:
    """A night reads faster from the lake than from the tail; where a load holds the lake, the night goes on without."""
    try:
        compact(system, lambda *_: None)
    except BansoError as error:
        if error.faults[0].code != LAKE_HELD:
            raise


def _night(slot: Slot, summary: Mapping[str, object], *, already_done: bool, touches: tuple[str, ...]) -> Night:
    values = {name: summary.get(name, 0) for name in ("accounts", "matched", "won")}
    return Night(slot=slot.slot, instant=slot.instant, outcomes=summary.get("outcomes", {}), already_done=already_done, touches=touches, **values)  # type: ignore[arg-type]  # our own JSON


def _open(system: System, workspace: Workspace, instant: int) -> Slot:
    date = date_of_day(workspace.zone.day(instant)).isoformat()
    with system.ledger.write() as connection:
        ledger_decisions.keep_rule_set(connection, workspace.hash, workspace.texts, system.clock.now())
        return ledger_decisions.open_slot(connection, JOB, date, instant, workspace.hash, system.clock.now())


def _any_match(workspace: Workspace) -> str:
    return " OR ".join(f'"{rule_column(rule)}"' for rule in workspace.rules) or "false"


def totals(records: Records, workspace: Workspace, counts: dict[str, Counter[str]]) -> tuple[int, int]:
    """Accounts in all and with a match; matched and unknown for each rule go into `counts`."""
    parts = [f'count(*) FILTER (WHERE "{rule_column(rule)}"), count(*) FILTER (WHERE "{rule_column(rule)}" IS NULL)' for rule in workspace.rules]
    row = records.duck.execute(f"SELECT count(*), count(*) FILTER (WHERE {_any_match(workspace)}), {', '.join(parts)} FROM night").fetchone() or ()
    for index, rule in enumerate(workspace.rules):
        counts[rule].update({"match": row[2 + 2 * index], "unknown": row[3 + 2 * index]})
    return row[0], row[1]


def batches(records: Records, workspace: Workspace) -> Iterator[list[tuple[str, list[str]]]]:
    """(account, rules that matched) in batches, in order of account."""
    flags = ", ".join(f'"{rule_column(rule)}"' for rule in workspace.rules)
    rows = records.duck.execute(f"SELECT account_id, {flags} FROM night WHERE {_any_match(workspace)} ORDER BY account_id").fetchall()
    for start in range(0, len(rows), BATCH):
        yield [(account, [rule for rule, hit in zip(workspace.rules, hits, strict=True) if hit]) for account, *hits in rows[start : start + BATCH]]


def _decide_batch(
    system: System,
    workspace: Workspace,
    records: Records,
    slot: Slot,
    batch: Sequence[tuple[str, list[str]]],
    stale: frozenset[str],
) -> list[str]:
    accounts = [account for account, _ in batch]
    judged = judge_accounts(system, workspace, records, accounts, slot.instant, stale)
    with system.ledger.write() as connection:
        ledger_decisions.one_decider(connection)
        done = ledger_decisions.decided_accounts(connection, slot.key, accounts)
        standings = read_standings(connection, workspace, [judged[account] for account in accounts if account not in done], slot.instant)
        rows, touches = [], []
        for account, rules in batch:
            if account in done:
                continue
            standing = standings[account]
            candidates = [candidate_of(workspace, rule, dict(standing.answer.columns), slot.instant) for rule in rules]
            for decision in decide(candidates, standing, workspace.order):
                touch = _touch(decision, standing, workspace, Occasion(slot.key, records.snapshot.arrival, ""), judged[account])
                rows.append(_row(decision, standing, slot, workspace, touch))
                touches += [touch] if touch else []
        ledger_decisions.add_decisions(connection, rows)
        ledger_touches.add_touches(connection, touches)
    return [touch.id for touch in touches]


def _touch(decision: Decision, standing: Standing, workspace: Workspace, occasion: Occasion, judged: Judged) -> Touch | None:
    if decision.outcome != "won":
        return None
    return plan_touch(decision, standing, workspace, replace(occasion, fold=dump(judged.fold)))


def _row(decision: Decision, standing: Standing, slot: Slot, workspace: Workspace, touch: Touch | None) -> dict[str, object]:
    return {
        "slot": slot.key,
        "account_id": standing.account_id,
        "rule": decision.candidate.rule_id,
        "lane": decision.lane,
        "decided_at": slot.instant,
        "outcome": decision.outcome,
        "reason": decision.reason,
        "detail": decision.detail,
        "trace": json.dumps(dict(decision.stopped_by), ensure_ascii=False),
        "rule_set": workspace.hash,
        "touch_id": touch.id if touch else None,
    }


def read_standings(
    connection: Connection, workspace: Workspace, judged: Sequence[Judged], instant: int, *, before: int | None = None
) -> dict[str, Standing]:
    """What the gates need of each account; with `before`, only touches decided before that instant, as a past night saw them."""
    accounts = [each.account_id for each in judged]
    recipients = {each.account_id: main_contact(each.fold) for each in judged}
    addresses = [recipient.address for recipient in recipients.values() if recipient is not None and recipient.address is not None]
    suppressed = holds.suppressed_at(connection, addresses, instant)
    pauses: list[Pause] = holds.pauses_at(connection, instant)
    counted = ledger_touches.counted_touches(connection, accounts)
    return {
        each.account_id: Standing(
            account_id=each.account_id,
            instant=instant,
            zone=workspace.zone,
            answer=each.answer,
            recipient=recipients[each.account_id],
            pauses=pauses,
            suppressed=suppressed,
            excluded_by_list=each.account_id in workspace.excluded_accounts,
            touches=[past_touch(touch, workspace) for touch in counted.get(each.account_id, []) if before is None or touch.decided_at < before],
        )
        for each in judged
    }


def past_touch(touch: Touch, workspace: Workspace) -> PastTouch:
    """A touch as the gates see it."""
    return PastTouch(
        id=touch.id,
        rule=touch.rule,
        per_value=touch.per_value,
        goal=touch.goal,
        lane=touch.lane,
        decided_day=workspace.zone.day(touch.decided_at),
        begun_at=touch.begun_at,
        begun_day=workspace.zone.day(touch.begun_at) if touch.begun_at is not None else None,
        window_last_day=touch.window_last_day,
    )
