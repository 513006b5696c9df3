"""One world, one rule set, three readers: the SQL statement, the generated function, the oracle; and where they differ."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

import duckdb
import pyarrow as pa
from sqlglot import exp

from engine.calendar import BusinessDays
from engine.calendar import zone as zone_of
from engine.facts.fold import Needs, fold_records
from engine.records.lake import SCHEMA
from engine.records.record import COLUMNS, Record
from engine.rulebook.dialects import sql_text
from engine.rulebook.plan import Plan
from engine.rulebook.python import compile_python
from engine.rulebook.sql import Bound
from engine.rulebook.statement import UNIT_COLUMNS, Question, Unit, statement

from .oracle import AUTOMATIC, Oracle, labels_of
from .rules import Plain
from .worlds import World

Key = tuple[str, ...]  # an account, or an account and a contact
Answers = Mapping[Key, Mapping[str, Any]]
Engine = Callable[[exp.Select], list[dict[str, Any]]]  # runs a statement on a world's records
Reached = Counter[tuple[str, str, str]]
UNITS: tuple[Unit, ...] = ("account", "contact")
ABSENT = "no row"
CONDITIONS = "conditions of every rule"  # said by the function only, for explain


@dataclass(frozen=True)
class Difference:
    """A name on which the three do not agree, for one unit."""

    reader: str  # which form of statement or function
    key: Key
    name: str
    found: Any
    meant: Any


def units(world: World, unit: Unit) -> dict[Key, list[Record]]:
    """All records of each unit of which something is visible; a unit nobody has heard of has no answer."""
    found: dict[Key, list[Record]] = {}
    for account, records in world.accounts.items():
        for record in records:
            if unit == "account" or record.contact_id is not None:
                found.setdefault(tuple(getattr(record, name) for name in UNIT_COLUMNS[unit]), []).append(record)
        visible = {tuple(getattr(record, name) for name in UNIT_COLUMNS[unit]) for record in world.visible(account)}
        for key in [key for key in found if key[0] == account and key not in visible]:
            del found[key]
    return found


def meant(world: World, rules: Plain, unit: Unit, reached: Reached) -> Answers:
    """What the design's prose says."""
    answers, labels = {}, labels_of(rules)
    for key, records in units(world, unit).items():
        visible = [record for record in records if record.occurred_at <= world.instant and record.known_at <= world.instant]
        oracle = Oracle(world, rules, visible, reached, labels)
        answer: dict[str, Any] = dict(oracle.answer())
        answer[CONDITIONS] = {name: tuple(chain(*oracle.conditions(name))) for name in rules["rules"]}
        answers[key] = answer
    return answers


def business(world: World) -> BusinessDays:
    return BusinessDays(world.weekdays, world.closed)


def records_of(world: World) -> pa.Table:
    rows = [{name: getattr(record, name) for name in COLUMNS} for records in world.accounts.values() for record in records]
    return pa.Table.from_pylist(rows, schema=SCHEMA)


def in_duckdb(world: World) -> Engine:
    """DuckDB with the world's records under the name the statement reads."""
    connection = duckdb.connect()
    connection.execute("SET threads = 1")
    connection.register("records", records_of(world))

    def run(query: exp.Select) -> list[dict[str, Any]]:
        cursor = connection.execute(sql_text(query, "duckdb"))
        names = [each[0] for each in cursor.description]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]

    return run


def asked(rules: Plain) -> tuple[str, ...]:
    """Every name whose value all three can say."""
    steps = [name for step in rules["steps"] for name in (f"at.{step}", f"done.{step}")]
    named = [*(f"segment.{name}" for name in rules["segments"]), *(f"goal.{name}" for name in rules["goals"])]
    return (*rules["facts"], *AUTOMATIC, *steps, *named)


def by_sql(engine: Engine, world: World, plan: Plan, question: Question, *, ties: bool) -> Answers:
    """What one statement says of all units. Engines without a type for truths say 1 and 0."""
    oldest = min((record.occurred_at for records in world.accounts.values() for record in records), default=0)
    since = 0 if world.seed % 4 == 1 else oldest
    bound = Bound(world.instant, zone_of(world.zone), business(world), world.stale, ties, since)
    rows = engine(statement(plan, question, bound))
    keys = UNIT_COLUMNS[question.unit]
    return {tuple(row.pop(key) for key in keys): {name: _said(name, value) for name, value in row.items()} for row in rows}


def _said(name: str, value: Any) -> Any:
    return bool(value) if value in {0, 1} and (_is_verdict(name) or name.startswith(("done.", "segment."))) else value


