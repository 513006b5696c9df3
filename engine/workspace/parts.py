"""The models of all files, before they become a workspace."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from engine.facts.route import Route
from engine.facts.spec import FactSpec
from engine.rulebook.actions import Lane
from engine.rulebook.compile import Written
from engine.rulebook.plan import Plan
from engine.rulebook.spec import RuleSpec
from engine.workspace.model import Article, MailSource, NoteSource
from engine.workspace.schema import GoalsFile, Person, WorkspaceFile


@dataclass(frozen=True)
class Parts:
    """Everything the checks across files look at; `prefixes` maps the first word of events and fields to their source."""

    settings: WorkspaceFile
    route: Route
    facts: Mapping[str, FactSpec]
    goals: GoalsFile
    order: Mapping[Lane, Sequence[str]]
    rules: Mapping[str, RuleSpec]
    written: Written
    plan: Plan
    templates: Mapping[str, MailSource | NoteSource]
    articles: Mapping[str, Article] | None
    people: Mapping[str, Person]
    channels: frozenset[str]
    prefixes: Mapping[str, str]
    tested: frozenset[str]  # rules that some test names

    def facts_of(self, *kinds: str) -> tuple[str, ...]:
        """The facts whose values are of these kinds."""
        return tuple(name for name, fact in self.plan.facts.items() if fact.type.kind in kinds)
