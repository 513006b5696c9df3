"""The naive reader: walks the rules as written and one unit's raw records, and says what the design's prose says.

It knows nothing of the engine's algebra, plan, fold or calendar; it shares with the engine the shape of a record and of the YAML only.
Unknown is `None`. Sentences in quotes come from the design (`rule-language.md` 3.1, 3.2, 3.7 and `settled.md` 6-12, which wins).
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from engine.records.record import NO_NUMBER, NO_VALUE, Record

from .rules import Plain
from .worlds import World, local_day

Truth = bool | None
Value = int | str | None
MINUTES = {"m": 1, "h": 60, "d": 1440}
AUTOMATIC = ("next_step", "stalled_days", "health", "health_points", "health_coverage")
REACH = 400  # business days are counted this many days back and forth; "farther dates count as this far"


def all_of(truths: Iterable[Truth]) -> Truth:
    """ "A list = AND", after Kleene: one false is enough, one unknown spoils the rest."""
    found = list(truths)
    return False if False in found else None if None in found else True


def any_of(truths: Iterable[Truth]) -> Truth:
    found = list(truths)
    return True if True in found else None if None in found else False


def opposite(truth: Truth) -> Truth:
    return None if truth is None else not truth


@dataclass
class Oracle:
    """One unit (an account, or one contact of it) at the world's instant. `records` are the visible ones."""

    world: World
    rules: Plain
    records: Sequence[Record]
    reached: Counter[tuple[str, str, str]]
    labels: Mapping[str, str]  # what a fact is called in the table of what was reached
    _values: dict[str, Value] = field(default_factory=dict)
    _segments: dict[str, Truth] = field(default_factory=dict)
    _conditions: dict[str, tuple[list[Truth], list[Truth]]] = field(default_factory=dict)

    def answer(self) -> dict[str, Value]:
        """Every fact, step, segment, goal and rule by the name the engine gives it."""
        names = [*self.rules["facts"], *AUTOMATIC]
        answer: dict[str, Value] = {name: self.value(name) for name in names}
        for step in self.rules["steps"]:
            answer[f"at.{step}"], answer[f"done.{step}"] = self.done_at(step), self.is_done(step)
        answer |= {f"segment.{name}": self.segment(name) for name in self.rules["segments"]}
        answer |= {f"goal.{name}": self.goal_at(reached_by) for name, reached_by in self.rules["goals"].items()}
        answer |= {f"rule.{name}": self.matches(*self.conditions(name)) for name in self.rules["rules"]}
        return answer | {"excluded": self.excluded()}

    def conditions(self, rule: str) -> tuple[list[Truth], list[Truth]]:
        """The verdict of each condition of a rule: those of `when` and those of `unless`."""
        if rule not in self._conditions:
            plain = self.rules["rules"][rule]
            self._conditions[rule] = [self.holds(each) for each in plain["when"]], [self.holds(each) for each in plain["unless"]]
        return self._conditions[rule]

    # --- rules ----------------------------------------------------------------------------------------------------

    def matches(self, when: Sequence[Truth], unless: Sequence[Truth]) -> Truth:
        """ "`when` (all true) `unless` (none true)"; "an unknown `unless` therefore blocks"."""
        return self._reached("rule", "when/unless", all_of([*when, opposite(any_of(unless))]))

    def excluded(self) -> Truth:
        """ "`never:` … is the first gate"; "it blocks on true only", and so do the records that end a journey."""
        ended = bool(self._of(self.rules["route"]["closed_by"]))
        return self._reached("rule", "excluded", any_of([*(self.holds(each) for each in self.rules["never"]), ended]))

    def segment(self, name: str) -> Truth:
        if name not in self._segments:
            conditions = self.rules["segments"][name]["when"]
            self._segments[name] = self._reached("rule", "segment", all_of(self.holds(each) for each in conditions))
        return self._segments[name]

    def holds(self, condition: Plain) -> Truth:
        """One condition as written: `any`, `segment`, or a fact with a comparison or its short form."""
        [(name, wanted)] = condition.items()
        if name == "any":
            return self._reached("comparison", "any", any_of([self.holds(each) for each in wanted]))
        if name == "segment":
            return self.segment(wanted)
        if not isinstance(wanted, dict):
            wanted = {"includes" if self._is_list(name) else "is": wanted}
        [(comparison, operand)] = wanted.items()
        label = f"known {str(operand).lower()}" if comparison == "known" else f"done {comparison}" if name == "done" else comparison
        return self._reached("comparison", label, self._compare(name, comparison, operand))

    def _is_list(self, name: str) -> bool:
        return name == "done" or (name in self.rules["facts"] and self.rules["facts"][name].get("type") == "tags")

    def _compare(self, name: str, comparison: str, wanted: Plain) -> Truth:
        if name == "done":
            done = self.is_done(wanted)
            return done if comparison == "includes" else opposite(done)
        value = self.value(name)
        if comparison == "known":
            return self._known(name, wanted)
        return None if value is None else _COMPARISONS[comparison](value, wanted)

    def _known(self, name: str, wanted: bool) -> Truth:
        """ "Only absence (… `known: false`) becomes unknown": where a stale source may be why nothing is there."""
        if self.value(name) is None and self._stale(self.sources_of_fact(name)):
            return None
        return (self.value(name) is not None) is wanted

    # --- facts ----------------------------------------------------------------------------------------------------

    def value(self, name: str) -> Value:
        """A fact's value, worked out once."""
        if name not in self._values:
            value = self._values[name] = self._work_out(name)
            self._reached("fact", self.labels[name], value is not None)
        return self._values[name]

    def _work_out(self, name: str) -> Value:
        if name == "next_step":
            return self.next_step()
        if name == "stalled_days":
            return self.stalled_days()
        if name.startswith("health"):
            return {"health": self._band, "health_points": self._points, "health_coverage": self._coverage}[name]()
        fact = self.rules["facts"][name]
        primitive = next(key for key in _PRIMITIVES if key in fact)
        return _PRIMITIVES[primitive](self, fact)

    def _attribute(self, fact: Plain) -> Value:
        """ "The newest value"; ties go by "(occurred_at, source, source_id) by bytes, never arrival"; a cleared or unreadable one is none."""
        told = [record for record in self.records if record.field == fact["attribute"]]
        if not told:
            return None
        newest = max(told, key=lambda record: (record.occurred_at, record.source.encode(), record.source_id.encode()))
        if fact["type"] in {"number", "date", "bool"}:
            return None if newest.number in {None, NO_NUMBER} else newest.number
        if newest.value in {None, NO_VALUE} or (fact["type"] == "enum" and newest.value not in fact["values"]):
            return None
        return newest.value

    def _count(self, fact: Plain) -> Value:
        return None if self._stale(self._sources([fact["count"]])) else len(self._days_in_window(fact["count"], fact))

    def _active_days(self, fact: Plain) -> Value:
        """ "Distinct local days"."""
        return None if self._stale(self._sources([fact["active_days"]])) else len(set(self._days_in_window(fact["active_days"], fact)))

    def _days_in_window(self, event: str, fact: Plain) -> list[int]:
        """ "`within_days: N` = today−N+1 … today; `ending_days_ago: k` shifts it back by k"."""
        last = self.world.today - fact.get("ending_days_ago", 0)
        days = [self._day(record.occurred_at) for record in self._of([event])]
        return [day for day in days if last - fact["within_days"] < day <= last]

    def _days_since(self, fact: Plain) -> Value:
        """ "today − day"; `or_since` where the events never happened; unknown where neither did."""
        first, second = fact["days_since"], fact.get("or_since", [])
        if fact.get("first"):
            return self._days_since_first(fact, [first, second])
        if self._stale(self._sources([*first, *second])):
            return None
        times = [record.occurred_at for record in self._of(first) or self._of(second)]
        return self._days_between(self._day(max(times)), self.world.today, fact.get("count")) if times else None

    def _days_since_first(self, fact: Plain, lists: Sequence[Sequence[str]]) -> Value:
        """ "What is monotone survives staleness": a first record seen stays the first; that there is none is not certain while a source is stale."""
        for events in lists:
            if times := self._times(events):
                self._reached("fact", "first, while its source is stale", self._stale(self._sources(events)))
                return self._days_between(self._day(min(times)), self.world.today, fact.get("count"))
            if self._stale(self._sources(events)):
                return None
        return None

    def _days_until(self, fact: Plain) -> Value:
        day = self.value(fact["days_until"])
        return None if day is None else self._days_between(self.world.today, int(day), fact.get("count"))

    def _open_items(self, fact: Plain) -> Value:
        """ "Opened (at <= t − m) with no closing of the same key at or after it"; what is too old or has no key is not counted."""
        items = fact["open_items"]
        if self._stale(self._sources([items["opened"], items["closed"]])):
            return None
        closings = [record for record in self._of([items["closed"]]) if record.key is not None]
        still_open = set()
        for opening in self._of([items["opened"]]):
            closed = any(closing.key == opening.key and closing.occurred_at >= opening.occurred_at for closing in closings)
            if opening.key is not None and not closed and self._counts(opening, items):
                still_open.add(opening.key)
        return len(still_open)

    def _counts(self, opening: Record, items: Plain) -> bool:
        """Open long enough (elapsed time), and opened on one of the last days."""
        at_least = items.get("open_at_least", "0m")
        old_enough = self.world.instant - opening.occurred_at >= int(at_least[:-1]) * MINUTES[at_least[-1]] * 60_000_000
        days = items.get("opened_within_days")
        return old_enough and (days is None or self._day(opening.occurred_at) > self.world.today - days)

    def _rate(self, fact: Plain) -> Value:
        """ "`100*A//B if B >= base else None`"; what cannot be multiplied by a hundred within 64 bits is unknown."""
        part, whole = self.value(fact["rate"]), self.value(fact["of"])
        if part is None or whole is None or int(whole) < fact.get("base_at_least", 1) or abs(int(part)) > 2**55:
            return None
        return 100 * int(part) // int(whole)

    def _ignored(self, fact: Plain) -> Value:
        """ "Ignored = window closed with no `response` event after the touch and inside it"; "an open one is not yet ignored"."""
        channel = self.rules["channels"][fact["ignored_in_row"]]
        if self._stale(self._sources([channel["touch"], *channel["response"]])):
            return None
        touches = self._of([channel["touch"]])
        ignored = 0
        for at in sorted({touch.occurred_at for touch in touches}, reverse=True):
            own = [days for touch in touches if touch.occurred_at == at and (days := touch.number or 0) in range(1, 367)]
            last_day = self._day(at) + max(own, default=channel["valid_days"]) - 1
            self._reached("touch", "says its own days", bool(own))
            if self._is_answered(at, last_day, channel["response"]):
                break
            ignored += self._reached("touch", "window is closed", last_day < self.world.today) is True
        return ignored

    def _is_answered(self, touched_at: int, last_day: int, responses: Sequence[str]) -> bool:
        """ "Strictly after the touch and not later than the window's last day"."""
        answered = any(at > touched_at and self._day(at) <= last_day for at in self._times(responses))
        return self._reached("touch", "answered", answered) is True

    def _calendar(self, fact: Plain) -> Value:
        """The value of the row, "both ends included", that today lies in."""
        rows = [row for row in self._rows_of(fact) if row["from"] <= self.world.today <= row["to"]]
        return str(rows[0]["value"]) if rows else None

    def _rows_of(self, fact: Plain) -> list[Plain]:
        return [row for row in self.rules["calendars"][fact["calendar"]] if row["kind"] == fact["kind"]]

    def _table(self, fact: Plain) -> Value:
        """ "First row that is true; unknown rows are passed over", but one that only a stale source keeps from being true decides nothing."""
        *rows, last = fact["table"]
        for row in rows:
            truth = all_of([self.holds(each) for each in row["when"]])
            if truth is True:
                return str(row["then"])
            if self._in_doubt(row["when"], truth):
                return None
        return str(last["else"])

    def _in_doubt(self, conditions: Sequence[Plain], truth: Truth) -> bool:
        """Whether the conditions are not true but would be, had stale sources the right things to say."""
        stale = truth is None and self._stale({source for each in conditions for source in self.sources_of(each)})
        return stale and self._reached("rule", "doubt while stale", all(self._could_be(each) for each in conditions)) is True

    def _could_be(self, condition: Plain) -> bool:
        [(name, wanted)] = condition.items()
        if name == "any":
            return any(self._could_be(each) for each in wanted)
        if name == "segment":
            return all(self._could_be(each) for each in self.rules["segments"][wanted]["when"])
        truth = self.holds(condition)
        return truth is True or (truth is None and self._stale(self.sources_of(condition)))

    # --- the health score ---------------------------------------------------------------------------------------

    def _items(self) -> list[tuple[int, Truth]]:
        """The points of each item, and whether the account has earned them."""
        return [(item["points"], all_of([self.holds(each) for each in item["when"]])) for item in self.rules["health"]["items"]]

    def _points(self) -> Value:
        """ "An unknown item gives 0 points"; but one that only a stale source keeps from being true makes the score unknown."""
        for item, (_, truth) in zip(self.rules["health"]["items"], self._items(), strict=True):
            if self._in_doubt(item["when"], truth):
                return None
        return sum(points for points, truth in self._items() if truth)

    def _coverage(self) -> Value:
        """ "Lowers the shown coverage %": 100 times the points of the items that are known by the points of all."""
        items = self._items()
        return 100 * sum(points for points, truth in items if truth is not None) // sum(points for points, _ in items)

    def _band(self) -> Value:
        """The highest band that begins at or below the points."""
        points = self.value("health_points")
        begun = [(lowest, band) for band, lowest in self.rules["health"]["bands"].items() if points is not None and lowest <= int(points)]
        return max(begun)[1] if begun else None

    # --- the route ------------------------------------------------------------------------------------------------

    def done_at(self, step: str) -> int | None:
        """ "Done at its earliest `done_by` record"; "an account's first step is also done by any later step's record"."""
        first, *later = self.rules["steps"]
        counts = self._counted_by(step)
        times = [at for at in self._times(self.rules["steps"][step]["done_by"]) if counts(at)]
        if not times and step == first:
            times = [at for other in later for at in self._times(self.rules["steps"][other]["done_by"]) if counts(at)]
            self._reached("route", "first step proven by later", bool(times))
        return min(times, default=None)

    def _counted_by(self, step: str) -> Callable[[int], bool]:
        """ "A record on a day inside the calendar row that contains today", else "on or after the last row that began"."""
        row = self._row_begun(step)
        if row is None:
            return lambda at: True
        last = row["to"] if self.world.today <= row["to"] else float("inf")

        def counts(at: int) -> bool:
            return self._reached("route", f"each {'in' if last == row['to'] else 'between'}", row["from"] <= self._day(at) <= last) is True

        return counts

    def _row_begun(self, step: str) -> Plain:
        """The last row that began of the calendar in whose seasons the step starts afresh."""
        if "each" not in self.rules["steps"][step]:
            return None
        begun = [row for row in self._rows_of(self.rules["facts"][self.rules["steps"][step]["each"]]) if row["from"] <= self.world.today]
        return max(begun, key=lambda row: row["from"], default=None)

    def is_done(self, step: str) -> Truth:
        """ "A step once done stays done"; "only absence (not done, …) becomes unknown"."""
        if self.done_at(step) is not None:
            return True
        return None if self._stale(self._sources(self.rules["steps"][step]["done_by"])) else False

    def is_needed(self, step: str) -> Truth:
        plain = self.rules["steps"][step]
        if plain.get("optional"):
            return self._reached("route", "optional", False)
        if "needed_when" not in plain:
            return True
        return self._reached("route", "needed_when", all_of([self.holds(each) for each in plain["needed_when"]]))

    def next_step(self) -> Value:
        """ "The first undone needed step in file order, or `complete`"; unknown where it cannot be told which is first."""
        for step in self.rules["steps"]:
            settled = any_of([self.is_done(step), opposite(self.is_needed(step))])
            if settled is not True:
                return step if settled is False else None
        self._reached("route", "complete", True)
        return "complete"

    def stalled_days(self) -> Value:
        """ "Counts from the latest of the first completions of the steps before `next_step` and the `progress_by` records of `next_step`"."""
        step = self.value("next_step")
        if step is None or step == "complete":
            return None
        plain = self.rules["steps"][step]
        progress = plain.get("progress_by", [])
        steps = list(self.rules["steps"])
        marks = [at for other in steps[: steps.index(str(step))] if (at := self.done_at(other)) is not None]
        moved = self._times(progress)
        if not marks + moved or self._stale(self._sources([*plain["done_by"], *progress])):
            return None
        if progress:
            self._reached("route", "progress_by is the newest", max(moved, default=0) > max(marks, default=0))
        since, row = self._day(max(marks + moved)), self._row_begun(str(step))
        if row is not None:
            self._reached("route", "each has begun since", row["from"] > since)
            since = max(since, row["from"])
        return self._days_between(since, self.world.today, self.rules["route"]["stalled"])

    def goal_at(self, reached_by: Plain) -> int | None:
        """When the goal was last reached: by a completed step, or by one of its events."""
        if reached_by == "next_step":
            return max((at for step in self.rules["steps"] if (at := self.done_at(step)) is not None), default=None)
        return max(self._times(reached_by), default=None)

    # --- records, days, sources -----------------------------------------------------------------------------------

    def _of(self, events: Sequence[str]) -> list[Record]:
        return [record for record in self.records if record.event in events]

    def _times(self, events: Sequence[str]) -> list[int]:
        return [record.occurred_at for record in self._of(events)]

    def _day(self, instant: int) -> int:
        return local_day(instant, self.world.zone)

    def _days_between(self, earlier: int, later: int, counting: str | None) -> int:
        """Calendar days, or the business days after the one up to and including the other; backwards they count negative."""
        if counting != "business":
            return later - earlier
        today = self.world.today
        first, last = (min(max(day, today - REACH), today + REACH) for day in (earlier, later))
        if last < first:
            return -self._days_between(last, first, counting)
        return sum(self._is_business(day) for day in range(first + 1, last + 1))

    def _is_business(self, day: int) -> bool:
        return (day + 3) % 7 in self.world.weekdays and day not in self.world.closed  # 1970-01-01 was a Thursday, day 3 of the week

    def _sources(self, names: Iterable[str]) -> set[str]:
        prefixes = {name.split(".")[0] for name in names}
        return {source for prefix, source in self.rules["sources"].items() if prefix in prefixes}

    def _stale(self, sources: set[str]) -> bool:
        return bool(sources & self.world.stale)

    def sources_of(self, condition: Plain) -> set[str]:
        """The sources a condition rests on, through everything it reads."""
        [(name, wanted)] = condition.items()
        if name == "any":
            return {source for each in wanted for source in self.sources_of(each)}
        if name == "segment":
            return {source for each in self.rules["segments"][wanted]["when"] for source in self.sources_of(each)}
        if name == "done":
            step = next(iter(wanted.values())) if isinstance(wanted, dict) else wanted
            return self._sources(self.rules["steps"][step]["done_by"])
        return self.sources_of_fact(name)

    def sources_of_fact(self, name: str) -> set[str]:
        """The sources a fact rests on; the route's facts rest on all its steps and on what says whether they are needed."""
        if name in {"next_step", "stalled_days"}:
            steps = self.rules["steps"].values()
            read = [event for step in steps for event in (*step["done_by"], *(step.get("progress_by", []) if name == "stalled_days" else []))]
            return self._sources(read) | {source for step in steps for each in step.get("needed_when", []) for source in self.sources_of(each)}
        if name.startswith("health"):
            return {source for item in self.rules["health"]["items"] for each in item["when"] for source in self.sources_of(each)}
        fact = self.rules["facts"][name]
        if "table" in fact:
            return {source for row in fact["table"] for each in row.get("when", []) for source in self.sources_of(each)}
        if "rate" in fact:
            return self.sources_of_fact(fact["rate"]) | self.sources_of_fact(fact["of"])
        if "ignored_in_row" in fact:
            channel = self.rules["channels"][fact["ignored_in_row"]]
            return self._sources([channel["touch"], *channel["response"]])
        if "calendar" in fact:
            return set()
        if "days_until" in fact:
            return self.sources_of_fact(fact["days_until"])
        return self._sources(_names_in(fact))

    # --- what was reached -----------------------------------------------------------------------------------------

    def _reached(self, group: str, label: str, truth: Truth) -> Truth:
        words: Mapping[Truth, str] = {True: "known", False: "unknown"} if group == "fact" else {True: "true", False: "false", None: "unknown"}
        self.reached[group, label, words[truth]] += 1
        return truth


