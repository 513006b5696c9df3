"""Facts and verdicts for all accounts in one statement, and for some accounts by the generated function."""

from dataclasses import dataclass

from engine.calendar import EARLIEST
from engine.facts.fold import Fold, fold_records
from engine.ledger import records as ledger_records
from engine.pipeline.system import Records, System
from engine.records.freshness import is_stale, newest_coverage
from engine.records.lake import may_tie, newest_by_source, read_accounts
from engine.records.record import bucket_of
from engine.rulebook.dialects import sql_text
from engine.rulebook.python import Answer
from engine.rulebook.sql import Bound
from engine.rulebook.statement import Question, statement
from engine.workspace.model import Workspace, microseconds_of


@dataclass(frozen=True)
class Judged:
    """One account's fold and answer at an instant. `arrival`: the newest tail row there was when its records were read."""

    account_id: str
    fold: Fold
    answer: Answer
    arrival: int = 0


def stale_at(system: System, workspace: Workspace, instant: int) -> frozenset[str]:
    """The sources whose silence proves nothing at the instant."""
    with system.ledger.read() as connection:
        covered = ledger_records.coverage(connection, instant)
        newest = newest_by_source(ledger_records.live_parts(connection), instant)
        in_tail = ledger_records.newest_in_tail(connection, instant)
    if newest is None:
        newest = _newest_visible(system, instant)
    newest = {source: max(newest.get(source, at), at) for source, at in {**newest, **in_tail}.items()}
    stale = set()
    for name, source in workspace.settings.sources.items():
        until = newest_coverage(name, covered, newest)
        if is_stale(until, instant, source.max_age, microseconds_of(source.max_age), workspace.zone, workspace.business):
            stale.add(name)
    return frozenset(stale)


def _newest_visible(system: System, instant: int) -> dict[str, int]:
    """Read from the records themselves: for past instants the manifest knows too much."""
    visible = "SELECT source, max(occurred_at) FROM records WHERE occurred_at <= ? AND known_at <= ? GROUP BY source"
    with system.records() as records:
        return dict(records.duck.execute(visible, [instant, instant]).fetchall())


def bind(workspace: Workspace, records: Records, instant: int, stale: frozenset[str]) -> Bound:
    """What the statement is bound to: instant, zone, calendar, stale sources, and what the manifest knows of the records."""
    parts = records.snapshot.parts
    since = min([part.since for part in parts], default=EARLIEST) if not records.snapshot.tail else EARLIEST
    return Bound(instant, workspace.zone, workspace.business, stale, may_tie(parts, records.tail), since)


def judge_all(records: Records, workspace: Workspace, question: Question, bound: Bound, into: str) -> None:
    """Run the one statement for all accounts; the result is the temp table `into`."""
    sql = sql_text(statement(workspace.plan, question, bound), "duckdb")
    records.duck.execute(f'CREATE OR REPLACE TEMP TABLE "{into}" AS {sql}')


def fold_accounts(workspace: Workspace, records: Records, accounts: list[str], instant: int) -> dict[str, Fold]:
    """Fold some accounts one by one."""
    found = read_accounts(records.duck, accounts, records.attached.relation(accounts))
    return {account: fold_records(said, instant, workspace.plan.needs, workspace.zone) for account, said in found.items()}


def judge_accounts(
    system: System, workspace: Workspace, records: Records, accounts: list[str], instant: int, stale: frozenset[str]
) -> dict[str, Judged]:
    """Fold and judge some accounts one by one."""
    evaluator, arrival = system.evaluator(workspace), records.snapshot.arrival
    folds = fold_accounts(workspace, records, accounts, instant)
    return {account: Judged(account, fold, evaluator.answer(fold, instant, stale), arrival) for account, fold in folds.items()}


def judge_one(
    system: System, account: str, instant: int, *, exact: bool = False, rules: Workspace | None = None, stale: frozenset[str] | None = None
) -> tuple[Judged, Workspace, frozenset[str]]:
    """One account at an instant, from its bucket and its tail rows only; `exact` where a touch is to keep the fold.

    By `rules` if not today's; `stale` where somebody knows already which sources are.
    """
    workspace = rules or system.workspace
    stale = stale_at(system, workspace, instant) if stale is None else stale
    with system.records([bucket_of(account)], [account], exact=exact, declared=workspace) as records:
        return judge_accounts(system, workspace, records, [account], instant, stale)[account], workspace, stale
