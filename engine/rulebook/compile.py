"""Facts, route, segments and rules as written → the compiled plan. Order emerges by resolving each name where it is first read."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from typing import Literal, cast

from engine.facts.algebra import (
    All,
    Any,
    AnyStale,
    Extreme,
    FactRef,
    IsUnknown,
    Last,
    Latest,
    Node,
    Span,
    Truth,
    TruthRef,
    Value,
)
from engine.facts.calendar import Calendar, Period
from engine.facts.conditions import Path, lower, lower_all, lower_any
from engine.facts.health import HEALTH, HEALTH_FACTS, POINTS, UNITS, Health, item_column
from engine.facts.reads import names_read, records_read, sources_read, walk
from engine.facts.route import COMPLETE, Route
from engine.facts.spec import ChannelEvents, FactSpec, FactType, Kind
from engine.rulebook.plan import Column, Fact, Plan, RulePlan
from engine.rulebook.spec import RuleSpec

Report = Callable[[str, Path, Mapping[str, object]], None]
OPENED = ("segment.", f"{HEALTH}.")  # truths that stand for a list of conditions
AUTOMATIC = ("next_step", "stalled_days", "done")
APPOINTMENT = "appointment.ahead"  # whether the account has an appointment ahead of it
PER_PERIOD = ("account", "month", "year")
SURELY = 0.85  # likeness from which an unknown fact is checked as the one that was meant


@dataclass(frozen=True)
class Written:
    """Everything a plan is made from, after each file passed its schema."""

    facts: Mapping[str, FactSpec]
    route: Route
    segments: Mapping[str, Sequence[object]]
    goals: Mapping[str, Literal["next_step"] | Sequence[str]]
    rules: Mapping[str, RuleSpec]
    never: Sequence[object]
    sources: Mapping[str, str]  # prefix of event or field -> source
    labels: Mapping[str, str]  # labels of the automatic facts
    health: Health | None = None
    channels: Mapping[str, ChannelEvents] = field(default_factory=dict)
    calendars: Mapping[str, Sequence[Period]] = field(default_factory=dict)  # by file
    appointment: Sequence[object] = ()
    counted: Mapping[str, Value] = field(default_factory=dict)  # columns that the gates read beside the facts

    @property
    def automatic(self) -> tuple[str, ...]:
        """The facts that route and health make by themselves."""
        return (*AUTOMATIC, *HEALTH_FACTS) if self.health else AUTOMATIC


@dataclass
class Compiler:
    """Resolves names on demand; doubles as the vocabulary of conditions and the names of primitives."""

    written: Written
    report: Report
    columns: dict[str, Column] = field(default_factory=dict)
    facts: dict[str, Fact] = field(default_factory=dict)
    _open: list[tuple[str, Path]] = field(default_factory=list)
    _broken: set[str] = field(default_factory=set)
    _read: dict[str, tuple[str, ...]] = field(default_factory=dict)

    # --- what conditions and primitives ask -------------------------------------------------------------------

    def type_of(self, fact: str, path: Path) -> FactType | None:
        if fact not in self.written.facts and fact not in self.written.automatic:
            self.fault("E201", path, name=fact, known=(*self.written.automatic, *self.written.facts))
            return None
        self.resolve(fact, path)
        return self.facts[fact].type if fact in self.facts else None

    def meant(self, fact: str) -> tuple[str, FactType] | None:
        if fact in self.written.facts or fact in self.written.automatic:
            return None  # known, and itself at fault
        near = next(iter(get_close_matches(fact, (*self.written.automatic, *self.written.facts), n=1, cutoff=SURELY)), None)
        if near is None or near in [name for name, _ in self._open]:
            return None
        self.resolve(near, ())
        return (near, self.facts[near].type) if near in self.facts else None

    def has_segment(self, segment: str, path: Path) -> bool:
        if segment not in self.written.segments:
            self.fault("E206", path, name=segment, known=tuple(self.written.segments))
            return False
        self.resolve(f"segment.{segment}", path)
        return f"segment.{segment}" in self.columns

    def sources_of(self, fact: str) -> tuple[str, ...]:
        return self.columns[fact].sources if fact in self.columns else ()

    def sources(self, names: Sequence[str]) -> tuple[str, ...]:
        found = [self.written.sources.get(name.split(".")[0]) for name in names]
        return tuple(dict.fromkeys(source for source in found if source is not None))

    def fact_type(self, name: str) -> FactType:
        return self.facts[name].type

    def conditions(self, raw: Sequence[object], path: Path) -> Truth:
        return lower_all(raw, (*self._open[-1][1], *path), self)

    def calendar(self, file: str) -> Sequence[Period]:
        return self.written.calendars.get(file, ())

    def spans(self, fact: str, path: Path) -> tuple[Span, ...]:
        calendars = {name: spec for name, spec in self.written.facts.items() if isinstance(spec, Calendar)}
        if fact not in calendars:
            self.fault("E311", path, name=fact, known=tuple(calendars))
            return ()
        return calendars[fact].spans(self)

    def channel(self, name: str, path: Path) -> ChannelEvents | None:
        answerable = {each: events for each, events in self.written.channels.items() if events.touch is not None and events.response}
        if name not in answerable:
            self.fault("E204", (*self._open[-1][1], *path), kind="channel", name=name, known=tuple(answerable))
        return answerable.get(name)

    def doubt(self, truth: Truth) -> Truth | None:
        sources = self._all_sources(truth)
        return All((AnyStale(sources), IsUnknown(truth), self._could_be(truth))) if sources else None

    def _could_be(self, truth: Truth) -> Truth:
        """What is unknown for want of data stays so and is never true; what is unknown while its own source is stale may be true."""
        if isinstance(truth, All | Any):
            return type(truth)(tuple(self._could_be(part) for part in truth.parts))
        if isinstance(truth, TruthRef) and truth.name.startswith(OPENED):
            return self._could_be(cast("Truth", self.columns[truth.name].node))
        return Any((truth, All((IsUnknown(truth), AnyStale(self._all_sources(truth))))))

    def fault(self, code: str, path: Path, **values: object) -> None:
        self.report(code, path, values)

    # --- resolving --------------------------------------------------------------------------------------------

    def resolve(self, name: str, path: Path) -> None:
        """Put a name and all it reads into the columns, once."""
        if name in self.columns or name in self.facts or name in self._broken:
            return
        names = [open_name for open_name, _ in self._open]
        if name in names:
            self._broken.add(name)
            self.fault("E405", path, cycle=" → ".join([*names[names.index(name) :], name]))
            return
        self._open.append((name, self._home(name)))
        try:
            self._add(name)
        finally:
            self._open.pop()

    @staticmethod
    def _home(name: str) -> Path:
        kind, _, rest = name.partition(".")
        if kind == HEALTH and rest:
            return ("health", "items", int(rest), "when")
        return {"segment": ("segments", rest), "passed": ("steps", rest)}.get(kind, ("facts", name))

    def _add(self, name: str) -> None:
        kind, _, rest = name.partition(".")
        if kind == "goal":
            self.keep(name, self._goal_reached(self.written.goals[rest]), truth=False)
        elif kind == "segment":
            self.keep(name, lower_all(self.written.segments[rest], ("segments", rest, "when"), self), truth=True)
        elif kind in {"at", "done", "passed"} and rest:
            self._add_step(kind, rest)
        elif kind == HEALTH and rest:
            assert self.written.health is not None
            self.keep(name, lower_all(self.written.health.items[int(rest)].when, self._home(name), self), truth=True)
        elif name in HEALTH_FACTS:
            self._add_health(name)
        elif name in AUTOMATIC:
            self._add_automatic(name)
        else:
            self._add_fact(name, self.written.facts[name])

    def _goal_reached(self, reached_by: Literal["next_step"] | Sequence[str]) -> Value:
        """When a goal was last reached; for `next_step` when any step was last completed."""
        if reached_by != "next_step":
            return Last(tuple(reached_by))
        for step in self.written.route.steps:
            self.resolve(f"at.{step}", ())
        return Extreme("greatest", tuple(FactRef(f"at.{step}") for step in self.written.route.steps))

    def _add_step(self, kind: str, step: str) -> None:
        route = self.written.route
        if kind == "at":
            self.keep(f"at.{step}", route.first_at(step, self), truth=False)
        elif kind == "done":
            self.resolve(f"at.{step}", ())
            self.keep(f"done.{step}", route.is_done(step, self), truth=True)
        else:
            self.resolve(f"done.{step}", ())
            raw = route.steps[step].needed_when
            parts = [lower_all(raw, ("steps", step, "needed_when"), self)] if raw else []
            self.keep(f"passed.{step}", route.passed(step, route.needed(step, parts)), truth=True)

    def _add_automatic(self, name: str) -> None:
        route, label = self.written.route, self.written.labels[name]
        values = {step_id: step.label for step_id, step in route.steps.items()}
        if name == "done":
            for step in route.steps:
                self.resolve(f"done.{step}", ())
            self._tell(Fact(name, label, FactType("tags", values), ""), *(f"done.{step}" for step in route.steps))
            return
        if name == "next_step":
            for step in route.steps:
                self.resolve(f"passed.{step}", ())
            self.keep(name, route.next_step(), truth=False)
            self._tell(Fact(name, label, FactType("enum", {**values, COMPLETE: self.written.labels[COMPLETE]}), ""))
            return
        self.resolve("next_step", ())
        self.keep("stalled_since", route.stalled_since(self), truth=False)
        self.keep(name, route.stalled_days(self), truth=False)
        self._tell(Fact(name, label, FactType("number"), "days"))

    def _add_health(self, name: str) -> None:
        health = self.written.health
        assert health is not None
        for index in range(len(health.items)):
            self.resolve(item_column(index), ("health", "items", index, "when"))
        if name == HEALTH:
            self.resolve(POINTS, ("health",))
        self.keep(name, health.lower(name, self), truth=False)
        self._tell(Fact(name, self.written.labels[name], health.result(name), UNITS[name]))

    def _add_fact(self, name: str, spec: FactSpec) -> None:
        for other in spec.facts_read():
            if other in self.written.facts or other in self.written.automatic:
                self.resolve(other, ("facts", name))
        usable = [self._is_usable(name, key, *wanted) for key, wanted in spec.operands().items()]
        if not all(usable):
            self._broken.add(name)
            return
        node = spec.lower(self)
        self.keep(name, node, truth=False)
        self._tell(Fact(name, spec.label, spec.result(self), spec.unit))

    def _is_usable(self, name: str, key: str, operand: str, kind: Kind) -> bool:
        """Whether a fact may stand under the key; reports why not, unless the operand is at fault itself."""
        path = ("facts", name, key)
        if (found := self.type_of(operand, path)) is not None and found.kind != kind:
            self.fault("E311", path, name=operand, known=tuple(fact for fact, each in self.written.facts.items() if each.result(self).kind == kind))
            return False
        return found is not None

    def keep(self, name: str, node: Node, *, truth: bool = False) -> None:
        """Make a node a column under a name."""
        self.columns[name] = Column(name, node, truth, self._all_sources(node))

    def _tell(self, fact: Fact, *columns: str) -> None:
        """Keep what people see of a fact, with the records that its column (or these columns) comes from, through whatever it reads."""
        reads = dict.fromkeys(name for column in columns or (fact.name,) for name in self._records(column))
        self.facts[fact.name] = replace(fact, reads=tuple(reads))

    def _records(self, column: str) -> tuple[str, ...]:
        """The events and fields behind a column."""
        if column not in self._read:
            node = self.columns[column].node if column in self.columns else None
            inner = [name for other in sorted(names_read(node)) for name in self._records(other)] if node is not None else []
            self._read[column] = tuple(dict.fromkeys([*(records_read(node) if node is not None else ()), *inner]))
        return self._read[column]

    def _all_sources(self, node: Node) -> tuple[str, ...]:
        """A value once told survives staleness, but that none was told proves nothing while its source is stale."""
        found = sources_read(node)
        found.update(self.sources([part.field for part in walk(node) if isinstance(part, Latest)]))
        for name in names_read(node):
            found.update(self.columns[name].sources if name in self.columns else ())
        return tuple(sorted(found))


def compile_plan(written: Written, report: Report) -> Plan:
    """Compile everything, reporting each fault at its path; the plan is only good if nothing was reported."""
    compiler = Compiler(written, report)
    for name in (*written.automatic, *written.facts):
        compiler.resolve(name, ("facts", name))
    for segment in written.segments:
        compiler.resolve(f"segment.{segment}", ("segments", segment))
    for goal in written.goals:
        compiler.resolve(f"goal.{goal}", ("goals", goal))
    for name, node in written.counted.items():
        compiler.keep(name, node)
    rules = {rule_id: _rule(rule_id, rule, compiler) for rule_id, rule in written.rules.items()}
    compiler.keep(APPOINTMENT, lower_any(written.appointment, ("appointment",), compiler), truth=True)
    closed = written.route.closed()
    never = lower_any(written.never, ("never",), compiler)
    excluded = Any((never, closed)) if closed is not None else never
    return Plan(tuple(compiler.columns.values()), compiler.facts, rules, excluded, tuple(dict.fromkeys(written.sources.values())))


def _rule(rule_id: str, rule: RuleSpec, compiler: Compiler) -> RulePlan:
    return RulePlan(
        tuple(lower(raw, ("rules", rule_id, "when", index), compiler) for index, raw in enumerate(rule.when)),
        tuple(lower(raw, ("rules", rule_id, "unless", index), compiler) for index, raw in enumerate(rule.unless)),
    )
