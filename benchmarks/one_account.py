"""One account: the generated function beside plain Python for the same facts and rules, and two rule engines in Rust.

`python -m benchmarks.one_account --rounds 15`.
"""

import argparse
import random
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import cast

import cel
import zen

from benchmarks import DATA, RESULTS, WORKSPACE
from benchmarks.by_hand import account as by_hand
from benchmarks.by_hand.rules import WrittenRule, cel_rules, python_rules, read_rules, zen_rules
from benchmarks.lake import INSTANT, read_manifest, ready_lake
from benchmarks.results import Report, Sample, publish, ratio
from engine.calendar import BUSINESS_REACH, DAY, date_of_day
from engine.clock import SystemClock
from engine.facts.fold import Fold, Needs, fold_records
from engine.records.lake import DuckSettings, attach, connect, read_accounts
from engine.rulebook.python import Evaluator, compile_python
from engine.workspace.load import load_workspace
from engine.workspace.model import Workspace

LAKE = 10_000
ACCOUNTS = 500
RANDOM_INPUTS = 20_000
UNKNOWN_SHARE = 0.15
SEED = 11
FRESH: frozenset[str] = frozenset()
STALE = (FRESH, frozenset({"product"}), frozenset({"sfa"}), frozenset({"support", "hearing"}), frozenset({"product", "sfa", "hearing"}))
GOAL = 1.5
PACKAGES = ("zen-engine", "common-expression-language")

Values = tuple[object, ...]
Verdicts = Sequence[bool | None]
Work = Callable[[], object]


@dataclass(frozen=True)
class Generated:
    """The product's function, with the columns by name."""

    evaluator: Evaluator

    @cached_property
    def places(self) -> dict[str, int]:
        """Where each fact of the hand-written function stands among the generated columns."""
        order = {each.name: index for index, each in enumerate(self.evaluator.columns)}
        return {name: order[name.replace("done_", "done.")] for name in by_hand.FACTS}

    def facts(self, values: Values) -> Values:
        """Generated columns as the facts of the hand-written function."""
        return tuple(values[place] for place in self.places.values())

    def columns(self, facts: Values) -> Values:
        """Facts in the places of the generated columns; the segment follows from them."""
        values: list[object] = [None] * len(self.evaluator.columns)
        for place, value in zip(self.places.values(), facts, strict=True):
            values[place] = value
        named = dict(zip(by_hand.FACTS, facts, strict=True))
        values[[each.name for each in self.evaluator.columns].index("segment.quiet")] = _is_quiet(named["logins_28"], named["login_gap"])
        return tuple(values)


def _is_quiet(logins: object, gap: object) -> bool | None:
    few, long_ago = None if logins is None else cast("int", logins) <= 1, None if gap is None else cast("int", gap) >= 14
    return False if few is False or long_ago is False else None if few is None or long_ago is None else True


@dataclass(frozen=True)
class ByHand:
    """The hand-written functions with the calendar they use."""

    workspace: Workspace
    rules: Callable[[Values, frozenset[str]], Verdicts]

    @cached_property
    def business_count(self) -> Callable[[int], int]:
        today = self.workspace.zone.day(INSTANT)
        counts, first = self.workspace.business.counts(today), today - BUSINESS_REACH
        return lambda day: counts[min(max(day - first, 0), 2 * BUSINESS_REACH)]

    def facts(self, fold: Fold, stale: frozenset[str]) -> Values:
        zone = self.workspace.zone
        return by_hand.facts(fold, INSTANT, zone.day(INSTANT), stale, zone.day, self.business_count)


def compile_by_hand(workspace: Workspace, rules: Sequence[WrittenRule]) -> ByHand:
    namespace: dict[str, Callable[[Values, frozenset[str]], Verdicts]] = {}
    exec(compile(python_rules(rules, by_hand.FACTS), "<by hand>", "exec"), {}, namespace)  # text of by_hand/rules.py
    return ByHand(workspace, namespace["rules"])


