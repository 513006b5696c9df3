"""Folds brought up to now: the one a touch keeps, and the one of an account that was judged a moment ago. Both may be thrown away at any time.

A fold at an arrival, plus the tail rows that came after it, is the fold of all records: the order in which they are taken in does not matter. It
does not hold where rules changed (they read other records), where a bulk load went past the tail, or where the clock went back.
"""

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field
from threading import Lock

from engine.calendar import DAY, MINUTE
from engine.facts.fold import Fold, dump, fold_records, parse
from engine.ledger import instants
from engine.ledger import records as ledger_records
from engine.ledger.open import Connection
from engine.pipeline.evaluate import Judged, judge_one, stale_at
from engine.pipeline.system import System
from engine.records.lake import read_accounts
from engine.records.record import Record, bucket_of
from engine.touches.touch import Touch
from engine.workspace.model import Workspace

KEPT_MAX = 20_000  # accounts of one process; a fold takes a few kilobytes
KEPT_FOR = 7 * DAY  # tail rows that were moved into the lake are there for longer than that


@dataclass(frozen=True)
class Kept:
    """An account's fold as of `instant`, with every tail row up to `arrival`, by the needs of `rule_set`."""

    rule_set: str
    arrival: int
    instant: int
    fold: str


@dataclass
class Recent:
    """What one process remembers between one event and the next: accounts it judged last, and which sources were stale.

    In memory and not in Redis: folds hold addresses, and Redis holds ids only.
    """

    _folds: OrderedDict[str, Kept] = field(default_factory=OrderedDict)
    _stale: tuple[int, str, frozenset[str]] | None = None
    _lock: Lock = field(default_factory=Lock)
    read: int = 0  # folds that came from the lake
    found: int = 0  # folds that were there

    def judge(self, system: System, workspace: Workspace, account: str, instant: int) -> Judged:
        """One account now, as `judge_one` with `exact` says it; from the lake only if the account was not judged lately."""
        judged = self._again(system, workspace, account, instant, exact=True) or self._anew(system, workspace, account, instant, exact=True)
        self._keep(account, Kept(workspace.hash, judged.arrival, instant, dump(judged.fold)))
        return judged

    def look(self, system: System, workspace: Workspace, account: str, instant: int) -> Judged:
        """The same for somebody who only looks: it waits for nobody who accepts records, and so is not kept."""
        found = self._again(system, workspace, account, instant, exact=False)
        return found or self._anew(system, workspace, account, instant, exact=False)

    def stale(self, system: System, workspace: Workspace, now: int) -> frozenset[str]:
        """The stale sources, asked anew once a minute: freshness is counted in hours."""
        known = self._stale
        if known is None or known[1] != workspace.hash or not 0 <= now - known[0] < MINUTE:
            known = self._stale = (now, workspace.hash, stale_at(system, workspace, now))
        return known[2]

    def _again(self, system: System, workspace: Workspace, account: str, instant: int, *, exact: bool) -> Judged | None:
        with self._lock:
            kept = self._folds.get(account)
        if kept is None or kept.rule_set != workspace.hash or not 0 <= instant - kept.instant < KEPT_FOR:
            return None
        with system.ledger.write() if exact else system.ledger.read() as connection:
            if exact:
                instants.shut_out_acceptors(connection)
            if ledger_records.newest_bulk(connection) > kept.arrival:
                return None
            arrival = instants.arrival(connection)
            arrived = ledger_records.tail_since(connection, {(account, kept.arrival)})[account, kept.arrival]
        fold = parse(kept.fold)
        bring_up(fold, arrived)
        fold.advance(instant, workspace.plan.needs, workspace.zone)
        self.found += 1
        answer = system.evaluator(workspace).answer(fold, instant, self.stale(system, workspace, instant))
        return Judged(account, fold, answer, arrival)

    def _anew(self, system: System, workspace: Workspace, account: str, instant: int, *, exact: bool) -> Judged:
        self.read += 1
        stale = self.stale(system, workspace, instant)
        return judge_one(system, account, instant, exact=exact, rules=workspace, stale=stale)[0]

    def _keep(self, account: str, kept: Kept) -> None:
        with self._lock:
            self._folds[account] = kept
            self._folds.move_to_end(account)
            while len(self._folds) > KEPT_MAX:
                self._folds.popitem(last=False)


def folds_of(connection: Connection, system: System, workspace: Workspace, wave: Sequence[Touch], now: int) -> dict[str, Fold]:
    """Touch → the fold it keeps, brought up to now; read anew from the lake where it does not hold any more."""
    folds = kept_folds(connection, workspace, wave, now)
    return {**folds, **folds_anew(system, workspace, [touch for touch in wave if touch.id not in folds], now)}


def kept_folds(connection: Connection, workspace: Workspace, wave: Sequence[Touch], now: int) -> dict[str, Fold]:
    """Touch → the fold it keeps, brought up to now; those that do not hold any more are missing."""
    needs, folds = workspace.plan.needs, {}
    past_the_tail = ledger_records.newest_bulk(connection)
    kept = [touch for touch in wave if touch.rule_set == workspace.hash and touch.arrival >= past_the_tail]
    arrived = ledger_records.tail_since(connection, {(touch.account_id, touch.arrival) for touch in kept}) if kept else {}
    for touch in kept:
        folds[touch.id] = parse(touch.fold)
        bring_up(folds[touch.id], arrived[touch.account_id, touch.arrival])
        folds[touch.id].advance(now, needs, workspace.zone)
    return folds


def folds_anew(system: System, workspace: Workspace, touches: Sequence[Touch], now: int) -> dict[str, Fold]:
    """Touch → the fold of its account, read from the lake. Not to be called with a transaction open where many ask: it opens one of its own."""
    if not touches:
        return {}
    accounts = sorted({touch.account_id for touch in touches})
    with system.records(sorted({bucket_of(account) for account in accounts}), accounts, declared=workspace) as records:
        found = read_accounts(records.duck, accounts)
    return {touch.id: fold_records(found[touch.account_id], now, workspace.plan.needs, workspace.zone) for touch in touches}


def bring_up(fold: Fold, arrived: Sequence[Record]) -> None:
    """A night that was resumed after a crash saw some of them already."""
    waiting = {(record.source, record.source_id) for record in fold.later}
    fold.later += [record for record in arrived if (record.source, record.source_id) not in waiting]
