"""The compiled plan as the text of Python functions, from the same algebra as the SQL.

A truth is written twice, as "is true" and as "is false", each in plain two-valued Python; what is neither is unknown. That is Kleene's
logic without a call per condition.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import cast

from engine.facts import algebra as a
from engine.rulebook.plan import Column, Plan


@dataclass
class Writer:
    """Writes nodes as Python text. `names` maps columns to local variables, `stale` sources to local flags."""

    names: Mapping[str, str]
    stale: Mapping[str, str]
    _temporaries: int = field(default=0)

    def _temporary(self) -> str:
        self._temporaries += 1
        return f"t{self._temporaries}"

    # --- values ---------------------------------------------------------------------------------------------------

    def value(self, node: a.Value) -> str:
        match node:
            case a.Latest() | a.First() | a.FirstInSpan() | a.Last() | a.CountWithin() | a.DaysWithin() | a.OpenItems() | a.IgnoredInRow():
                return self._accumulator(node)
            case a.Const():
                return repr(node.value)
            case a.Today():
                return "today"
            case a.FactRef():
                return self.names[node.name]
            case a.DayOf():
                return self._applied("day_of", node.instant)
            case a.BusinessCount():
                return self._applied("business_count", node.day)
            case a.Minus():
                return self._minus(node)
            case a.Sum():
                kept = self._temporary()
                return f"(None if None in ({kept} := ({''.join(f'{self.value(part)}, ' for part in node.values)})) else sum({kept}))"
            case a.Percent():
                return self._percent(node)
            case a.Coalesce():
                return self._coalesce(node.values)
            case a.Extreme():
                return self._extreme({"least": "min", "greatest": "max"}[node.pick], [self.value(part) for part in node.values])
            case a.OneOf():
                kept = self._temporary()
                return f"({kept} if ({kept} := {self.value(node.value)}) in {node.allowed!r} else None)"
            case a.Fresh():
                return f"(None if {self._any_stale(node.sources)} else {self.value(node.value)})"
            case a.Case():
                rows = " ".join(f"{self.value(value)} if {self.true(truth)} else" for truth, value in node.rows)
                return f"({rows} {self.value(node.otherwise)})"

    def _accumulator(self, node: a.Accumulator) -> str:
        """Looked up in the fold, or counted from it."""
        match node:
            case a.Latest():
                index, kept = 3 + (node.column == "number"), self._temporary()
                return f"({kept}[{index}] if ({kept} := latest.get({node.field!r})) is not None else None)"
            case a.First():
                return self._over_events("first", "min", node.events)
            case a.FirstInSpan():
                return f"first_in_span(({self._moments(node.events)}), {node.spans!r}, today)"
            case a.Last():
                return self._over_events("last", "max", node.events)
            case a.CountWithin():
                return f"count_within(days.get({node.event!r}), today - {node.oldest}, today - {node.newest})"
            case a.DaysWithin():
                return f"days_within(days.get({node.event!r}), today - {node.oldest}, today - {node.newest})"
            case a.OpenItems():
                since = f"today - {node.within_days - 1}" if node.within_days else "None"
                return f"count_open(items.get({node.opened!r}), items.get({node.closed!r}), now - {node.age}, {since}, day_of)"
            case a.IgnoredInRow():
                answers = self._moments(node.responses)
                return f"count_ignored(touches.get({node.touch!r}), ({answers}), {node.valid_days}, today, day_of)"

    def _over_events(self, kept: str, pick: str, events: Sequence[str]) -> str:
        if len(events) == 1:
            return f"{kept}.get({events[0]!r})"
        return self._extreme(pick, [f"{kept}.get({event!r})" for event in events])

    @staticmethod
    def _moments(events: Sequence[str]) -> str:
        return "".join(f"moments.get({event!r}), " for event in events)

    @staticmethod
    def _extreme(pick: str, parts: Sequence[str]) -> str:
        return f"{pick}(known({', '.join(parts)}), default=None)"

    def _applied(self, function: str, argument: a.Value) -> str:
        if isinstance(argument, a.Today):
            return f"{function}(today)"
        kept = self._temporary()
        return f"(None if ({kept} := {self.value(argument)}) is None else {function}({kept}))"

    def _minus(self, node: a.Minus) -> str:
        checks, sides = [], []
        for side in (node.left, node.right):
            if isinstance(side, a.Today | a.Const):
                sides.append(self.value(side))
            else:
                kept = self._temporary()
                checks.append(f"({kept} := {self.value(side)}) is None")
                sides.append(kept)
        difference = f"{sides[0]} - {sides[1]}"
        return f"(None if {' or '.join(checks)} else {difference})" if checks else f"({difference})"

    def _percent(self, node: a.Percent) -> str:
        part, whole = self._temporary(), self._temporary()
        known = f"({part} := {self.value(node.part)}) is None or ({whole} := {self.value(node.whole)}) is None"
        return f"(None if {known} or {whole} < {node.least} or abs({part}) > {a.LARGEST_PART} else 100 * {part} // {whole})"

    def _coalesce(self, values: Sequence[a.Value]) -> str:
        *early, last = values
        text = self.value(last)
        for each in reversed(early):
            kept = self._temporary()
            text = f"({kept} if ({kept} := {self.value(each)}) is not None else {text})"
        return text

    def _any_stale(self, sources: Sequence[str]) -> str:
        flags = [self.stale[source] for source in sources if source in self.stale]
        return f"({' or '.join(flags)})" if flags else "False"

    # --- truths: each as "is true" and as "is false" ----------------------------------------------------------------

    def true(self, node: a.Truth) -> str:
        return self._either(node, wanted=True)

    def false(self, node: a.Truth) -> str:
        return self._either(node, wanted=False)

    def verdict(self, node: a.Truth) -> str:
        """False is asked first: most rules fail at their first condition."""
        return f"False if {self.false(node)} else True if {self.true(node)} else None"

    def _either(self, node: a.Truth, *, wanted: bool) -> str:
        match node:
            case a.Compare():
                return self._compare(node, wanted=wanted)
            case a.Member():
                return self._known_and(node.value, f"in {node.wanted!r}" if wanted else f"not in {node.wanted!r}")
            case a.HasTag():
                kept, text = self._kept(node.value)
                return f"({text} is not None and {f'|{node.tag}|'!r} {'in' if wanted else 'not in'} {kept})"
            case a.IsSet():
                return f"({self.value(node.value)} {'is not' if wanted else 'is'} None)"
            case a.Absent():
                return "False" if wanted else f"(not {self._any_stale(node.sources)})"
            case a.AnyStale():
                return self._any_stale(node.sources) if wanted else f"(not {self._any_stale(node.sources)})"
            case a.IsUnknown():
                decided = f"({self.true(node.inner)} or {self.false(node.inner)})"
                return f"(not {decided})" if wanted else decided
            case a.Not():
                return self._either(node.inner, wanted=not wanted)
            case a.All():
                return self._joined(node.parts, wanted=wanted, conjunction=wanted)
            case a.Any():
                return self._joined(node.parts, wanted=wanted, conjunction=not wanted)
            case a.TruthRef():
                return self.names[node.name] if wanted else f"({self.names[node.name]} is False)"

    def _joined(self, parts: Sequence[a.Truth], *, wanted: bool, conjunction: bool) -> str:
        if not parts:
            return str(conjunction)
        return f"({(' and ' if conjunction else ' or ').join(self._either(part, wanted=wanted) for part in parts)})"

    def _compare(self, node: a.Compare, *, wanted: bool) -> str:
        opposite = {"==": "!=", "!=": "==", ">=": "<", "<=": ">"}
        operator = node.operator if wanted else opposite[node.operator]
        return self._known_and(node.value, f"{operator} {node.wanted!r}")

    def _known_and(self, value: a.Value, test: str) -> str:
        if test.startswith(("==", "in ")):  # None equals nothing that is wanted
            return f"({self.value(value)} {test})"
        kept, text = self._kept(value)
        return f"({text} is not None and {kept} {test})"

    def _kept(self, value: a.Value) -> tuple[str, str]:
        """A name for the value, and text that computes it and gives it that name."""
        if isinstance(value, a.FactRef):
            return self.names[value.name], self.names[value.name]
        kept = self._temporary()
        return kept, f"({kept} := {self.value(value)})"


def source_text(plan: Plan, columns: Sequence[Column]) -> str:
    """Python text of three functions: `facts` (fold → columns), `rules` (columns → verdicts) and `conditions` (for explain)."""
    names = {each.name: f"v{index}" for index, each in enumerate(columns)}
    flags = {source: f"s{index}" for index, source in enumerate(plan.sources)}
    writer = Writer(names, flags)
    lines = ["def facts(fold, now, today, stale, day_of, business_count):"]
    lines += [f"    {kept} = fold.{kept}" for kept in ("latest", "first", "last", "days", "items", "touches", "moments")]
    lines += _flag_lines(flags)
    lines += [f"    {names[each.name]} = {_column_text(writer, each)}" for each in columns]
    lines += [f"    return ({''.join(f'{name}, ' for name in names.values())})"]
    unpack = f"    ({''.join(f'{name}, ' for name in names.values())}) = values" if names else "    pass"
    lines += ["def rules(values, stale):", unpack, *_flag_lines(flags), "    return ("]
    lines += [f"        {writer.verdict(rule.matches)}," for rule in plan.rules.values()]
    lines += ["    )", "def conditions(values, stale):", unpack, *_flag_lines(flags), "    return ("]
    for rule in plan.rules.values():
        verdicts = "".join(f"{writer.verdict(each)}, " for each in (*rule.when, *rule.unless))
        lines.append(f"        ({verdicts}),")
    lines += ["    )", "def excluded(fold, values, stale):", unpack, "    first = fold.first", *_flag_lines(flags)]
    lines += [f"    return {writer.verdict(plan.excluded)}"]
    return "\n".join(lines) + "\n"


def _flag_lines(flags: Mapping[str, str]) -> list[str]:
    return [f"    {name} = {source!r} in stale" for source, name in flags.items()]


def _column_text(writer: Writer, each: Column) -> str:
    if each.is_truth:
        return writer.verdict(cast("a.Truth", each.node))
    return writer.value(cast("a.Value", each.node))
