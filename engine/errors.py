"""Faults: what is wrong, where, and what to do. The words stand in the catalogue (`messages/`); here are only code, place and values."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

# The values that say what is wrong, for most codes and for some.
TOLD = {"": ("name", "value", "key", "fact", "comparison", "wanted", "sign", "problem", "section"), "E401": ("lane",)}


@dataclass(frozen=True, order=True)
class Place:
    """Where a fault is: a file, and line and column counted from 1 (0 = the whole file)."""

    file: str
    line: int = 0
    column: int = 0

    def __str__(self) -> str:
        if not self.line:
            return self.file
        return f"{self.file}:{self.line}:{self.column}" if self.column else f"{self.file}:{self.line}"


@dataclass(frozen=True)
class Fault:
    """One thing that is wrong. `code` begins with E (refused) or W (accepted, but look at it); `values` fill the catalogue's sentence."""

    code: str
    place: Place
    values: Mapping[str, object] = field(default_factory=dict)

    @property
    def refuses(self) -> bool:
        return self.code.startswith("E")


class BansoError(Exception):
    """Work could not be done; carries every fault found, never only the first."""

    def __init__(self, faults: Iterable[Fault]) -> None:
        self.faults = tuple(sorted(faults, key=lambda fault: (fault.place, fault.code)))
        super().__init__("; ".join(f"{fault.place} {fault.code} {dict(fault.values)}" for fault in self.faults))


def refuse(code: str, place: str | Place, **values: object) -> BansoError:
    """A single fault as an exception, ready to be raised."""
    where = place if isinstance(place, Place) else Place(place)
    return BansoError([Fault(code, where, values)])


def folded(faults: Iterable[Fault]) -> list[tuple[Fault, list[Place]]]:
    """Faults that say the same of several places as one: the first, and the places of the others. Warnings of a kind are all the same."""
    found: dict[tuple[str, ...], tuple[Fault, list[Place]]] = {}
    for fault in faults:
        same = (fault.code, *((repr(fault.values.get(key)) for key in TOLD.get(fault.code, TOLD[""])) if fault.refuses else ()))
        if same in found:
            found[same][1].append(fault.place)
        else:
            found[same] = (fault, [])
    return list(found.values())