def labels_of(rules: Plain) -> dict[str, str]:
    """For each fact its primitive and option, the name under which it is counted."""
    automatic = {name: name for name in AUTOMATIC} | {"stalled_days": f"stalled_days {rules['route']['stalled']}"}
    return automatic | {name: _label_of(fact) for name, fact in rules["facts"].items()}


def _label_of(fact: Plain) -> str:
    primitive = next(key for key in _PRIMITIVES if key in fact)
    if primitive == "attribute":
        return f"attribute {fact['type']}"
    if primitive == "table":
        return "table on table or route" if _names_in(fact["table"]) & {"grade", "next_step", "stalled_days", "done"} else "table"
    options = [key for key in ("ending_days_ago", "or_since", "base_at_least") if fact.get(key)]
    options += [key for key in ("open_at_least", "opened_within_days") if primitive == "open_items" and key in fact["open_items"]]
    options += ["first"] if fact.get("first") else []
    options += ["business"] if fact.get("count") == "business" else []
    options += ["over 60 days"] if primitive == "active_days" and fact["within_days"] > 60 else []
    return " ".join([primitive, *options])


def _names_in(plain: Plain) -> set[str]:
    """Every text and key anywhere inside."""
    if isinstance(plain, dict):
        return {name for key, value in plain.items() for name in ({key} | _names_in(value))}
    if isinstance(plain, list):
        return {name for each in plain for name in _names_in(each)}
    return {plain} if isinstance(plain, str) else set()


_PRIMITIVES: dict[str, Callable[[Oracle, Plain], Value]] = {
    "attribute": Oracle._attribute,
    "active_days": Oracle._active_days,
    "days_since": Oracle._days_since,
    "days_until": Oracle._days_until,
    "open_items": Oracle._open_items,
    "ignored_in_row": Oracle._ignored,
    "rate": Oracle._rate,
    "calendar": Oracle._calendar,
    "table": Oracle._table,
    "count": Oracle._count,
}
_COMPARISONS: dict[str, Callable[[Any, Any], bool]] = {
    "is": lambda value, wanted: value == wanted,
    "is_not": lambda value, wanted: value != wanted,
    "in": lambda value, wanted: value in wanted,
    "not_in": lambda value, wanted: value not in wanted,
    "at_least": lambda value, wanted: value >= wanted,
    "at_most": lambda value, wanted: value <= wanted,
    "between": lambda value, wanted: wanted[0] <= value <= wanted[1],
    "includes": lambda value, wanted: wanted in value.split("|"),
    "excludes": lambda value, wanted: wanted not in value.split("|"),
}
