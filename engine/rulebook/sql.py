"""Executor (a): the compiled plan as one SQL statement for all accounts.

Instants, days and thresholds are bound as constants and local days come from a CASE over the zone's offsets, so no date function of
any dialect is used and nothing depends on the server's clock or zone. The statement reads one relation, `records`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import reduce

from sqlglot import exp

from engine.calendar import BUSINESS_REACH, DAY, LATEST, BusinessDays, Zone
from engine.facts import algebra as a
from engine.records.record import NO_NUMBER, NO_VALUE
from engine.rulebook.plan import Column

WORD_BITS = 60  # distinct days as bits of a 64-bit word; longer windows count DISTINCT (wide integers do not travel between engines)
LISTED = "ARRAY<BIGINT>"


@dataclass(frozen=True)
class Bound:
    """What a run fixes before the statement is made."""

    instant: int
    zone: Zone
    business: BusinessDays
    stale: frozenset[str] = frozenset()
    ties: bool = True  # whether two values of a field may share an instant (the lake knows); without ties the statement is twice as fast
    since: int = 0  # no record is older; leaves out the zone's earlier offsets
    is_open: bool = False  # instant and day stay parameters ($now, $today, $business), so that one text serves many nights

    @property
    def today(self) -> int:
        return self.zone.day(self.instant)

    def now_less(self, microseconds: int = 0) -> exp.Expr:
        """The instant, so many microseconds earlier."""
        return self._less("now", self.instant, microseconds)

    def day_less(self, days: int = 0) -> exp.Expr:
        """Today, so many days earlier."""
        return self._less("today", self.today, days)

    def _less(self, name: str, value: int, distance: int) -> exp.Expr:
        if not self.is_open:
            return literal(value - distance)
        return brackets(exp.Sub(this=exp.cast(exp.Placeholder(this=name), "BIGINT"), expression=literal(distance)))

    def business_count(self, index: exp.Expr) -> exp.Expr:
        """Business days counted up to and including a day, by its distance from the first day of the list."""
        if self.is_open:  # DuckDB counts from 1
            known = exp.cast(exp.Placeholder(this="business"), "BIGINT[]")
            return exp.Anonymous(this="list_extract", expressions=[known, exp.Add(this=index, expression=literal(1))])
        counts = self.business.counts(self.today)
        if isinstance(index, exp.Literal):
            return literal(counts[int(index.name)])
        listed = exp.cast(literal(str(counts)), LISTED)  # as one text: engines bind a thousand numbers one by one
        listed.type = exp.DataType.build(LISTED)  # said, for sqlglot counts from 1 where a dialect does only if it knows the types
        return exp.Bracket(this=listed, expressions=[index])

    def parameters(self) -> dict[str, object]:
        """What the parameters of an open statement stand for; those it does not use must be left out."""
        return {"now": self.instant, "today": self.today, "business": self.business.counts(self.today)}


def column(name: str, table: str | None = None) -> exp.Column:
    return exp.column(name, table=table, quoted=True)


def literal(value: int | str | None) -> exp.Expr:
    if value is None:
        return exp.null()
    return exp.Literal.string(value) if isinstance(value, str) else exp.Literal.number(value)


def flag(value: bool) -> exp.Expr:
    return exp.true() if value else exp.false()


def alias(expression: exp.Expr, name: str) -> exp.Alias:
    return exp.Alias(this=expression, alias=exp.to_identifier(name, quoted=True))


def table(name: str) -> exp.Table:
    return exp.Table(this=exp.to_identifier(name, quoted=True))


def day_of(instant: exp.Expr, bound: Bound) -> exp.Expr:
    """The local day of an instant, the zone's newest offsets asked first because most records are recent."""
    changes = bound.zone.changes_between(bound.since, bound.instant)
    offset: exp.Expr = literal(changes[0][1])
    if len(changes) > 1:
        branches = exp.Case(default=literal(changes[0][1]))
        for start, shift in reversed(changes[1:]):
            branches = branches.when(exp.GTE(this=instant.copy(), expression=literal(start)), literal(shift), copy=False)
        offset = branches
    return exp.IntDiv(this=brackets(exp.Add(this=instant.copy(), expression=offset)), expression=literal(DAY))


def select(*expressions: exp.Expr) -> exp.Select:
    """SELECT of these themselves: sqlglot's own function copies all that is below them, and a statement is built from the leaves up."""
    return exp.Select(expressions=list(expressions))


def brackets(inner: exp.Expr) -> exp.Paren:
    return exp.Paren(this=inner)


def both(*parts: exp.Expr) -> exp.Expr:
    return exp.and_(*parts, copy=False) if parts else exp.true()


def either(*parts: exp.Expr) -> exp.Expr:
    return exp.or_(*parts, copy=False) if parts else exp.false()