def read_folds(workspace: Workspace) -> list[Fold]:
    """Folds of some accounts of a small lake."""
    folder = ready_lake(LAKE)
    connection = connect(DuckSettings(scratch=DATA / "tmp"))
    attach(connection, folder, read_manifest(folder), None)
    needs = Needs.of(workspace.plan.accumulators(workspace.plan.columns))
    found = read_accounts(connection, [f"a{number:07}" for number in range(ACCOUNTS)])
    return [fold_records(records, INSTANT, needs, workspace.zone) for records in found.values()]


# --- the same answers -----------------------------------------------------------------------------------------------------


def require_equal(generated: Generated, hand: ByHand, folds: Sequence[Fold]) -> int:
    """Compare facts and verdicts on real folds, fresh and stale, and verdicts on random facts; returns how many were compared."""
    for stale in STALE:
        for fold in folds:
            values = generated.evaluator.values(fold, INSTANT, stale)
            _require(generated.facts(values) == hand.facts(fold, stale), generated.facts(values), hand.facts(fold, stale))
            _require_verdicts(generated, hand, values, generated.facts(values), stale)
    inputs = random_facts([generated.facts(generated.evaluator.values(fold, INSTANT, FRESH)) for fold in folds])
    for facts in inputs:
        _require_verdicts(generated, hand, generated.columns(facts), facts, FRESH)
    return len(STALE) * len(folds) + len(inputs)


def _require_verdicts(generated: Generated, hand: ByHand, values: Values, facts: Values, stale: frozenset[str]) -> None:
    ours, theirs = generated.evaluator.verdicts(cast("tuple[int | str | None, ...]", values), stale), hand.rules(facts, stale)
    _require(ours == theirs, ours, theirs)


def _require(equal: bool, ours: object, theirs: object) -> None:
    if not equal:
        raise SystemExit(f"the answers differ:\n{ours}\n{theirs}")


def random_facts(seen: Sequence[Values]) -> list[Values]:
    """Every fact drawn for itself from those seen, or unknown."""
    draw = random.Random(SEED)
    pools = [[values[place] for values in seen] for place in range(len(seen[0]))]
    return [tuple(None if draw.random() < UNKNOWN_SHARE else draw.choice(pool) for pool in pools) for _ in range(RANDOM_INPUTS)]


def engines(rules: Sequence[WrittenRule]) -> dict[str, Callable[[dict[str, object]], list[bool]]]:
    """The rule engines, each with one expression for the array of all rules."""
    in_zen, in_cel = zen.compile_expression(zen_rules(rules)), cel.compile(cel_rules(rules))
    return {
        "zen-engine (Rust)": lambda facts: cast("list[bool]", in_zen.evaluate(facts)),
        "CEL (Rust)": lambda facts: cast("list[bool]", in_cel.execute(facts)),
    }


def require_same_matches(hand: ByHand, rules: Sequence[WrittenRule], inputs: Sequence[Values]) -> None:
    for name, evaluate in engines(rules).items():
        for facts in inputs:
            theirs = evaluate(dict(zip(by_hand.FACTS, facts, strict=True)))
            _require(theirs == [verdict is True for verdict in hand.rules(facts, FRESH)], name, theirs)


# --- measuring ------------------------------------------------------------------------------------------------------------


def rules_work(generated: Generated, hand: ByHand, rules: Sequence[WrittenRule], folds: Sequence[Fold]) -> dict[str, Work]:
    """The rules alone, on facts that are ready in the form each variant likes best."""
    values = [generated.evaluator.values(fold, INSTANT, FRESH) for fold in folds]
    facts = [generated.facts(each) for each in values]
    named = [dict(zip(by_hand.FACTS, each, strict=True)) for each in facts]
    work: dict[str, Work] = {
        "by hand": lambda: [hand.rules(each, FRESH) for each in facts],
        "generated": lambda: [generated.evaluator.verdicts(each, FRESH) for each in values],
    }
    for name, evaluate in engines(rules).items():
        work[name] = lambda evaluate=evaluate: [evaluate(each) for each in named]  # type: ignore[misc]  # bound per name
    return work


