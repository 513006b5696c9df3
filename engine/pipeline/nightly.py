"""nightly: compact → one statement for all accounts → gates and arbitration in batches → decisions and touches → doorbell."""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from functools import cached_property
from statistics import median

from engine.calendar import DAY, date_of_day, day_of_text
from engine.decision.arbitrate import Decision, decide
from engine.decision.candidates import Docket
from engine.decision.scarce import Granted
from engine.decision.standing import Pause, Standing
from engine.errors import BansoError
from engine.facts.fold import Fold, dump
from engine.ledger import approvals, holds, waiting
from engine.ledger import decisions as ledger_decisions
from engine.ledger import touches as ledger_touches
from engine.ledger.decisions import Slot
from engine.ledger.open import Connection
from engine.pipeline.compact import compact
from engine.pipeline.evaluate import fold_accounts, stale_at
from engine.pipeline.grants import grant
from engine.pipeline.load import Progress
from engine.pipeline.matched import Asked, Matched, ask
from engine.pipeline.restored import count_on, is_held
from engine.pipeline.room import must_have_room
from engine.pipeline.selfcheck import Differences, self_check
from engine.pipeline.standings import read_stock, standings_of
from engine.pipeline.system import System
from engine.touches.plan import Occasion, plan_touch
from engine.touches.touch import State, Touch
from engine.workspace.model import Workspace

MAKES_A_TOUCH = frozenset({"won", "withheld"})
BRAKE_DAYS, BRAKE_LOOKS_BACK, FEW_NIGHTS = 30, 28, 7
JOB = "nightly"
BRAKE = "banso"  # who set a pause that no person did
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
    braked: Sequence[str] = ()
    checked: int = 0  # folds that were held against the statement
    differing: Differences = field(default_factory=dict)  # where the two said otherwise: nowhere, or something is broken


def nightly(system: System, instant: int, progress: Progress) -> Night:
    """Decide for every account as of `instant`. The slot is the local date; a second run of it adds nothing.

    Raises BansoError E624 where the disk is nearly full.
    """
    workspace = system.workspace
    must_have_room(system)
    is_held(system)  # what went out after a backup is put in again before anything is decided
    _compact_first(system)
    slot = _open(system, workspace, instant)
    if slot.finished_at is not None:
        return _night(slot, slot.summary or {}, already_done=True, touches=())
    stale = stale_at(system, workspace, slot.instant)
    made: list[str] = []
    with system.records(exact=True, declared=workspace) as records, ThreadPoolExecutor(1, "decisions") as beside:
        run = Run(system, slot, ask(workspace, records, slot.instant, stale), beside)
        counted, granted, done = run.asked.counted(), run.granted(), 0
        for batch in run.asked.batches():
            progress(workspace.settings.workspace.label, done, counted.matched)
            made += _decide_batch(run, batch, granted)
            done += len(batch)
        progress("", counted.matched, counted.matched)
        checked, differing = self_check(system, run.asked, stale)
    braked = brake(system, workspace, slot)
    counts = {rule: Counter({"match": match, "unknown": unknown}) for rule, (match, unknown) in counted.rules.items()}
    with system.ledger.write() as connection:
        for rule, word, number in ledger_decisions.count_outcomes(connection, slot.key):
            counts.setdefault(rule, Counter())[word] = number
        won = sum(found["won"] for found in counts.values())
        outcomes = {rule: dict(found) for rule, found in counts.items()}
        summary = {"accounts": counted.accounts, "matched": counted.matched, "won": won, "outcomes": outcomes, "braked": braked}
        summary |= {"checked": checked, "differing": differing}
        ledger_decisions.finish_slot(connection, slot, system.clock.now(), summary)
    count_on(system)
    return _night(slot, summary, already_done=False, touches=tuple(made))


def _compact_first(system: System) -> None:
    """A night reads faster from the lake than from the tail; where a load holds the lake, the night goes on without."""
    try:
        compact(system, lambda *_: None)
    except BansoError as error:
        if error.faults[0].code != LAKE_HELD:
            raise


def _night(slot: Slot, summary: Mapping[str, object], *, already_done: bool, touches: tuple[str, ...]) -> Night:
    values = {name: summary.get(name, 0) for name in ("accounts", "matched", "won", "checked")}
    told = {"outcomes": summary.get("outcomes", {}), "braked": summary.get("braked", ()), "differing": summary.get("differing", {})}
    return Night(slot=slot.slot, instant=slot.instant, already_done=already_done, touches=touches, **values, **told)  # type: ignore[arg-type]  # our own JSON


def _open(system: System, workspace: Workspace, instant: int) -> Slot:
    date = date_of_day(workspace.zone.day(instant)).isoformat()
    with system.ledger.write() as connection:
        while waiting.expire_overdue(connection, system.clock.now()):
            """What nobody swept would count as under way."""
        ledger_decisions.keep_rule_set(connection, workspace.hash, workspace.texts, system.clock.now())
        return ledger_decisions.open_slot(connection, JOB, date, instant, workspace.hash, system.clock.now())


