"""The compiled plan: every fact and rule in the algebra, in an order in which each reads only what stands before it."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property

from engine.facts.algebra import Accumulator, All, Node, Not, Truth
from engine.facts.fold import Needs
from engine.facts.reads import accumulators, names_read
from engine.facts.spec import FactType, Unit


@dataclass(frozen=True)
class Column:
    """A named value or truth that others refer to: a fact, a segment, a step that is done."""

    name: str
    node: Node
    is_truth: bool
    sources: tuple[str, ...]  # whose staleness can change it, also through what it reads


@dataclass(frozen=True)
class Fact:
    """What people see of a fact; its value is the column of the same name."""

    name: str
    label: str
    type: FactType
    unit: Unit
    reads: tuple[str, ...] = ()  # events and fields, to show where a value comes from


@dataclass(frozen=True)
class RulePlan:
    """The conditions of a rule, one truth each."""

    when: tuple[Truth, ...]
    unless: tuple[Truth, ...]

    @property
    def matches(self) -> Truth:
        """True when all of `when` are and none of `unless` is; an unknown `unless` therefore blocks."""
        return All((*self.when, *(Not(each) for each in self.unless)))


@dataclass(frozen=True)
class Plan:
    """One rule set, ready for both executors."""

    columns: tuple[Column, ...]
    facts: Mapping[str, Fact]
    rules: Mapping[str, RulePlan]
    excluded: Truth  # the first gate: accounts that nobody may touch
    sources: tuple[str, ...]

    def needed(self, wanted: Iterable[str]) -> tuple[Column, ...]:
        """The columns needed for these names, and those they read, in order."""
        by_name = {column.name: column for column in self.columns}
        pending, found = list(wanted), set[str]()
        while pending:
            name = pending.pop()
            if name in by_name and name not in found:
                found.add(name)
                pending += names_read(by_name[name].node)
        return tuple(column for column in self.columns if column.name in found)

    def for_rules(self, rules: Iterable[str] | None = None) -> tuple[Column, ...]:
        """The columns that these rules (default all) and the excluded gate need."""
        wanted = self.rules if rules is None else rules
        truths = [*(self.rules[rule].matches for rule in wanted), self.excluded]
        return self.needed(name for truth in truths for name in names_read(truth))

    def accumulators(self, columns: Iterable[Column]) -> list[Accumulator]:
        """What must be kept of an account's records to compute the columns and, always, the excluded gate."""
        nodes = [*(column.node for column in columns), self.excluded]
        return list(dict.fromkeys(each for node in nodes for each in accumulators(node)))

    @cached_property
    def needs(self) -> Needs:
        """What a fold of one account must keep for all columns."""
        return Needs.of(self.accumulators(self.columns))
