"""From the sections of all files to models, and from the models to a workspace."""

import hashlib
import json
import re
from collections.abc import Mapping
from copy import deepcopy
from dataclasses import replace
from pathlib import Path
from typing import TypeAlias, TypeVar
from zoneinfo import ZoneInfoNotFoundError, available_timezones

from pydantic import BaseModel, ValidationError

from engine.calendar import BusinessDays, Zone, zone
from engine.errors import Place
from engine.facts import PRIMITIVES
from engine.facts.health import HEALTH_FACTS
from engine.facts.open_items import OpenItemsFact
from engine.facts.route import COMPLETE, Route, RouteSpec, Step
from engine.facts.spec import ChannelEvents, FactSpec
from engine.rulebook.compile import AUTOMATIC, Written, compile_plan
from engine.rulebook.spec import LANES, RuleSpec
from engine.workspace.articles import read_articles
from engine.workspace.calendars import read_calendars
from engine.workspace.check import check_names
from engine.workspace.content import hash_of, names_in_tests, relative
from engine.workspace.faults import Faults, nearest
from engine.workspace.keys import is_tag
from engine.workspace.lints import warn
from engine.workspace.listed import Listed, closed_days, excluded_accounts, public_holidays, sessions, shifts
from engine.workspace.model import Session, SourceQuery, Workspace, counted
from engine.workspace.parts import Parts
from engine.workspace.schema import Business, GoalsFile, OrderFile, PeopleFile, WorkspaceFile
from engine.workspace.templates import read_templates
from engine.workspace.tree import Plain

Model = TypeVar("Model", bound=BaseModel)
Sections: TypeAlias = dict[str, dict[str, Plain] | Plain]
WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
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
UNAPPROVED_KEYS = {"stage", "reflect", "learned", "title", "try"}
NAME, ID = re.compile(r"[a-z][a-z0-9_-]{0,62}"), re.compile(r"[a-z][a-z0-9-]{0,62}")
TAKEN = {
    "facts": (*AUTOMATIC, *HEALTH_FACTS, "any", "segment", "stalled_since", "excluded", "account_id", "contact_id"),
    "steps": (COMPLETE, "by", "else"),
}


def content_of(rule: Plain) -> str:
    """The hash of what a rule does to whom. Its stage and what was learned do not belong to it: they may change without a new approval."""
    kept = {key: value for key, value in rule.items() if key not in UNAPPROVED_KEYS} if isinstance(rule, dict) else rule
    return hashlib.sha256(json.dumps(kept, ensure_ascii=False, sort_keys=True).encode()).hexdigest()


