"""One account: the generated function beside plain Python for the same facts and rules, and two Rust rule engines: `python -m benchmarks.one_account`."""

import argparse
import random
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import cast

import cel
import zen

from benchmarks import DATA, RESULTS, WORKSPACE
from benchmarks.by_hand import account as by_hand
from benchmarks.by_hand.rules import cel_rules, python_rules, read_rules, zen_rules
from benchmarks.lake import INSTANT, lake_folder, read_manifest, ready_lake
from benchmarks.results import Report, Sample, publish, ratio
from engine.calendar import BUSINESS_REACH, DAY, date_of_day
from engine.clock import SystemClock
from engine.facts.fold import Fold, Needs, fold_records
from engine.records.lake import DuckSettings, attach, connect, read_accounts
from engine.rulebook.python import Evaluator, compile_python
from engine.workspace.load import load_workspace
from engine.workspace.model import Workspace

LAKE = 10_000
ACCOUNTS = 400
RANDOM_INPUTS = 20_000
UNKNOWN_SHARE = 0.15
SEED = 11
FRESH: frozenset[str] = frozenset()
STALE = (FRESH, frozenset({"product"}), frozenset({"sfa"}), frozenset({"support", "hearing"}))
GOAL = 1.5
PACKAGES = ("zen-engine", "common-expression-language")

Values = tuple[object, ...]
Rules = Callable[[Values], Sequence[bool | None]]


@dataclass(frozen=True)
class Setting:
    """Everything the variants share."""

    workspace: Workspace
    evaluator: Evaluator
    folds: Sequence[Fold]
    rules_by_hand: Rules

    def by_hand(self, fold: Fold, stale: frozenset[str]) -> Values:
        zone, today = self.workspace.zone, self.workspace.zone.day(INSTANT)
        return by_hand.facts(fold, INSTANT, today, stale, zone.day, self._business_count)

    def __post_init__(self) -> None:
        today = self.workspace.zone.day(INSTANT)
        counts, first = self.workspace.business.counts(today), today - BUSINESS_REACH
        object.__setattr__(self, "_business_count", lambda day: counts[min(max(day - first, 0), 2 * BUSINESS_REACH)])

    _business_count: Callable[[int], int] = lambda day: day


