"""The one SQL statement: records → visible → fold (one row a unit) → facts, level by level → rules."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from sqlglot import exp

from engine.facts import algebra as a
from engine.facts.reads import names_read
from engine.rulebook.plan import Column, Plan
from engine.rulebook.relations import WITH_RELATIONS, relation_of, relations
from engine.rulebook.sql import Bound, Renderer, aggregate, alias, both, column, compare, day_of, select, table

Unit = Literal["account", "contact"]
UNIT_COLUMNS: Mapping[Unit, tuple[str, ...]] = {"account": ("account_id",), "contact": ("account_id", "contact_id")}
RECORD_COLUMNS = ("account_id", "contact_id", "source", "source_id", "event", "field", "value", "number", "key", "occurred_at")


@dataclass(frozen=True)
class Question:
    """What a statement is asked for: names of columns, and the truth of which rules: all, some, or none."""

    columns: tuple[str, ...] = ()
    rules: bool | tuple[str, ...] = True
    unit: Unit = "account"

    def rules_of(self, plan: Plan) -> tuple[str, ...]:
        if isinstance(self.rules, tuple):
            return self.rules
        return tuple(plan.rules) if self.rules else ()


def rule_column(rule_id: str) -> str:
    return f"rule.{rule_id}"


EXCLUDED = "excluded"


def statement(plan: Plan, question: Question, bound: Bound) -> exp.Select:
    """SELECT with one row a unit that has any visible record: the unit, the wanted columns, and each rule's truth."""
    roots = set(question.columns)
    if question.rules is not False:
        roots.update(each.name for each in plan.for_rules(question.rules_of(plan)))
    columns = plan.needed(roots)
    accumulators = plan.accumulators(columns)
    fold = {each: f"_{index}" for index, each in enumerate(accumulators)}  # no fact is called so: names begin with a letter
    renderer = Renderer(bound, fold)
    keys = UNIT_COLUMNS[question.unit]
    query = _result(plan, question, renderer, keys)
    query = query.with_("visible", as_=visible(bound, question.unit), copy=False)
    for name, part in relations(accumulators, fold, bound, keys):
        query = query.with_(name, as_=part, copy=False)
    query = query.with_("fold", as_=_fold(accumulators, fold, bound, keys), copy=False)
    last = "fold"
    for index, level in enumerate(levels(columns)):
        part = select(exp.Star(), *[alias(renderer.column(each), each.name) for each in level]).from_(table(last), copy=False)
        last = f"facts_{index}"
        query = query.with_(last, as_=part, copy=False)
    return query.from_(table(last), copy=False)


def levels(columns: Iterable[Column]) -> list[list[Column]]:
    """Columns grouped so that each level reads only the levels before."""
    depth: dict[str, int] = {}
    grouped: list[list[Column]] = []
    for each in columns:
        depth[each.name] = 1 + max((depth[name] for name in names_read(each.node)), default=-1)
        if depth[each.name] == len(grouped):
            grouped.append([])
        grouped[depth[each.name]].append(each)
    return grouped


def _result(plan: Plan, question: Question, renderer: Renderer, keys: Sequence[str]) -> exp.Select:
    parts: list[exp.Expr] = [column(key) for key in keys]
    parts += [column(name) for name in question.columns]
    if question.rules is not False:
        parts += [alias(renderer.truth(plan.rules[rule_id].matches), rule_column(rule_id)) for rule_id in question.rules_of(plan)]
        parts.append(alias(renderer.truth(plan.excluded), EXCLUDED))
    return select(*parts)


def visible(bound: Bound, unit: Unit) -> exp.Select:
    """Records that had happened and were known at the instant, with their local day."""
    seen = [compare(exp.LTE, column(name), bound.now_less()) for name in ("occurred_at", "known_at")]
    if unit == "contact":
        seen.append(exp.Not(this=exp.Is(this=column("contact_id"), expression=exp.null())))
    day = alias(day_of(column("occurred_at"), bound), "day")
    return select(*[column(name) for name in RECORD_COLUMNS], day).from_(table("records"), copy=False).where(both(*seen), copy=False)


def _fold(accumulators: Sequence[a.Accumulator], fold: Mapping[a.Accumulator, str], bound: Bound, keys: Sequence[str]) -> exp.Select:
    """Events and values are folded apart, so that no aggregate is asked about records it cannot use; a unit may have either or both."""
    values = [alias(aggregate(each, bound), fold[each]) for each in accumulators if isinstance(each, a.Latest)]
    events = [alias(aggregate(each, bound), fold[each]) for each in accumulators if not isinstance(each, (a.Latest, *WITH_RELATIONS))]
    joined = _joined(select(exp.Star()).from_(_folded("event", events, keys), copy=False), _folded("field", values, keys), keys, "full")
    for each in accumulators:
        if isinstance(each, WITH_RELATIONS):
            joined = _joined(joined, table(relation_of(fold[each])), keys, "left")
    return joined


def _joined(query: exp.Select, other: exp.Expr, keys: Sequence[str], kind: Literal["full", "left"]) -> exp.Select:
    using: list[int | str | exp.Expr] = [exp.to_identifier(key, quoted=True) for key in keys]
    return query.join(other, using=using, join_type=kind, copy=False)


def _folded(kind: Literal["event", "field"], aggregates: Sequence[exp.Alias], keys: Sequence[str]) -> exp.Subquery:
    """The visible records of one kind, one row a unit."""
    of_kind = exp.Not(this=exp.Is(this=column(kind), expression=exp.null()))
    folded = (
        select(*[column(key) for key in keys], *aggregates)
        .from_(table("visible"), copy=False)
        .where(of_kind, copy=False)
        .group_by(*[column(key) for key in keys], copy=False)
    )
    return exp.Subquery(this=folded, alias=exp.TableAlias(this=exp.to_identifier(f"{kind}s", quoted=True)))
