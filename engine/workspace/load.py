"""Reads a workspace: every file, every fault in one run, and only a faultless set becomes a `Workspace`."""

import csv
import hashlib
import re
from collections.abc import Iterator, Mapping
from copy import deepcopy
from datetime import date
from functools import lru_cache
from pathlib import Path, PurePath
from typing import TypeVar
from zoneinfo import ZoneInfoNotFoundError, available_timezones

import holidays
from pydantic import BaseModel, ValidationError

from engine.calendar import BusinessDays, Zone, day_of_date, zone
from engine.errors import BansoError, Fault, Place
from engine.facts import PRIMITIVES
from engine.facts.health import HEALTH_FACTS
from engine.facts.open_items import OpenItemsFact
from engine.facts.route import COMPLETE, Route, RouteSpec, Step
from engine.facts.spec import ChannelEvents, FactSpec
from engine.rulebook.compile import AUTOMATIC, Written, compile_plan
from engine.rulebook.spec import LANES, RuleSpec
from engine.workspace.calendars import read_calendars
from engine.workspace.check import Parts, check_names
from engine.workspace.faults import Faults, nearest
from engine.workspace.model import SourceQuery, Workspace
from engine.workspace.schema import Business, GoalsFile, OrderFile, WorkspaceFile
from engine.workspace.templates import read_mails
from engine.workspace.tree import Node, Plain, read_tree

Model = TypeVar("Model", bound=BaseModel)
CONTENT = {".yaml", ".sql", ".csv", ".mjml", ".txt", ".md"}
WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
FIRST_HOLIDAY_YEAR, LAST_HOLIDAY_YEAR = 2005, 2050
LABELS = {
    "en": {
        "next_step": "next step",
        "stalled_days": "days without progress",
        "done": "steps done",
        "complete": "complete",
        "health": "health",
        "health_points": "health points",
        "health_coverage": "health: share of the points that can be told",
    },
    "ja": {
        "next_step": "次の工程",
        "stalled_days": "設定が進んでいない日数",
        "done": "済んだ工程",
        "complete": "完了",
        "health": "ヘルススコアの帯",
        "health_points": "ヘルススコア",
        "health_coverage": "ヘルススコアのデータ充足率",
    },
}
NAME, ID = re.compile(r"[a-z][a-z0-9_-]{0,62}"), re.compile(r"[a-z][a-z0-9-]{0,62}")
TAKEN = {
    "facts": (*AUTOMATIC, *HEALTH_FACTS, "any", "segment", "stalled_since", "excluded", "account_id", "contact_id"),
    "steps": (COMPLETE, "by", "else"),
}
TOP_KEYS = ("banso", "route", "steps", "facts", "segments", "goals", "health", "order", "rules", "defaults")


def load_workspace(root: Path, channels: frozenset[str]) -> Workspace:
    """Load and compile `root`, which holds `rules/` and `templates/`. Raises BansoError with every fault found."""
    rules = root / "rules"
    if not rules.is_dir():
        raise BansoError([Fault("E601", Place(str(rules)))])
    faults = Faults()
    content = read_content(root)
    sections = _sections(content, faults)
    workspace = _Builder(root, content, sections, faults, channels).build()
    if any(fault.refuses for fault in faults.found) or workspace is None:
        raise BansoError(faults.found)
    return workspace


def _sections(content: Mapping[str, bytes], faults: Faults) -> dict[str, dict[str, Plain] | Plain]:
    """The top keys of all YAML files together; `rules:` may stand in any number of files."""
    sections: dict[str, dict[str, Plain] | Plain] = {"rules": {}}
    for file in (name for name in content if PurePath(name).parent == PurePath("rules") and name.endswith(".yaml")):
        tree, found = read_tree(content[file], file)
        faults.found += found
        if tree is None:
            faults.unreadable |= bool(found)
            continue
        faults.trees[file] = tree
        if tree.entries is None:
            faults.add("E118", Place(file, tree.line, tree.column))
            faults.unreadable = True
            continue
        _take_sections(tree, file, sections, faults)
    strangers = [fault.values["near"] for fault in faults.found if fault.code == "E105"]
    faults.unreadable |= any(near not in sections for near in strangers)  # the section it was meant to be is not missing as well
    return sections