def _decide_batch(run: "Run", batch: Sequence[Matched], granted: Granted) -> list[str]:
    workspace, slot = run.asked.workspace, run.slot
    with run.system.ledger.write() as connection:
        ledger_decisions.one_decider(connection)
        done = ledger_decisions.decided_accounts(connection, slot.key, [each.account_id for each in batch])
        open_ones = [each for each in batch if each.account_id not in done]
        standings = standings_of(connection, workspace, open_ones, slot.instant)
        rows, touches = [], []
        for each, standing in zip(open_ones, standings, strict=True):
            for decision in run.decide(each, standing, granted):
                touch = plan_touch(decision, standing, run.occasion) if decision.outcome in MAKES_A_TOUCH else None
                rows.append(decision_row(decision, standing, slot.key, touch))
                touches += [touch] if touch else []
        written = run.beside.submit(ledger_decisions.add_first_decisions, connection, rows)  # the ledger takes them while the lake is read
        try:
            folds = run.folds([touch.account_id for touch in touches])
        finally:
            written.result()
        ledger_touches.add_touches(connection, [replace(touch, fold=dump(folds[touch.account_id])) for touch in touches])
    return [touch.id for touch in touches if touch.state is State.PENDING]


@dataclass(frozen=True)
class Run:
    """One night under way."""

    system: System
    slot: Slot
    asked: Asked
    beside: Executor

    @cached_property
    def occasion(self) -> Occasion:
        return Occasion(self.slot.key, self.asked.records.snapshot.arrival)

    @cached_property
    def docket(self) -> Docket:
        return Docket(self.asked.workspace, self.slot.instant)

    def decide(self, matched: Matched, standing: Standing, granted: Granted) -> list[Decision]:
        candidates = [self.docket.candidate(rule, matched.account_id, matched.answer.columns) for rule in matched.rules]
        return decide(candidates, standing, granted)

    def folds(self, accounts: Sequence[str]) -> dict[str, Fold]:
        """The folds of accounts that get a touch, which its re-check starts from."""
        return fold_accounts(self.asked.workspace, self.asked.records, sorted(set(accounts)), self.slot.instant) if accounts else {}

    def granted(self) -> Granted:
        """What is scarce, given out in its order; read outside of any transaction, as the stock changes only through deciders."""
        workspace = self.asked.workspace
        with self.system.ledger.read() as connection:
            stock = read_stock(connection, workspace, self.slot.instant)
            done = frozenset(ledger_decisions.decided_in(connection, self.slot.key))

        def standings(batch: Sequence[Matched]) -> list[Standing]:
            with self.system.ledger.read() as connection:
                return standings_of(connection, workspace, batch, self.slot.instant)

        return grant(self.asked, stock, standings, done)


def last_finished(connection: Connection) -> Slot | None:
    """The last night that was finished."""
    return next((slot for slot in ledger_decisions.last_slots(connection, JOB) if slot.finished_at is not None), None)


def brake(system: System, workspace: Workspace, slot: Slot) -> list[str]:
    """Stop every rule that would touch far more accounts than usual, until a person looked. Returns the rules stopped."""
    spec = workspace.settings.brake
    if spec is None:
        return []
    stopped = []
    with system.ledger.write() as connection:
        for rule, made in ledger_touches.made_in_slot(connection, slot.key).items():
            usual = usual_night(connection, workspace, rule, slot)
            if made >= spec.at_least and made > spec.times * usual:
                until = slot.instant + BRAKE_DAYS * DAY
                holds.add_pause(connection, Pause("rule", rule, f"brake: {made} > {spec.times} x {usual}", until), BRAKE, slot.instant)
                stopped.append(rule)
    return stopped


@dataclass(frozen=True)
class Confirmed:
    """So many accounts a person saw and let the rule reach, on a local day."""

    day: int
    accounts: int


def usual_night(connection: Connection, workspace: Workspace, rule: str, slot: Slot) -> int:
    """The median of the nights since a person confirmed a count, within four weeks and after the same kind of day; in the first week that count."""
    day = workspace.zone.day(slot.instant)
    names = workspace.rule_names(rule)
    confirmed = _confirmed(connection, workspace, names)
    since = max(day - BRAKE_LOOKS_BACK, confirmed.day + 1) if confirmed else day - BRAKE_LOOKS_BACK
    nights = ledger_touches.made_by_night(connection, names, JOB, date_of_day(since).isoformat(), slot.slot)
    if len(nights) < FEW_NIGHTS:
        return confirmed.accounts if confirmed else max(nights.values(), default=0)
    after_closure = not workspace.business.is_open(day - 1)
    alike = [number for date, number in nights.items() if (not workspace.business.is_open(day_of_text(date) - 1)) == after_closure]
    return round(median(alike or nights.values()))


def _confirmed(connection: Connection, workspace: Workspace, names: Sequence[str]) -> Confirmed | None:
    """What was confirmed last: by an approval, or by letting a rule go on that the brake had stopped."""
    approved = [Confirmed(workspace.zone.day(row["at"]), row["accounts"]) for row in approvals.approvals_of(connection, names)[:1]]
    for row in holds.lifted_pauses(connection, "rule", names, BRAKE)[:1]:
        day = workspace.zone.day(row["since"])
        made = ledger_touches.made_in_slot(connection, f"{JOB}/{date_of_day(day).isoformat()}")
        approved.append(Confirmed(day, sum(made.get(name, 0) for name in names)))
    return max(approved, key=lambda each: each.day, default=None)


def decision_row(decision: Decision, standing: Standing, slot: str, touch: Touch | None) -> dict[str, object]:
    """A decision as the ledger keeps it."""
    return {
        "slot": slot,
        "account_id": standing.account_id,
        "rule": decision.candidate.rule_id,
        "lane": decision.lane,
        "decided_at": standing.instant,
        "outcome": decision.outcome,
        "reason": decision.reason,
        "detail": decision.detail,
        "trace": json.dumps(dict(decision.stopped_by), ensure_ascii=False) if decision.stopped_by else "{}",
        "rule_set": standing.workspace.hash,
        "touch_id": touch.id if touch else None,
    }
