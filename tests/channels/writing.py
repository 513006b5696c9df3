"""A mail of the small workspace, written for a given rule, recipient and deployment."""

from dataclasses import replace
from functools import cache

from engine.channels import CHANNELS
from engine.channels.deployment import NO_DEPLOYMENT, Deployment
from engine.channels.letter import Letter, Occasion
from engine.decision.recipient import Recipient
from engine.facts.fold import fold_records
from engine.rulebook.python import compile_python
from engine.workspace.load import load_workspace
from engine.workspace.model import Workspace
from tests.builders import a_stalled_customer, a_touch, at
from tests.story import SPACE

NOW = at("2026-04-07 09:00")
TOUCH = "0123456789abcdef0123456789abcdef"


@cache
def the_workspace() -> Workspace:
    return load_workspace(SPACE, frozenset(CHANNELS))


@cache
def the_occasion() -> Occasion:
    workspace = the_workspace()
    fold = fold_records(a_stalled_customer(), NOW, workspace.plan.needs, workspace.zone)
    answer = compile_python(workspace.plan, workspace.zone, workspace.business).answer(fold, NOW, frozenset())
    return Occasion(a_touch(TOUCH), answer, fold, Recipient("tanaka", "tanaka@aozora.example.jp", "田中", None), NOW)


def named(company: str, person: str | None = "田中", occasion: Occasion | None = None) -> Occasion:
    """The occasion with other names."""
    base = occasion or the_occasion()
    fold = replace(base.fold, name=(NOW, "sfa", "1", company, None))
    return replace(base, fold=fold, recipient=replace(base.recipient, name=person))


def with_sender(**changes: str) -> Workspace:
    """The workspace with something changed in the one sender of the rule."""
    workspace = the_workspace()
    senders = {name: sender.model_copy(update=changes) for name, sender in workspace.settings.senders.items()}
    return replace(workspace, settings=workspace.settings.model_copy(update={"senders": senders}))


def with_imprint(**changes: str) -> Workspace:
    workspace = the_workspace()
    imprint = workspace.settings.imprint.model_copy(update=changes)
    return replace(workspace, settings=workspace.settings.model_copy(update={"imprint": imprint}))


def as_service(workspace: Workspace) -> Workspace:
    """The rule says that its mail is no advertising."""
    rule = workspace.rules["next-setting"]
    serving = rule.model_copy(update={"do": rule.do.model_copy(update={"service": True})})
    return replace(workspace, rules={**workspace.rules, "next-setting": serving})


def write(workspace: Workspace | None = None, deployment: Deployment = NO_DEPLOYMENT, occasion: Occasion | None = None) -> Letter:
    return CHANNELS["mail"](workspace or the_workspace(), deployment).write(occasion or the_occasion())