def _take_sections(tree: Node, file: str, sections: dict[str, dict[str, Plain] | Plain], faults: Faults) -> None:
    entries = tree.entries or {}
    defaults = entries["defaults"].plain() if "defaults" in entries else {}
    top = WorkspaceFile.model_fields if "banso" in entries else {}
    for key, node in entries.items():
        if key not in TOP_KEYS and key not in top:
            place = Place(file, *tree.key_places[key])
            known = (*top, *TOP_KEYS)
            faults.add("E105", place, key=key, near=nearest(key, known), known=known)
        elif key == "rules":
            _take_rules(node, defaults, file, sections, faults)
        elif (key, "") in faults.homes:
            faults.add("E104", Place(file, *tree.key_places[key]), key=key, first=faults.homes[(key, "")])
            faults.unreadable = True
        elif key != "defaults":
            faults.homes[(key, "")] = file
            sections[key] = node.plain()


def _take_rules(node: Node, defaults: Plain, file: str, sections: dict[str, dict[str, Plain] | Plain], faults: Faults) -> None:
    known = sections["rules"]
    if node.entries is None or not isinstance(known, dict):
        faults.add("E118", Place(file, node.line, node.column))
        return
    for rule_id, rule in node.entries.items():
        place = Place(file, *node.key_places[rule_id])
        if rule_id in known:
            faults.add("E104", place, key=rule_id, first=faults.homes[("rules", rule_id)])
            continue
        faults.homes[("rules", rule_id)] = file
        plain = rule.plain()
        known[rule_id] = {**defaults, **plain} if isinstance(defaults, dict) and isinstance(plain, dict) else plain


