"""Conditions: `{fact: {comparison: value}}`, `{any: [...]}`, `{segment: id}`, put into the algebra and checked on the way."""

import re
import unicodedata
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Protocol

from engine.facts.algebra import Absent, All, Any, Compare, Const, FactRef, HasTag, IsSet, Member, Not, Operator, Truth, TruthRef, Value
from engine.facts.spec import FactType, Kind

Path = tuple[str | int, ...]
STEPS_DONE = "done"

COMPARISONS: Mapping[Kind, tuple[str, ...]] = {
    "number": ("is", "at_least", "at_most", "between", "known"),
    "enum": ("is", "is_not", "in", "not_in", "known"),
    "tags": ("includes", "excludes", "known"),
    "date": ("known",),
    "text": ("known",),
    "bool": ("is", "known"),
}
OPERATORS: Mapping[str, Operator] = {"is": "==", "is_not": "!=", "at_least": ">=", "at_most": "<="}
MORE, LESS = ("more_than", "greater_than", "over", "above", "gt", ">"), ("less_than", "under", "below", "lt", "<", "fewer_than")
MEANT: Mapping[str, tuple[str, int]] = {  # words of other languages: the comparison, and what to add to a whole number
    **dict.fromkeys(MORE, ("at_least", 1)),
    **dict.fromkeys(LESS, ("at_most", -1)),
    **dict.fromkeys(("gte", "ge", ">=", "min", "minimum", "from"), ("at_least", 0)),
    **dict.fromkeys(("lte", "le", "<=", "max", "maximum", "up_to"), ("at_most", 0)),
    **dict.fromkeys(("equals", "equal", "eq", "=", "=="), ("is", 0)),
    **dict.fromkeys(("not", "isnt", "not_equals", "ne", "!=", "<>"), ("is_not", 0)),
    **dict.fromkeys(("one_of", "any_of"), ("in", 0)),
    **dict.fromkeys(("none_of",), ("not_in", 0)),
    **dict.fromkeys(("contains", "has", "include"), ("includes", 0)),
    **dict.fromkeys(("exists", "present", "is_known"), ("known", 0)),
}
UNTRUE = Compare("==", Const(None), 0)  # stands where a fault was reported; never true


class Vocabulary(Protocol):
    """The names a condition may use, and where its faults go."""

    def type_of(self, fact: str, path: Path) -> FactType | None:
        """The fact's type, or None after reporting an unknown name."""
        ...

    def meant(self, fact: str) -> tuple[str, FactType] | None:
        """The fact of which an unknown name is surely a slip, with its type."""
        ...

    def has_segment(self, segment: str, path: Path) -> bool: ...

    def sources_of(self, fact: str) -> tuple[str, ...]: ...

    def fault(self, code: str, path: Path, **values: object) -> None: ...


def facts_in(raw: Sequence[object]) -> Iterator[str]:
    """Names of facts in conditions as written; segments stand as `segment.<id>`."""
    for condition in raw:
        if not isinstance(condition, dict):
            continue
        for name, wanted in condition.items():
            if name == "any" and isinstance(wanted, list):
                yield from facts_in(wanted)
            else:
                yield f"segment.{wanted}" if name == "segment" else str(name)


def lower_all(raw: Sequence[object], path: Path, names: Vocabulary) -> Truth:
    """A list of conditions is true when each one is."""
    return All(tuple(lower(condition, (*path, index), names) for index, condition in enumerate(raw)))


def lower_any(raw: Sequence[object], path: Path, names: Vocabulary) -> Truth:
    """True when at least one of the conditions is."""
    return Any(tuple(lower(condition, (*path, index), names) for index, condition in enumerate(raw)))


def lower(raw: object, path: Path, names: Vocabulary) -> Truth:  # one return for each form a condition has
    """One condition in the algebra. Reports what is wrong with it and then stands for something never true."""
    if not isinstance(raw, dict) or len(raw) != 1:
        names.fault("E108", path)
        return UNTRUE
    name, wanted = next(iter(raw.items()))
    inner = (*path, name)
    if name == "any":
        return _lower_any_key(wanted, inner, names)
    if name == "segment":
        return TruthRef(f"segment.{wanted}") if names.has_segment(str(wanted), inner) else UNTRUE
    fact_type = names.type_of(name, inner)
    if fact_type is not None:
        return _lower_comparison(name, fact_type, wanted, inner, names)
    meant = names.meant(name)
    if meant is not None:
        _lower_comparison(meant[0], meant[1], wanted, inner, names)  # what else is wrong with it is told in the same run
    else:
        _check_form(name, wanted, inner, names)
    return UNTRUE


def _lower_comparison(fact: str, fact_type: FactType, wanted: object, path: Path, names: Vocabulary) -> Truth:
    if not isinstance(wanted, dict):
        return _compare(fact, fact_type, "includes" if fact_type.kind == "tags" else "is", wanted, path, names)
    if len(wanted) != 1:
        names.fault("E109", path, fact=fact)
        return UNTRUE
    comparison, value = next(iter(wanted.items()))
    return _compare(fact, fact_type, comparison, value, (*path, comparison), names)


def _check_form(fact: str, wanted: object, path: Path, names: Vocabulary) -> None:
    """Of a fact that nobody knows: what would be wrong of any, so that it need not be mended in a second round."""
    if isinstance(wanted, dict) and len(wanted) == 1:
        comparison, value = next(iter(wanted.items()))
        if comparison in {"at_least", "at_most", "between", "known"}:
            _WANTED[comparison](fact, FactType("number"), value, (*path, comparison), names)