def account_work(generated: Generated, hand: ByHand, folds: Sequence[Fold]) -> dict[str, Work]:
    """From the fold to the verdicts."""
    evaluator = generated.evaluator
    return {
        "by hand": lambda: [hand.rules(hand.facts(fold, FRESH), FRESH) for fold in folds],
        "generated": lambda: [evaluator.verdicts(evaluator.values(fold, INSTANT, FRESH), FRESH) for fold in folds],
        "generated, with names (as the product asks)": lambda: [evaluator.answer(fold, INSTANT, FRESH) for fold in folds],
    }


def measure(work: Mapping[str, Work], rounds: int) -> dict[str, Sample]:
    """Microseconds of CPU an account, one round of each in turn; a process that waits for a core is not charged for it."""
    spent: dict[str, list[float]] = {name: [] for name in work}
    for _ in range(rounds + 1):
        for name, run in work.items():
            start = time.process_time()
            run()
            spent[name].append((time.process_time() - start) * 1_000_000 / ACCOUNTS)
    return {name: Sample(values[1:], "µs", 1) for name, values in spent.items()}  # the first round warms up


def run_all(rounds: int) -> Report:
    workspace, rules = load_workspace(WORKSPACE, frozenset({"mail"})), read_rules(WORKSPACE)
    folds = read_folds(workspace)
    generated = Generated(compile_python(workspace.plan, workspace.zone, workspace.business))
    hand = compile_by_hand(workspace, rules)
    compared = require_equal(generated, hand, folds)
    require_same_matches(hand, rules, [hand.facts(fold, FRESH) for fold in folds])
    alone = measure(rules_work(generated, hand, rules, folds), rounds)
    whole = measure(account_work(generated, hand, folds), rounds)
    return _report(rounds, compared, alone, whole)


def _report(rounds: int, compared: int, alone: Mapping[str, Sample], whole: Mapping[str, Sample]) -> Report:
    logic = {"zen-engine (Rust)": "two-valued", "CEL (Rust)": "two-valued"}
    rows = [
        ["100 rules on facts", name, logic.get(name, "three-valued"), str(sample), ratio(sample, alone["by hand"])] for name, sample in alone.items()
    ]
    rows += [["fold to verdicts", name, "three-valued", str(sample), ratio(sample, whole["by hand"])] for name, sample in whole.items()]
    times = [each["generated"].median / each["by hand"].median for each in (alone, whole)]
    verdict = "met" if max(times) <= GOAL else "missed"
    return Report(
        name="one_account",
        title=f"One account: {len(by_hand.FACTS)} facts and 100 rules of three to five conditions",
        method=f"CPU microseconds an account over {ACCOUNTS} accounts of 20 records, {rounds} rounds in turn; medians of the rounds (least-greatest). "
        f"Facts and verdicts by hand and generated were equal on {compared:,} inputs, fresh, stale and with {UNKNOWN_SHARE:.0%} unknown facts.",
        head=("work", "variant", "logic", "time", "against hand"),
        rows=rows,
        remarks=[
            f"Goal: generated at most {GOAL} × by hand: {verdict} ({times[0]:.2f} × and {times[1]:.2f} ×).",
            "zen-engine and CEL get one array expression that asks only whether a rule is true: a third value would need a second test in each rule.",
        ],
    )


def main(arguments: list[str]) -> None:
    parser = argparse.ArgumentParser(description="Measure one account.")
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--date", default=date_of_day(SystemClock().now() // DAY).isoformat())
    options = parser.parse_args(arguments)
    publish(run_all(options.rounds), RESULTS, options.date, PACKAGES)


if __name__ == "__main__":
    main(sys.argv[1:])