class _Builder:
    """Turns sections into models, and the models into a workspace."""

    def __init__(
        self, root: Path, content: Mapping[str, bytes], sections: Mapping[str, dict[str, Plain] | Plain], faults: Faults, channels: frozenset[str]
    ) -> None:
        self.root, self.content, self.sections, self.faults, self.channels = root, content, sections, faults, channels

    def build(self) -> Workspace | None:
        settings = self._model(WorkspaceFile, "banso", {key: self.sections[key] for key in WorkspaceFile.model_fields if key in self.sections})
        goals = self._model(GoalsFile, "goals", {key: self.sections[key] for key in GoalsFile.model_fields if key in self.sections})
        order = self._model(OrderFile, "order", {key: self.sections[key] for key in ("order",) if key in self.sections})
        route, facts, rules = self._route(), self._facts(), self._rules()
        if settings is None or goals is None or order is None or route is None or self.faults.unreadable:
            return None
        place, business = self._zone(settings), self._business(settings.business)
        prefixes = self._prefixes(settings)
        labels = LABELS[settings.workspace.language]
        segments = {name: segment.when for name, segment in goals.segments.items()}
        reached = {name: goal.reached_by for name, goal in goals.goals.items()}
        channels = {name: ChannelEvents(each.touch, tuple(each.response), each.valid_days) for name, each in settings.channels.items()}
        calendars = read_calendars(self.root / "rules", facts, self.faults)
        written = Written(facts, route, segments, reached, rules, settings.never, prefixes, labels, goals.health, channels, calendars)
        plan = compile_plan(written, self.faults.at)
        self.faults.broken |= set(facts) - set(plan.facts)
        mails = read_mails(self.root / "templates", plan, self.faults)
        queries = self._queries(settings)
        lanes = {lane: getattr(order.order, lane) for lane in LANES}
        check_names(Parts(settings, route, facts, goals, lanes, rules, plan, mails, self.channels, prefixes), self.faults)
        if place is None or any(fault.refuses for fault in self.faults.found):
            return None
        return Workspace(
            root=self.root,
            hash=hash_of(self.content),
            texts={name: raw.decode(errors="replace") for name, raw in self.content.items()},
            settings=settings,
            zone=place,
            business=business,
            route=route,
            facts=facts,
            segments=goals.segments,
            goals=goals.goals,
            order=lanes,
            rules=rules,
            excluded_accounts=self._excluded(settings.excluded),
            plan=plan,
            mails=mails,
            queries=queries,
            item_keys=self._item_keys(facts),
            warnings=tuple(self.faults.found),
            places={rule_id: str(self.faults.place(("rules", rule_id), of_key=True)) for rule_id in rules},
        )

    def _model(self, model: type[Model], section: str, plain: object) -> Model | None:
        """A part of the workspace held against its model; faults go to the place where the part stands."""
        prefix = () if issubclass(model, WorkspaceFile | GoalsFile | OrderFile) else tuple(section.split(".", 1))
        try:
            return model.model_validate(plain)
        except ValidationError as error:
            self.faults.from_schema(error, prefix, model, file=self.faults.homes.get((section, "")))
            return self._without_wrong(model, plain, error)

    @staticmethod
    def _without_wrong(model: type[Model], plain: object, error: ValidationError) -> Model | None:
        """The part as if what is wrong in it were not written, where it can do without: so that the rest is checked in the same run."""
        mended = deepcopy(plain)
        details = error.errors(include_url=False)
        missing = [detail["loc"] for detail in details if detail["type"] == "missing"]
        for place in (detail["loc"] for detail in details if detail["loc"]):
            inner = mended
            for part in place[:-1]:
                inner = inner.get(str(part)) if isinstance(inner, dict) else None
            if isinstance(inner, dict) and place[-1] in inner:
                meant = nearest(str(place[-1]), [str(each[-1]) for each in missing if each[:-1] == place[:-1]])
                value = inner.pop(str(place[-1]))
                inner |= {} if meant is None else {meant: value}
        try:
            return model.model_validate(mended)
        except ValidationError:
            return None

    def _entries(self, section: str) -> Mapping[str, Plain]:
        found = self.sections.get(section)
        if isinstance(found, dict):
            for name in found:
                self._check_name(section, name)
            return found
        if section in self.sections:
            self.faults.add("E118", self.faults.place((section,)))
        elif not self.faults.unreadable:
            self.faults.add("E119", Place("rules"), section=section)
        return {}

    def _check_name(self, section: str, name: str) -> None:
        """The names people give: ids, as they become columns and keys; some are taken."""
        place = self.faults.place((section, name), of_key=True)
        example = "next-setting" if section == "rules" else "next_step"
        if not re.fullmatch(ID if section == "rules" else NAME, name):
            self.faults.add("E309", place, key=section, value=name, example=example)
        elif name in TAKEN.get(section, ()):
            self.faults.add("E128", place, value=name)

    def _route(self) -> Route | None:
        spec = self._model(RouteSpec, "route", self.sections["route"]) if "route" in self.sections else None
        if "route" not in self.sections and not self.faults.unreadable:
            self.faults.add("E119", Place("rules"), section="route")
        steps = {name: self._model(Step, f"steps.{name}", plain) for name, plain in self._entries("steps").items()}
        good = {name: step for name, step in steps.items() if step is not None}
        return Route(spec, good) if spec is not None and len(good) == len(steps) and good else None

    def _facts(self) -> dict[str, FactSpec]:
        found = {}
        for name, plain in self._entries("facts").items():
            primitive = next((key for key in PRIMITIVES if isinstance(plain, dict) and key in plain), None)
            if primitive is None:
                keys = set(plain) - {"label", "labels"} if isinstance(plain, dict) else ()
                near = next((close for key in keys if (close := nearest(key, PRIMITIVES)) is not None), None)
                self.faults.at("E120", ("facts", name), {"fact": name, "allowed": tuple(PRIMITIVES)} | ({"near": near} if near else {}))
            elif (spec := self._model(PRIMITIVES[primitive], f"facts.{name}", plain)) is not None:
                found[name] = spec
        self.faults.broken |= set(self._entries_read("facts")) - set(found)
        return found

    def _entries_read(self, section: str) -> Mapping[str, Plain]:
        found = self.sections.get(section)
        return found if isinstance(found, dict) else {}

    def _rules(self) -> dict[str, RuleSpec]:
        models = {name: self._model(RuleSpec, f"rules.{name}", plain) for name, plain in self._entries("rules").items()}
        self.faults.broken |= {name for name, rule in models.items() if rule is None}
        return {name: rule for name, rule in models.items() if rule is not None}

    def _prefixes(self, settings: WorkspaceFile) -> dict[str, str]:
        owners: dict[str, str] = {}
        for name, source in settings.sources.items():
            for index, prefix in enumerate(source.events):
                if prefix in owners:
                    self.faults.at("E121", ("sources", name, "events", index), {"prefix": prefix, "owner": owners[prefix]})
                owners[prefix] = name
        return owners

    def _zone(self, settings: WorkspaceFile) -> Zone | None:
        try:
            return zone(settings.timezone)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            near = nearest(settings.timezone, available_timezones())
            self.faults.at("E122", ("timezone",), {"name": settings.timezone, "near": near})
            return None

    def _business(self, business: Business) -> BusinessDays:
        closed = set(_csv_days(self.root / "rules", business.closed, self.faults)) if business.closed else set[int]()
        if business.holidays != "none":
            try:
                closed.update(public_holidays(business.holidays))
            except NotImplementedError:
                self.faults.at("E123", ("business", "holidays"), {"name": business.holidays})
        return BusinessDays(frozenset(WEEKDAYS.index(day) for day in business.days), frozenset(closed))

    def _queries(self, settings: WorkspaceFile) -> dict[str, SourceQuery]:
        found = {}
        for path in sorted((self.root / "rules" / "sources").glob("*.sql")):
            name = path.stem
            if name not in settings.sources:
                self.faults.add("E124", Place(_relative(path, self.root)), name=name, near=nearest(name, settings.sources))
            if (text := self.faults.text_of(path, self.root)) is not None:
                found[name] = SourceQuery(name, path, text)
        return found

    def _excluded(self, file: str | None) -> frozenset[str]:
        if file is None:
            return frozenset()
        path = self.root / "rules" / file
        if not path.is_file():
            self.faults.at("E125", ("excluded",), {"file": file})
            return frozenset()
        lines = (self.faults.text_of(path, self.root) or "").splitlines()
        return frozenset(line.split(",")[0].strip() for line in lines[1:] if line.strip())

    def _item_keys(self, facts: Mapping[str, FactSpec]) -> dict[str, str]:
        keys: dict[str, str] = {}
        for name, spec in facts.items():
            if isinstance(spec, OpenItemsFact):
                items = spec.open_items
                for event in (items.opened, items.closed):
                    if keys.setdefault(event, items.key) != items.key:
                        self.faults.at("E126", ("facts", name, "open_items", "key"), {"event": event, "key": items.key, "other": keys[event]})
        return keys