def _lower_any_key(wanted: object, path: Path, names: Vocabulary) -> Truth:
    if not isinstance(wanted, list) or not wanted:
        names.fault("E110", path, key="any")
        return UNTRUE
    return lower_any(wanted, path, names)


def _compare(fact: str, fact_type: FactType, comparison: str, wanted: object, path: Path, names: Vocabulary) -> Truth:
    allowed = COMPARISONS[fact_type.kind]
    if fact == STEPS_DONE:
        allowed = ("includes", "excludes")
    if comparison not in allowed:
        code, near = ("E303", None) if fact_type.kind == "date" else ("E107", _meant(comparison, wanted, allowed))
        names.fault(code, path, fact=fact, comparison=comparison, allowed=allowed, wanted=wanted, **({"near": near} if near else {}))
        return UNTRUE
    checked = _WANTED[comparison](fact, fact_type, wanted, path, names)
    if checked is None:
        return UNTRUE
    if comparison == "known":
        return _known(fact, bool(checked[0]), names)
    return _truth(fact, fact_type, comparison, checked)


def _meant(comparison: str, wanted: object, allowed: Sequence[str]) -> str | None:
    """What a comparison of another language would be here: "more than 5" is `at_least: 6`."""
    name, more = MEANT.get(comparison, ("", 0))
    if name not in allowed or isinstance(wanted, dict) or isinstance(wanted, list) != (name in {"in", "not_in"}):
        return None
    return f"{name}: {wanted + more}" if isinstance(wanted, int) and not isinstance(wanted, bool) else name


def _number_in(text: object) -> int | None:
    """The one whole number in a text such as `5日` or `５`."""
    found = re.findall(r"-?[0-9]+", unicodedata.normalize("NFKC", text)) if isinstance(text, str) else []
    return int(found[0]) if len(found) == 1 and len(found[0]) < 10 else None


def _known(fact: str, wanted: bool, names: Vocabulary) -> Truth:
    """`known` itself is unknown only where a stale source may be the reason for the absence."""
    there: Truth = IsSet(FactRef(fact))
    if sources := names.sources_of(fact):
        there = Any((there, Absent(sources)))
    return there if wanted else Not(there)


def _truth(fact: str, fact_type: FactType, comparison: str, wanted: tuple[int | str, ...]) -> Truth:
    value: Value = FactRef(fact)
    if comparison == "between":
        return All((Compare(">=", value, wanted[0]), Compare("<=", value, wanted[1])))
    if comparison in {"in", "not_in"}:
        return Member(value, wanted) if comparison == "in" else Not(Member(value, wanted))
    if comparison in {"includes", "excludes"}:
        has: Truth = TruthRef(f"done.{wanted[0]}") if fact == STEPS_DONE else HasTag(value, str(wanted[0]))
        return has if comparison == "includes" else Not(has)
    return Compare(OPERATORS[comparison], value, wanted[0])


Checked = tuple[int | str, ...] | None


def _whole_number(fact: str, fact_type: FactType, wanted: object, path: Path, names: Vocabulary) -> Checked:
    if isinstance(wanted, bool) or not isinstance(wanted, int):
        comparison = path[-1] if path[-1] in OPERATORS else "at_least"
        number = _number_in(wanted)
        names.fault("E301", path, wanted=wanted, comparison=path[-1], near=None if number is None else f"{comparison}: {number}")
        return None
    return (wanted,)


def _range(fact: str, fact_type: FactType, wanted: object, path: Path, names: Vocabulary) -> Checked:
    if not isinstance(wanted, list) or len(wanted) != 2 or any(isinstance(end, bool) or not isinstance(end, int) for end in wanted):
        names.fault("E307", path, wanted=wanted)
        return None
    if wanted[0] > wanted[1]:
        names.fault("E302", path, low=wanted[0], high=wanted[1])
        return None
    return tuple(wanted)


def _one_value(fact: str, fact_type: FactType, wanted: object, path: Path, names: Vocabulary) -> Checked:
    if fact_type.kind == "number":
        return _whole_number(fact, fact_type, wanted, path, names)
    if fact_type.kind == "bool":
        return _flag(fact, fact_type, wanted, path, names)
    return _listed(fact, fact_type, {path: wanted}, names)


def _values(fact: str, fact_type: FactType, wanted: object, path: Path, names: Vocabulary) -> Checked:
    if not isinstance(wanted, list) or not wanted:
        names.fault("E110", path, key=path[-1])
        return None
    return _listed(fact, fact_type, {(*path, index): value for index, value in enumerate(wanted)}, names)


def _listed(fact: str, fact_type: FactType, wanted: Mapping[Path, object], names: Vocabulary) -> Checked:
    """`wanted` by the place of each value."""
    unknown = {path: value for path, value in wanted.items() if not isinstance(value, str) or value not in fact_type.values}
    for path, value in unknown.items():
        code = "E202" if fact in {STEPS_DONE, "next_step"} else "E203"
        names.fault(code, path, fact=fact, value=value, values=tuple(fact_type.values))
    return None if unknown else tuple(str(value) for value in wanted.values())


def _flag(fact: str, fact_type: FactType, wanted: object, path: Path, names: Vocabulary) -> Checked:
    if not isinstance(wanted, bool):
        names.fault("E308", path, wanted=wanted)
        return None
    return (int(wanted),)


_WANTED: Mapping[str, Callable[[str, FactType, object, Path, Vocabulary], Checked]] = {
    "is": _one_value,
    "is_not": _one_value,
    "in": _values,
    "not_in": _values,
    "at_least": _whole_number,
    "at_most": _whole_number,
    "between": _range,
    "includes": _one_value,
    "excludes": _one_value,
    "known": _flag,
}
