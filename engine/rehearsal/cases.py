"""Tests of rules as CS designers write them: `rules/tests/*.test.yaml`, each a history and what is expected of it."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from pydantic import Field, ValidationError

from engine.calendar import DAY, MINUTE, Zone, day_of_text
from engine.channels import CHANNELS, done_event
from engine.errors import BansoError, Fault, Place
from engine.facts.spec import Strict
from engine.records.record import Record
from engine.records.values import normalise
from engine.workspace.faults import Faults, nearest
from engine.workspace.model import Workspace
from engine.workspace.tree import Node, read_tree

MOMENT = r"[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}"
GIVEN = re.compile(
    rf"(?P<at>{MOMENT}) (?P<name>[a-z][a-z0-9_]*\.[a-z][a-z0-9_]*)(?: =(?P<value>(?: .*)?)|(?P<said>(?: [a-z_]+=\S+)*)(?: x(?P<times>[1-9][0-9]?))?)$"
)
SELF_TOLD = ("contact.", "account.")  # who somebody is, which every test may say
CONTACT = "tanaka"  # the main contact that every account of a test has
BEFORE_DAYS = 30  # what the account is said to be was told so many days before its first record
Instant = Annotated[str, Field(pattern=rf"^{MOMENT}$")]
Names = str | list[str]


class Expectation(Strict):
    """What a night (`at`) or a record that comes in (`on`) is expected to lead to."""

    at: Instant | None = None
    on: Instant | None = None
    event: str | None = None
    with_: dict[str, str | int | bool] = Field(default={}, alias="with")
    decides: Names | None = None
    none: bool | None = None
    not_: Names | None = Field(default=None, alias="not")
    why: dict[str, str] = {}
    unknown: dict[str, str] = {}
    drops: str | None = None
    because: str | None = None
    template: str | None = None
    variant: str | None = None
    sends_at: Instant | None = None
    window_last_day: str | None = None
    hold: list[str] = []
    fact: str | None = None
    is_: str | int | bool | list[str] | None = Field(default=None, alias="is")

    def idle(self) -> list[str]:
        """Keys that check nothing: details without a winner, a reason without a drop, and an expectation of nothing at all."""
        winner, lost = as_list(self.decides), [*as_list(self.not_), *self.why, *self.unknown]
        details = [key for key in ("template", "variant", "sends_at", "window_last_day", "hold") if getattr(self, key) and not winner]
        alone = ["because"] if self.because is not None and self.drops is None else []
        looks = ["event"] if (self.on is None) != (self.event is None) else []
        says = winner or lost or self.none or self.drops is not None or self.fact is not None
        return [*details, *alone, *looks, *([] if says or details or alone else ["decides"])]


class CaseSpec(Strict):
    name: str
    account: dict[str, str | int | bool] = {}
    same_as: str | None = None
    given: list[str] = []
    stale: list[str] = []
    expect: Annotated[list[Expectation], Field(min_length=1)]


class CasesFile(Strict):
    tests: Annotated[list[CaseSpec], Field(min_length=1)]


@dataclass(frozen=True)
class Case:
    """A test with its history put into records; `past`: (record, rule) of touches before it began. `places`: where each expectation stands.

    `warnings`: what may be better said in it.
    """

    name: str
    place: Place
    account_id: str
    records: Sequence[Record]
    past: Sequence[tuple[Record, str | None, str | None]]
    stale: frozenset[str]
    expect: Sequence[Expectation]
    places: Sequence[Place]
    warnings: Sequence[Fault]


def read_cases(workspace: Workspace) -> list[Case]:
    """Every test of the workspace. Raises BansoError with every fault in them."""
    faults: list[Fault] = []
    written: list[tuple[str, Node, int, CaseSpec]] = []
    for path in sorted((workspace.root / "rules" / "tests").glob("*.test.yaml")):
        written += _read_file(path, workspace.root, faults)
    by_name = {spec.name: spec for _, _, _, spec in written}
    names = names_known(workspace)
    cases = [_Reader(workspace, names, file, tree, index, by_name, faults).case(spec) for file, tree, index, spec in written]
    if faults:
        raise BansoError(faults)
    return cases


def read_case(workspace: Workspace, text: str, file: str) -> Case:
    """The one test of a text that is no file yet. Raises BansoError with every fault in it."""
    tree, faults = read_tree(text.encode(), file)
    if tree is None:
        raise BansoError(faults)
    spec = CasesFile.model_validate(tree.plain()).tests[0]
    case = _Reader(workspace, names_known(workspace), file, tree, 0, {}, faults).case(spec)
    if faults:
        raise BansoError(faults)
    return case


def _read_file(path: Path, root: Path, faults: list[Fault]) -> Iterator[tuple[str, Node, int, CaseSpec]]:
    file = str(path.relative_to(root))
    tree, found = read_tree(path.read_bytes(), file)
    faults += found
    if tree is None:
        return
    gathered = Faults(trees={file: tree}, homes={("tests", ""): file})
    try:
        model = CasesFile.model_validate(tree.plain())
    except ValidationError as error:
        gathered.from_schema(error, (), CasesFile, file)
        faults += gathered.found
        return
    yield from ((file, tree, index, spec) for index, spec in enumerate(model.tests))


class _Reader:
    """Puts one written test into records."""

    def __init__(
        self, workspace: Workspace, names: set[str], file: str, tree: Node, index: int, known: Mapping[str, CaseSpec], faults: list[Fault]
    ) -> None:
        self.workspace, self.names, self.file, self.tree, self.index, self.known, self.faults = workspace, names, file, tree, index, known, faults
        self.serial = 0

    def case(self, spec: CaseSpec) -> Case:
        account = {**self._earlier(spec).account, **spec.account} if spec.same_as else spec.account
        account_id = str(account.get("id", "a社"))
        history = [*(self._earlier(spec).given if spec.same_as else []), *spec.given]
        offset = len(history) - len(spec.given)
        records, past = list[Record](), list[tuple[Record, str | None, str | None]]()
        for number, line in enumerate(history):
            for record, said in self._given(line, account_id, number - offset):
                records.append(record)
                if record.source == "banso":
                    past.append((record, said.get("rule"), said.get("goal")))
        first = min((record.occurred_at for record in records), default=self._first_look(spec))
        records += self._told(account, account_id, first - BEFORE_DAYS * DAY)
        places = [self._place("expect", number) for number in range(len(spec.expect))]
        self._check_names(spec)
        return Case(spec.name, self._place(), account_id, records, past, frozenset(spec.stale), spec.expect, places, list(self._silent(spec)))

    def _earlier(self, spec: CaseSpec) -> CaseSpec:
        found = self.known.get(spec.same_as or "")
        if found is None:
            self._fault("E701", self._place("same_as"), name=spec.same_as, near=nearest(spec.same_as or "", self.known))
            return spec.model_copy(update={"given": [], "account": {}})
        return found

    def _first_look(self, spec: CaseSpec) -> int:
        moments = [each.at or each.on for each in spec.expect]
        return min(instant_of_text(moment, self.workspace.zone) for moment in moments if moment is not None) if any(moments) else 0

    def _given(self, line: str, account_id: str, number: int) -> Iterator[tuple[Record, dict[str, str]]]:
        found = GIVEN.fullmatch(line)
        if found is None:
            self._fault("E702", self._place("given", max(number, 0)), line=line)
            return
        at = instant_of_text(found["at"], self.workspace.zone)
        if found["value"] is not None:
            yield self._field(found["name"], found["value"].strip(), account_id, at), {}
            return
        said = dict(part.split("=", 1) for part in (found["said"] or "").split())
        for turn in range(int(found["times"] or 1)):
            yield self.event(found["name"], said, account_id, at + turn * MINUTE), said

    def event(self, name: str, said: Mapping[str, object], account_id: str, at: int) -> Record:
        """A record of an event with its properties."""
        self.serial += 1
        key = said.get(self.workspace.item_keys.get(name, ""))
        contact = str(said.get("contact", CONTACT)) if name.startswith("product.") or "contact" in said else None
        mark = {"event": name, "key": None if key is None else str(key), "properties": json.dumps(dict(said), ensure_ascii=False)}
        own = is_touch(self.workspace, name)
        number = self.workspace.settings.channels[name.split(".", maxsplit=1)[0]].valid_days if own else None
        return Record(self._source(name, own=own), f"given:{self.serial}", account_id, at, at, contact, number=number, **mark)

    def _field(self, name: str, value: str, account_id: str, at: int) -> Record:
        self.serial += 1
        kind = self.workspace.field_kinds().get(name, "text")
        text, number = normalise(kind, value, self.workspace.zone.day(at))
        contact = CONTACT if name.startswith("contact.") else None
        return Record(self._source(name, own=False), f"given:{self.serial}", account_id, at, at, contact, field=name, value=text, number=number)

    def _source(self, name: str, *, own: bool) -> str:
        if own:
            return "banso"
        prefix = name.split(".", maxsplit=1)[0]
        return next((source for source, spec in self.workspace.settings.sources.items() if prefix in spec.events), "banso-test")

    def _told(self, account: Mapping[str, object], account_id: str, at: int) -> Iterator[Record]:
        """What the account is: its fields, and its main contact unless it says `contact: none`."""
        fields = {key: value for key, value in account.items() if key not in {"id", "contact"}}
        if account.get("contact") != "none":
            fields = {"contact.email": "tanaka@aozora.example.jp", "contact.name": "田中", "contact.main": "true", **fields}
        for name, value in {"account.name": account_id, **fields}.items():
            yield self._field(name, str(value).lower() if isinstance(value, bool) else str(value), account_id, at)

    def _check_names(self, spec: CaseSpec) -> None:
        """Rules, sources and facts that a test names exist."""
        rules, sources = self.workspace.rules, self.workspace.settings.sources
        self._check_history(spec)
        for name in spec.stale:
            if name not in sources:
                self._fault("E204", self._place("stale"), kind="source", name=name, known=tuple(sources))
        for number, each in enumerate(spec.expect):
            named = [*as_list(each.decides), *as_list(each.not_), *each.why, *each.unknown, *([each.drops] if each.drops else [])]
            for name in (name for name in named if name not in rules):
                self._fault("E641", self._place("expect", number), name=name, known=tuple(rules))
            if each.fact is not None and each.fact not in self.workspace.plan.facts:
                self._fault("E201", self._place("expect", number), name=each.fact, known=tuple(self.workspace.plan.facts))
            if each.at is None and each.on is None:
                self._fault("E703", self._place("expect", number))
            for key in each.idle():
                self._fault("E704", self._place("expect", number), key=key)

    def _silent(self, spec: CaseSpec) -> Iterator[Fault]:
        """Silence without its reason: a slip in the rule silences it too, and such a test would not notice."""
        named = [rule for each in spec.expect for rule in (*as_list(each.decides), *each.why, *each.unknown)]
        for number, each in enumerate(spec.expect):
            for index, rule in enumerate(as_list(each.not_)):
                if rule not in each.why and rule not in each.unknown:
                    yield Fault("W706", self._place("expect", number, "not", index), {"key": "not", "rule": rule})
            if each.none and not each.why and not each.unknown:
                yield Fault("W706", self._place("expect", number, "none"), {"key": "none", "rule": next(iter([*named, *self.workspace.rules]))})

    def _check_history(self, spec: CaseSpec) -> None:
        """What nobody reads is misspelt: the test would be of another history than its author thinks."""
        lines = ((("given", number), line.split(" ")[2:3]) for number, line in enumerate(spec.given))
        told = ((("account",), [name]) for name in spec.account if "." in name)
        for place, names in (*lines, *told):
            for name in names:
                if not (name.startswith(SELF_TOLD) or is_touch(self.workspace, name) or name in self.names):
                    self._fault("E705", self._place(*place), name=name, near=nearest(name, self.names))

    def _fault(self, code: str, place: Place, **values: object) -> None:
        self.faults.append(Fault(code, place, values))

    def _place(self, *path: str | int) -> Place:
        return Place(self.file, *self.tree.place_of(("tests", self.index, *path)))


def is_touch(workspace: Workspace, event: str) -> bool:
    """Whether a record of that name is a touch of banso's own: mail.sent, call.listed, popup.shown."""
    prefix = event.split(".", maxsplit=1)[0]
    return prefix in workspace.settings.channels and prefix in CHANNELS and event == done_event(prefix)


def as_list(names: Names | None) -> list[str]:
    return [names] if isinstance(names, str) else names or []


def instant_of_text(text: str, zone: Zone) -> int:
    """`2026-04-07 09:00` on the workspace's clocks."""
    return zone.at_wall(day_of_text(text[:10]), int(text[11:13]) * 60 + int(text[14:16]))


def names_read(workspace: Workspace) -> set[str]:
    """The events and fields that facts, steps and goals read; what else happened, such as who somebody is, stays out of tests."""
    found = {name for fact in workspace.plan.facts.values() for name in fact.reads}
    for step in workspace.route.steps.values():
        found |= {*step.done_by, *step.progress_by}
    found |= {name for goal in workspace.goals.values() if goal.reached_by != "next_step" for name in goal.reached_by}
    return found | set(workspace.route.spec.closed_by)


def names_known(workspace: Workspace) -> set[str]:
    """Every event and field that may matter in a test."""
    found = names_read(workspace) | set(workspace.field_kinds())
    for channel in workspace.settings.channels.values():
        found |= {*channel.response, *channel.outcome, *([channel.touch] if channel.touch else [])}
    return found | {trigger.event for rule in workspace.rules.values() for trigger in rule.triggers}