def _relative(path: Path, root: Path) -> str:
    return str(path.relative_to(root))


def _csv_days(rules: Path, file: str, faults: Faults) -> Iterator[int]:
    """The closed days of a CSV with header from,to,label; a bad line is reported and the others count."""
    path = rules / file
    if not path.is_file():
        faults.at("E125", ("business", "closed"), {"file": file})
        return
    reader = csv.DictReader((faults.text_of(path, rules.parent) or "").splitlines())
    for row in reader:
        try:
            first, last = (date.fromisoformat((row[key] or "").strip()) for key in ("from", "to"))
        except (KeyError, ValueError):
            faults.add("E127", Place(_relative(path, rules.parent), reader.line_num), line=",".join(str(value) for value in row.values()))
            continue
        yield from range(day_of_date(first), day_of_date(last) + 1)


@lru_cache
def public_holidays(country: str) -> frozenset[int]:
    """The public holidays of a country as days. Raises NotImplementedError for one that the library does not know."""
    years = range(FIRST_HOLIDAY_YEAR, LAST_HOLIDAY_YEAR)
    return frozenset(day_of_date(day) for day in holidays.country_holidays(country, years=years))


def content_hash(root: Path) -> str:
    """SHA-256 over every file of `rules/` and `templates/`: its path and bytes."""
    return hash_of(read_content(root))


def read_content(root: Path) -> dict[str, bytes]:
    """Every file that belongs to a workspace, by its path below the root, in order."""
    found = [path for folder in ("rules", "templates") for path in sorted((root / folder).rglob("*"))]
    return {_relative(path, root): path.read_bytes() for path in found if path.suffix in CONTENT and path.is_file()}


def hash_of(content: Mapping[str, bytes]) -> str:
    digest = hashlib.sha256()
    for name, raw in content.items():
        digest.update(f"{name}\0{len(raw)}\0".encode() + raw)
    return digest.hexdigest()
