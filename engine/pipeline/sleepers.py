"""Accounts of a backtest whose rules were all refused for a reason that lasts: they are not judged anew until something it rests on changes.

`excluded`, `holdout` and `stage` rest on what stands in an account's row of the night: which rules match, whether it is excluded, the values
it is counted and tried by. That row is compared as a hash. `again` rests on touches too, of which more can only prolong it. The gates before
`again` ask for an address, so whatever is heard of an account's people wakes it. Scarce places of a trial are given out anew each night.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import duckdb
import pyarrow as pa

from engine.calendar import date_of_day, day_of_date, day_of_text
from engine.decision.arbitrate import Decision
from engine.decision.candidates import standing_columns
from engine.decision.scarce import is_given_out
from engine.decision.standing import Standing
from engine.pipeline.people import HEARD
from engine.rulebook.statement import EXCLUDED, rule_column
from engine.workspace.model import Workspace

LASTING = frozenset({"excluded", "holdout", "stage", "again"})
NEVER = 1 << 40  # a day nobody lives to see
LONGEST_MONTH = 31
ASLEEP = "asleep"  # who sleeps, by which row, until which day, and for which refusals
TONIGHT = "asleep_tonight"  # who of them is passed over
FALLEN = pa.schema({"account_id": pa.string(), "until": pa.int64(), "refusal": pa.int64()})
Refusals = tuple[tuple[str, str], ...]  # rule and reason


@dataclass
class Sleepers:
    """Who sleeps, for the nights of one rule set in their order."""

    duck: duckdb.DuckDBPyConnection
    workspace: Workspace
    rules: Sequence[str]
    _refusals: dict[Refusals, int] = field(default_factory=dict)
    _fallen: list[tuple[str, int, int]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.duck.execute(f"CREATE OR REPLACE TEMP TABLE {ASLEEP} (account_id VARCHAR, row_hash UBIGINT, until BIGINT, refusal BIGINT)")

    def _row(self) -> str:
        names = [EXCLUDED, *(rule_column(rule) for rule in self.rules), *standing_columns(self.workspace, self.rules)]
        return "hash(row({}))".format(", ".join(f'n."{name}"' for name in names))

    def tonight(self, table: str, instant: int) -> Iterator[tuple[Refusals, int]]:
        """Writes those who sleep through a night into TONIGHT; the refusals they would have got, with how many accounts would."""
        today = self.workspace.zone.day(instant)
        self.duck.execute(f"DELETE FROM {ASLEEP} WHERE account_id IN (SELECT account_id FROM {HEARD}) OR until <= {today}")
        self.duck.execute(
            f"CREATE OR REPLACE TEMP TABLE {TONIGHT} AS SELECT n.account_id, a.refusal "
            f'FROM "{table}" n JOIN {ASLEEP} a ON a.account_id = n.account_id AND a.row_hash = {self._row()}'
        )
        told = list(self._refusals)
        counted = self.duck.execute(f"SELECT refusal, count(*) FROM {TONIGHT} GROUP BY refusal ORDER BY refusal").fetchall()
        return ((told[refusal], number) for refusal, number in counted)

    def note(self, standing: Standing, decisions: Sequence[Decision]) -> None:
        """What became of an account that is awake."""
        if all(each.outcome == "gated" and each.reason in LASTING and not is_given_out(each.reason, each.detail) for each in decisions):
            refusals = tuple((each.candidate.rule_id, str(each.reason)) for each in decisions)
            until = min(_wakes(each, standing) for each in decisions)
            self._fallen.append((standing.account_id, until, self._refusals.setdefault(refusals, len(self._refusals))))

    def lie_down(self, table: str) -> None:
        """At the end of a night those who were refused for long fall asleep by their row. By another row they may sleep already."""
        if self._fallen:
            columns = dict(zip(FALLEN.names, zip(*self._fallen, strict=True), strict=True))
            self.duck.register("fallen", pa.table({name: list(values) for name, values in columns.items()}, schema=FALLEN))
            self.duck.execute(
                f'INSERT INTO {ASLEEP} SELECT account_id, {self._row()}, until, refusal FROM fallen JOIN "{table}" n USING (account_id)'
            )
            self.duck.unregister("fallen")
            self._fallen.clear()


def _wakes(decision: Decision, standing: Standing) -> int:
    """The first day on which the same row may be judged otherwise."""
    candidate, again, trial = decision.candidate, decision.candidate.rule.again, decision.candidate.rule.try_
    days = [NEVER]
    if trial is not None and trial.until is not None and standing.today <= day_of_text(trial.until):
        days.append(day_of_text(trial.until) + 1)
    if decision.reason == "again":
        earlier = candidate.same_key(standing)
        if len(earlier) < again.at_most and again.after_days is not None:
            days.append(max(each.day for each in earlier) + again.after_days)
        if again.per in {"month", "year"}:
            days.append(_next_month(standing.today))
    return min(days)


def _next_month(today: int) -> int:
    first = date_of_day(today).replace(day=1)
    return day_of_date(date_of_day(day_of_date(first) + LONGEST_MONTH).replace(day=1))