def by_python(world: World, plan: Plan, unit: Unit, *, all_columns: bool = True) -> Answers:
    """What the generated function says of each unit, from a fold of that unit's records alone."""
    place = zone_of(world.zone)
    evaluator = compile_python(plan, place, business(world), all_columns=all_columns)
    needs = Needs.of(evaluator.plan.accumulators(evaluator.columns))
    answers = {}
    for key, records in units(world, unit).items():
        answer = evaluator.answer(fold_records(records, world.instant, needs, place), world.instant, world.stale)
        rules = {f"rule.{name}": verdict for name, verdict in answer.rules.items()}
        conditions = evaluator.conditions(tuple(answer.columns.values()), world.stale)
        answers[key] = {**answer.columns, **rules, "excluded": answer.excluded, CONDITIONS: conditions}
    return answers


def differences(world: World, rules: Plain, plan: Plan, reached: Reached, asked_of: Sequence[Unit] = UNITS) -> list[Difference]:
    """Every answer of an executor that is not the oracle's, for accounts and contacts."""
    duck = in_duckdb(world)
    return [each for unit in asked_of for each in _unit_differences(duck, world, rules, plan, unit, reached)]


def differences_of(engine: Engine, world: World, rules: Plain, plan: Plan) -> list[Difference]:
    """Every answer of another engine's statement that is not the oracle's, for accounts and contacts."""
    found = []
    for unit in UNITS:
        truth = _narrowed(meant(world, rules, unit, Counter()), lambda name: name != CONDITIONS)
        everything = Question(asked(rules), rules=True, unit=unit)
        found += _compared("sql", by_sql(engine, world, plan, everything, ties=True), truth)
    return found


def _unit_differences(duck: Engine, world: World, rules: Plain, plan: Plan, unit: Unit, reached: Reached) -> Iterator[Difference]:
    full = meant(world, rules, unit, reached)
    truth = _narrowed(full, lambda name: name != CONDITIONS)
    everything = Question(asked(rules), rules=True, unit=unit)
    yield from _compared("python", by_python(world, plan, unit), full)
    if unit == "contact" and world.seed % 4:  # what reports ask of contacts: how far each is on the route
        route = Question(tuple(filter(_is_of_route, asked(rules))), rules=False, unit=unit)
        yield from _compared("sql", by_sql(duck, world, plan, route, ties=True), _narrowed(truth, _is_of_route))
        return
    yield from _compared("sql", by_sql(duck, world, plan, everything, ties=True), truth)
    if not world.ties and world.seed % 2 and unit == "account":
        yield from _compared("sql without ties", by_sql(duck, world, plan, everything, ties=False), truth)
    if world.seed % 4 == 0 and unit == "account":  # what a night asks: rules only, and no column that none of them reads
        verdicts = _narrowed(truth, _is_verdict)
        yield from _compared("sql, rules only", by_sql(duck, world, plan, Question(), ties=True), verdicts)
        yield from _compared("python, rules only", by_python(world, plan, unit, all_columns=False), verdicts)


def _narrowed(answers: Answers, wanted: Callable[[str], bool]) -> Answers:
    return {key: {name: value for name, value in answer.items() if wanted(name)} for key, answer in answers.items()}


def _is_verdict(name: str) -> bool:
    return name == "excluded" or name.startswith("rule.")


def _is_of_route(name: str) -> bool:
    return name in {"next_step", "stalled_days"} or name.startswith(("at.", "done."))


def _compared(reader: str, found: Answers, truth: Answers) -> Iterator[Difference]:
    for key in sorted(found.keys() | truth.keys()):
        if key not in found or key not in truth:
            yield Difference(reader, key, "*", found.get(key, ABSENT), truth.get(key, ABSENT))
            continue
        for name, value in truth[key].items():
            if not _same(found[key][name], value):
                yield Difference(reader, key, name, found[key][name], value)


def _same(found: object, value: object) -> bool:
    """Equal and of one type: 1 is not true."""
    return type(found) is type(value) and found == value


def told(world: World, rules: Plain, found: Sequence[Difference]) -> str:
    """The first difference with all one needs to see it again."""
    first = found[0]
    kind, _, rest = first.name.partition(".")
    plain = rules["rules"].get(rest) if kind == "rule" else rules["segments"].get(rest) if kind == "segment" else rules["facts"].get(first.name)
    records = "\n".join(f"    {record}" for record in sorted(world.visible(first.key[0]), key=lambda record: record.occurred_at))
    return (
        f"seed {world.seed}: {len(found)} differences, in {sorted({(each.reader, each.name) for each in found})[:12]}\n"
        f"  {first.reader} says {first.name} = {first.found!r} for {first.key}, meant is {first.meant!r}\n"
        f"  written: {plain}\n  route: {rules['route']} {rules['steps']}\n"
        f"  {world.zone}, instant {world.instant}, today {world.today}, stale {set(world.stale)}\n{records}"
    )
