"""What a node is computed from: everything below it, and the records, names and sources that stand there."""

from collections.abc import Iterator, Mapping
from dataclasses import fields
from typing import get_args

from engine.facts.algebra import (
    ACCUMULATORS,
    Absent,
    Accumulator,
    AnyStale,
    CountWithin,
    DaysWithin,
    FactRef,
    First,
    FirstInSpan,
    Fresh,
    IgnoredInRow,
    Last,
    Latest,
    Node,
    OpenItems,
    TruthRef,
)

FIELDS: Mapping[type, tuple[str, ...]] = {kind: tuple(each.name for each in fields(kind)) for kind in get_args(Node)}
NAMES = (FactRef, TruthRef)
STALE = (Fresh, Absent, AnyStale)


def walk(node: Node) -> Iterator[Node]:
    """The node and everything below it, each before its parts."""
    pending = [node]
    while pending:
        each = pending.pop()
        yield each
        if not isinstance(each, ACCUMULATORS):  # these are made of names and numbers
            pending += reversed([part for name in FIELDS[type(each)] for part in _nodes(getattr(each, name))])


def _nodes(part: object) -> list[Node]:
    """The nodes in the value of a field: itself, or those of a tuple."""
    if isinstance(part, tuple):
        return [node for item in part for node in _nodes(item)]
    return [part] if type(part) in FIELDS else []  # type: ignore[list-item]  # told by its type


def accumulators(node: Node) -> list[Accumulator]:
    """The accumulators a node reads, each once, in order of first use."""
    return list(dict.fromkeys(part for part in walk(node) if isinstance(part, ACCUMULATORS)))


def names_read(node: Node) -> set[str]:
    """The facts and named truths a node refers to."""
    return {part.name for part in walk(node) if isinstance(part, NAMES)}


def records_read(node: Node) -> tuple[str, ...]:
    """The events and fields whose records a node is computed from, in order of first use."""
    return tuple(dict.fromkeys(name for each in accumulators(node) for name in _names_of(each)))


def _names_of(node: Accumulator) -> tuple[str, ...]:
    match node:
        case Latest():
            return (node.field,)
        case First() | FirstInSpan() | Last():
            return node.events
        case CountWithin() | DaysWithin():
            return (node.event,)
        case OpenItems():
            return (node.opened, node.closed)
        case IgnoredInRow():
            return (node.touch, *node.responses)


def sources_read(node: Node) -> set[str]:
    """The sources whose staleness changes the node's value."""
    return {source for part in walk(node) if isinstance(part, STALE) for source in part.sources}
