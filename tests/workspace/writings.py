"""Every text of the two example workspaces, written in every case: each rule, each branch and variant, with all values known and with none."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

from engine.channels import CHANNELS
from engine.channels.letter import Occasion
from engine.decision.recipient import Recipient
from engine.decision.scarce import session_place
from engine.facts.fold import Fold
from engine.rulebook.actions import SendMail, SuggestHelp
from engine.rulebook.python import Answer, Known
from engine.rulebook.spec import RuleSpec
from engine.touches.touch import Touch
from engine.workspace.load import load_workspace
from engine.workspace.model import Workspace
from tests.builders import a_touch

ROOT = Path(__file__).parents[2]
EXAMPLES = {"ja": ROOT, "en": ROOT / "examples" / "yammer"}
SAMPLES: dict[str, Known] = {"number": 5, "date": 20_550, "text": "x", "bool": True}


@dataclass(frozen=True)
class Writing:
    """One text as its reader sees it; `where` tells a failing test which rule and case it is."""

    language: str
    rule_id: str
    known: bool
    where: str
    parts: dict[str, str]

    @property
    def words(self) -> str:
        """All that is read in it, without the HTML, which says the same."""
        return "\n".join(self.parts.get(part, "") for part in ("subject", "text", "handover"))


@cache
def workspace(language: str) -> Workspace:
    return load_workspace(EXAMPLES[language], frozenset(CHANNELS))


@cache
def writings(language: str) -> tuple[Writing, ...]:
    return tuple(writing for rule_id in workspace(language).rules for writing in _of_rule(language, rule_id))


def mails(language: str) -> list[Writing]:
    return [each for each in writings(language) if isinstance(workspace(language).rules[each.rule_id].do, SendMail)]


def _of_rule(language: str, rule_id: str) -> Iterator[Writing]:
    space = workspace(language)
    rule = space.rules[rule_id]
    for known in (True, False):
        for case, variant in _cases(space, rule):
            touch = replace(a_touch(rule=rule_id, goal=rule.goal or ""), variant=variant, place=_place(space, rule, known=known))
            where = f"{rule_id} {case or variant or ''} {'known' if known else 'unknown'}"
            yield Writing(language, rule_id, known, where, preview(space, touch, columns_of(space, rule, case, known=known), known=known))


def _cases(space: Workspace, rule: RuleSpec) -> list[tuple[str | None, str | None]]:
    """(value of the fact that chooses, variant)."""
    if isinstance(rule.do, SendMail) and rule.do.variants:
        return [(None, variant.id) for variant in rule.do.variants]
    choice = rule.do.articles if isinstance(rule.do, SuggestHelp) else rule.do.choice()
    return [(value, None) for value in space.plan.facts[str(choice["by"])].type.values] if isinstance(choice, dict) else [(None, None)]


def _place(space: Workspace, rule: RuleSpec, *, known: bool) -> str | None:
    """A seat where the rule offers one."""
    place = rule.do.leads.place if rule.do.leads else None
    return next((session_place(each) for each in space.sessions if each.place == place), None) if known else None


def columns_of(space: Workspace, rule: RuleSpec, case: str | None, *, known: bool) -> dict[str, Known]:
    """Values of all facts under which a rule takes a case: each known, or as little as possible."""
    columns: dict[str, Known] = {}
    for fact in space.plan.facts.values():
        first = next(iter(fact.type.values), None)
        columns[fact.name] = (f"|{first}|" if fact.type.kind == "tags" else first or SAMPLES.get(fact.type.kind)) if known else None
    steps = list(space.route.steps)
    columns |= {f"done.{step}": index < 3 for index, step in enumerate(steps)}
    columns["next_step"] = steps[3] if len(steps) > 3 else steps[-1]
    choice = rule.do.articles if isinstance(rule.do, SuggestHelp) else rule.do.choice()
    if isinstance(choice, dict) and case is not None:
        columns[str(choice["by"])] = case
    return columns


def preview(space: Workspace, touch: Touch, columns: dict[str, Known], *, known: bool) -> dict[str, str]:
    recipient = Recipient("u1", "tanaka@example.jp", "田中" if known else None, "人事部" if known else None)
    fold = Fold()
    fold.name = (0, "", "", "株式会社青空" if known else "㈱青空")
    channel = CHANNELS[space.rules[touch.rule].do.channel](space)
    return dict(channel.preview(Occasion(touch, Answer(columns, {}, excluded=False), fold, recipient, 0)))