class Builder:
    """Turns sections into models, and the models into a workspace."""

    def __init__(self, root: Path, content: Mapping[str, bytes], sections: Sections, faults: Faults, channels: frozenset[str]) -> None:
        self.root, self.content, self.sections, self.faults, self.channels = root, content, sections, faults, channels

    def build(self) -> Workspace | None:
        settings = self._part(WorkspaceFile, "banso", tuple(WorkspaceFile.model_fields))
        goals, order = self._part(GoalsFile, "goals", tuple(GoalsFile.model_fields)), self._part(OrderFile, "order", ("order",))
        people = self._part(PeopleFile, "people", ("people",))
        route, facts, rules = self._route(), self._facts(), self._rules()
        if settings is None or goals is None or order is None or people is None or route is None or self.faults.unreadable:
            return None
        self.faults.labels = LABELS[settings.workspace.language]
        place = self._zone(settings)
        written = self._written(settings, goals, route, facts, rules)
        plan = compile_plan(written, self.faults.at)
        self.faults.broken |= set(facts) - set(plan.facts)
        lanes = {lane: getattr(order.order, lane) for lane in LANES}
        templates = read_templates(self.root / "templates", plan, self.faults)
        articles = read_articles(self.content, self.faults)
        parts = Parts(
            settings,
            route,
            facts,
            goals,
            lanes,
            rules,
            written,
            plan,
            templates,
            articles,
            people.people,
            self.channels,
            self._prefixes(settings),
            names_in_tests(self.root),
        )
        check_names(parts, self.faults)
        if place is None:
            return None
        workspace = self._assembled(parts, place)
        if any(fault.refuses for fault in self.faults.found):
            return None
        warn(parts, self.faults)
        return replace(workspace, warnings=tuple(sorted(self.faults.found, key=lambda fault: (fault.place, fault.code))))

    def _part(self, model: type[Model], section: str, keys: tuple[str, ...]) -> Model | None:
        return self._model(model, section, {key: self.sections[key] for key in keys if key in self.sections})

    def _written(self, settings: WorkspaceFile, goals: GoalsFile, route: Route, facts: dict[str, FactSpec], rules: dict[str, RuleSpec]) -> Written:
        """What the plan is compiled from."""
        return Written(
            facts=facts,
            route=route,
            segments={name: segment.when for name, segment in goals.segments.items()},
            goals={name: goal.reached_by for name, goal in goals.goals.items()},
            rules=rules,
            never=settings.never,
            appointment=settings.appointment,
            counted=counted(settings),
            sources=self._prefixes(settings, report=False),
            labels=LABELS[settings.workspace.language],
            health=goals.health,
            channels={name: ChannelEvents(each.touch, tuple(each.response), each.valid_days) for name, each in settings.channels.items()},
            calendars=read_calendars(self.root / "rules", facts, self.faults),
        )

    def _assembled(self, parts: Parts, place: Zone) -> Workspace:
        settings = parts.settings
        return Workspace(
            root=self.root,
            hash=hash_of(self.content),
            texts={name: raw.decode(errors="replace") for name, raw in self.content.items()},
            settings=settings,
            zone=place,
            business=self._business(settings.business),
            route=parts.route,
            facts=parts.facts,
            segments=parts.goals.segments,
            goals=parts.goals.goals,
            order=parts.order,
            rules=parts.rules,
            people=parts.people,
            excluded_accounts=frozenset(excluded_accounts(self._listed(settings.excluded, "excluded"))) if settings.excluded else frozenset(),
            sessions=self._sessions(settings, place),
            shifts=shifts(self._listed(settings.shifts, "shifts")) if settings.shifts else None,
            written=parts.written,
            plan=parts.plan,
            templates=parts.templates,
            articles=parts.articles,
            queries=self._queries(settings),
            item_keys=self._item_keys(parts.facts),
            warnings=(),
            places={rule_id: str(self.faults.place(("rules", rule_id), of_key=True)) for rule_id in parts.rules},
            contents={rule_id: content_of(plain) for rule_id, plain in self._entries_read("rules").items()},
        )

    def _listed(self, file: str, *setting: str) -> Listed:
        return Listed(self.root / "rules", file, setting, self.faults)

    def _sessions(self, settings: WorkspaceFile, place: Zone) -> tuple[Session, ...]:
        if settings.sessions is None:
            return ()
        kinds = {**dict.fromkeys(settings.courses, "course"), **dict.fromkeys(settings.seminars, "seminar")}
        unsure = "seminar" if any(self.faults.is_wrong_below((section,)) for section in ("seminars", "courses")) else None
        return tuple(sessions(self._listed(settings.sessions, "sessions"), place, lambda name: kinds.get(name, unsure)))

    def _model(self, model: type[Model], section: str, plain: object) -> Model | None:
        """A part of the workspace held against its model; faults go to the place where the part stands."""
        prefix = () if issubclass(model, WorkspaceFile | GoalsFile | OrderFile | PeopleFile) else tuple(section.split(".", 1))
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
        for place in (tuple(part for part in detail["loc"] if not is_tag(part)) for detail in details if detail["loc"]):
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

    def _prefixes(self, settings: WorkspaceFile, *, report: bool = True) -> dict[str, str]:
        owners: dict[str, str] = {}
        for name, source in settings.sources.items():
            for index, prefix in enumerate(source.events):
                if prefix in owners and report:
                    self.faults.at("E121", ("sources", name, "events", index), {"prefix": prefix, "owner": owners[prefix]})
                owners[prefix] = name
            for said, event in source.names.items():
                if event.partition(".")[0] not in source.events and report:
                    self.faults.at("E149", ("sources", name, "names", said), {"event": event, "known": tuple(source.events)})
        return owners

    def _zone(self, settings: WorkspaceFile) -> Zone | None:
        try:
            return zone(settings.timezone)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            near = nearest(settings.timezone, available_timezones())
            self.faults.at("E122", ("timezone",), {"name": settings.timezone, "near": near})
            return None

    def _business(self, business: Business) -> BusinessDays:
        closed = set(closed_days(self._listed(business.closed, "business", "closed"))) if business.closed else set[int]()
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
            if name not in settings.sources and not self.faults.is_wrong_below(("sources",)):
                self.faults.add("E124", Place(relative(path, self.root)), name=name, near=nearest(name, settings.sources))
            if (text := self.faults.text_of(path, self.root)) is not None:
                found[name] = SourceQuery(name, path, text)
        return found

    def _item_keys(self, facts: Mapping[str, FactSpec]) -> dict[str, str]:
        keys: dict[str, str] = {}
        for name, spec in facts.items():
            if isinstance(spec, OpenItemsFact):
                items = spec.open_items
                for event in (items.opened, items.closed):
                    if keys.setdefault(event, items.key) != items.key:
                        self.faults.at("E126", ("facts", name, "open_items", "key"), {"event": event, "key": items.key, "other": keys[event]})
        return keys