def compare(kind: type[exp.Binary], left: exp.Expr, right: exp.Expr) -> exp.Expr:
    return kind(this=left, expression=right)


def is_event(events: Sequence[str]) -> exp.Expr:
    if len(events) == 1:
        return compare(exp.EQ, column("event"), literal(events[0]))
    return exp.In(this=column("event"), expressions=[literal(event) for event in events])


def within(oldest: int, newest: int, bound: Bound) -> exp.Expr:
    """Whether a record's day lies between two distances from today."""
    return both(
        compare(exp.GTE, column("day"), bound.day_less(oldest)),
        compare(exp.LTE, column("day"), bound.day_less(newest)),
    )


def filtered(aggregate: exp.Expr, condition: exp.Expr) -> exp.Expr:
    return exp.Filter(this=aggregate, expression=exp.Where(this=condition))


# --- accumulators: one aggregate each ---------------------------------------------------------------------------------


def aggregate(node: a.Accumulator, bound: Bound) -> exp.Expr:
    """The aggregate that computes an accumulator over one unit's records."""
    match node:
        case a.Latest():
            return _latest(node, bound)
        case a.First():
            return filtered(exp.Min(this=column("occurred_at")), is_event(node.events))
        case a.FirstInSpan():
            inside = [
                compare(kind, column("day"), literal(day)) for kind, day in zip((exp.GTE, exp.LTE), a.span_at(node.spans, bound.today), strict=True)
            ]
            return filtered(exp.Min(this=column("occurred_at")), both(is_event(node.events), *inside))
        case a.Last():
            return filtered(exp.Max(this=column("occurred_at")), is_event(node.events))
        case a.CountWithin():
            return filtered(exp.Count(this=exp.Star()), both(is_event([node.event]), within(node.oldest, node.newest, bound)))
        case a.DaysWithin():
            return _distinct_days(node, bound)
        case a.OpenItems():
            raise TypeError("open items are counted per key first, see relations.py")
        case a.IgnoredInRow():
            raise TypeError("touches are judged one by one first, see relations.py")


def _latest(node: a.Latest, bound: Bound) -> exp.Expr:
    key: exp.Expr = column("occurred_at")
    if bound.ties:
        key = exp.Tuple(expressions=[key, column("source"), column("source_id")])
    newest = filtered(exp.ArgMax(this=column(node.column), expression=key), compare(exp.EQ, column("field"), literal(node.field)))
    nothing = literal(NO_NUMBER if node.column == "number" else NO_VALUE)
    return exp.Nullif(this=newest, expression=nothing)


def _distinct_days(node: a.DaysWithin, bound: Bound) -> exp.Expr:
    """Days as bits where they fit into one word. The shift stands inside CASE: a row outside the window would shift too far."""
    inside = both(is_event([node.event]), within(node.oldest, node.newest, bound))
    if node.oldest - node.newest >= WORD_BITS:
        return exp.Count(this=exp.Distinct(expressions=[exp.Case().when(inside, column("day"), copy=False)]))
    distance = exp.Sub(this=bound.day_less(node.newest), expression=column("day"))
    one = exp.cast(literal(1), "BIGINT")
    bit = exp.Case().when(inside, exp.BitwiseLeftShift(this=one, expression=brackets(distance)), copy=False)
    return exp.BitwiseCount(this=exp.BitwiseOrAgg(this=bit))


