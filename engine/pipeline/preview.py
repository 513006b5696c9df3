"""preview: what a rule would bring to an account, whether or not it matches, and where each blank comes from; nothing is written."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from engine.channels import CHANNELS
from engine.channels.letter import Occasion
from engine.decision.arbitrate import Decision
from engine.decision.candidates import candidate_of
from engine.decision.gates import ADDRESSED
from engine.decision.recipient import NOBODY, Recipient, main_contact
from engine.decision.scarce import Stock
from engine.decision.standing import Standing
from engine.errors import refuse
from engine.facts.fold import dump
from engine.pipeline.evaluate import Judged, judge_one
from engine.pipeline.explain import FactSeen, facts_seen, must_exist
from engine.pipeline.system import System
from engine.rulebook.actions import Post
from engine.rulebook.spec import RuleSpec
from engine.touches.plan import Occasion as RunOccasion
from engine.touches.plan import plan_touch
from engine.touches.touch import Touch
from engine.workspace.blanks import names_filled
from engine.workspace.model import MailSource, Workspace


@dataclass(frozen=True)
class Previewed:
    """`to`: the address, or where it is shown or listed. `parts`: subject, text and the name of the template. `blanks`: the facts that fill it."""

    to: str
    parts: Mapping[str, str]
    blanks: Sequence[FactSeen]


def preview(system: System, rule_id: str, account: str, instant: int) -> Previewed:
    """The message a rule would send to an account. Raises BansoError for a rule or an account that is none, Unwritable where a blank stays empty."""
    judged, workspace, _ = judge_one(system, account, instant)
    must_exist(judged, account)
    if rule_id not in workspace.rules:
        raise refuse("E641", rule_id, name=rule_id, known=tuple(workspace.rules))
    rule = workspace.rules[rule_id]
    recipient = main_contact(judged.fold) or NOBODY
    occasion = Occasion(imagined(workspace, rule_id, rule, judged, instant), judged.answer, judged.fold, recipient, instant)
    parts = CHANNELS[rule.do.channel](workspace).preview(occasion)
    shown = _names(workspace, parts["template"])
    return Previewed(_goes_to(workspace, rule, recipient), parts, [fact for fact in facts_seen(workspace, judged) if fact.name in shown])


def _goes_to(workspace: Workspace, rule: RuleSpec, recipient: Recipient) -> str:
    if rule.do.channel in ADDRESSED:
        return recipient.address or ""
    return workspace.settings.notify[rule.do.post] if isinstance(rule.do, Post) else workspace.settings.channels[rule.do.channel].label


def _names(workspace: Workspace, template: str) -> frozenset[str]:
    source = workspace.templates[template]
    texts = (source.subject, source.mjml, source.text) if isinstance(source, MailSource) else (source.text,)
    return frozenset[str]().union(*map(names_filled, texts))


def imagined(workspace: Workspace, rule_id: str, rule: RuleSpec, judged: Judged, instant: int) -> Touch:
    """The touch there would be if the rule won."""
    candidate = candidate_of(workspace, rule_id, judged.account_id, judged.answer.columns, instant)
    standing = Standing(judged.account_id, instant, workspace, judged.answer, main_contact(judged.fold))
    given = Stock(workspace).allot(candidate, standing)
    won = Decision(candidate, rule.do.lane, "won", place=given.place)
    return plan_touch(won, standing, RunOccasion("preview", 0, dump(judged.fold)))