# --- values and truths ------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Renderer:
    """Puts values and truths into SQL over a relation that holds the fold and the columns computed before."""

    bound: Bound
    fold: Mapping[a.Accumulator, str]

    def value(self, node: a.Value) -> exp.Expr:
        match node:
            case a.CountWithin() | a.DaysWithin() | a.OpenItems() | a.IgnoredInRow():
                return exp.Coalesce(this=column(self.fold[node]), expressions=[literal(0)])
            case a.Latest() | a.First() | a.FirstInSpan() | a.Last():
                return column(self.fold[node])
            case a.Const():
                return literal(node.value)
            case a.Today():
                return self.bound.day_less()
            case a.FactRef():
                return column(node.name)
            case a.DayOf():
                return day_of(self.value(node.instant), self.bound)
            case a.BusinessCount():
                return self._business_count(node)
            case a.Minus():
                return brackets(exp.Sub(this=self.value(node.left), expression=self.value(node.right)))
            case a.Sum():
                first, *rest = [self.value(part) for part in node.values]
                return brackets(reduce(lambda total, part: exp.Add(this=total, expression=part), rest, first))
            case a.Percent():
                return self._percent(node)
            case a.Coalesce():
                first, *rest = [self.value(part) for part in node.values]
                return exp.Coalesce(this=first, expressions=rest)
            case a.Extreme():
                return self._extreme(node)
            case a.OneOf():
                allowed = exp.In(this=self.value(node.value), expressions=[literal(item) for item in node.allowed])
                return exp.Case().when(allowed, self.value(node.value), copy=False)
            case a.Fresh():
                return exp.null() if self._any_stale(node.sources) else self.value(node.value)
            case a.Case():
                return self._case(node)

    def truth(self, node: a.Truth) -> exp.Expr:
        match node:
            case a.Compare():
                kinds: Mapping[a.Operator, type[exp.Binary]] = {"==": exp.EQ, "!=": exp.NEQ, ">=": exp.GTE, "<=": exp.LTE}
                return compare(kinds[node.operator], self.value(node.value), literal(node.wanted))
            case a.Member():
                return exp.In(this=self.value(node.value), expressions=[literal(item) for item in node.wanted])
            case a.HasTag():
                found = exp.StrPosition(this=self.value(node.value), substr=literal(f"|{node.tag}|"))
                return compare(exp.GT, found, literal(0))
            case a.IsSet():
                return exp.Not(this=exp.Is(this=self.value(node.value), expression=exp.null()))
            case a.Absent():
                return exp.cast(exp.null(), "BOOLEAN") if self._any_stale(node.sources) else exp.false()
            case a.AnyStale():
                return flag(self._any_stale(node.sources))
            case a.IsUnknown():
                return exp.Is(this=brackets(self.truth(node.inner)), expression=exp.null())
            case a.Not():
                return exp.Not(this=brackets(self.truth(node.inner)))
            case a.All():
                return brackets(both(*[self.truth(part) for part in node.parts]))
            case a.Any():
                return brackets(either(*[self.truth(part) for part in node.parts]))
            case a.TruthRef():
                return column(node.name)

    def column(self, each: Column) -> exp.Expr:
        node = each.node
        if each.is_truth:
            return self.truth(node)  # type: ignore[arg-type]  # a column marked as truth holds one
        return self.value(node)  # type: ignore[arg-type]  # and the others hold values

    def _any_stale(self, sources: Sequence[str]) -> bool:
        return not self.bound.stale.isdisjoint(sources)

    def _case(self, node: a.Case) -> exp.Expr:
        if not node.rows:
            return self.value(node.otherwise)
        branches = exp.Case(default=self.value(node.otherwise))
        for truth, value in node.rows:
            branches = branches.when(self.truth(truth), self.value(value), copy=False)
        return branches

    def _percent(self, node: a.Percent) -> exp.Expr:
        """What is left over is taken off first: engines disagree on where a division of a negative number rounds to."""
        part, whole = brackets(self.value(node.part)), brackets(self.value(node.whole))
        hundred = brackets(exp.Mul(this=literal(100), expression=part))
        left = brackets(exp.Add(this=brackets(exp.Mod(this=hundred, expression=whole)), expression=whole.copy()))
        rest = brackets(exp.Mod(this=left, expression=whole.copy()))
        percent = exp.IntDiv(this=brackets(exp.Sub(this=hundred.copy(), expression=rest)), expression=whole.copy())
        enough = [compare(exp.GTE, whole.copy(), literal(node.least)), compare(exp.LTE, part.copy(), literal(a.LARGEST_PART))]
        return exp.Case().when(both(*enough, compare(exp.GTE, part.copy(), literal(-a.LARGEST_PART))), percent, copy=False)

    def _extreme(self, node: a.Extreme) -> exp.Expr:
        """Unknown parts stand for an instant beyond all others: engines disagree on what GREATEST makes of NULL."""
        beyond = -LATEST if node.pick == "greatest" else LATEST
        kind = exp.Greatest if node.pick == "greatest" else exp.Least
        first, *rest = [exp.Coalesce(this=self.value(part), expressions=[literal(beyond)]) for part in node.values]
        return exp.Nullif(this=kind(this=first, expressions=rest), expression=literal(beyond))

    def _business_count(self, node: a.BusinessCount) -> exp.Expr:
        """Looked up in a list bound into the statement: weekday arithmetic would not know the holidays."""
        if isinstance(node.day, a.Today):
            return self.bound.business_count(literal(BUSINESS_REACH))
        distance = exp.Sub(this=self.value(node.day), expression=self.bound.day_less(BUSINESS_REACH))
        at_least = exp.Greatest(this=distance, expressions=[literal(0)])
        known = exp.Not(this=exp.Is(this=distance.copy(), expression=exp.null()))
        index = exp.Case().when(known, exp.Least(this=at_least, expressions=[literal(2 * BUSINESS_REACH)]), copy=False)
        return self.bound.business_count(exp.cast(index, "BIGINT", copy=False))
