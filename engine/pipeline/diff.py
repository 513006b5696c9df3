"""diff: the same night by two rule sets, compared account by account: who newly gets what, who no longer, who something else."""

import re
import subprocess
import tarfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from io import BytesIO
from itertools import groupby
from pathlib import Path

from engine.channels import CHANNELS
from engine.channels.words import chosen
from engine.decision.arbitrate import Decision
from engine.decision.draws import variant_of
from engine.errors import refuse
from engine.pipeline.evaluate import stale_at
from engine.pipeline.load import Progress
from engine.pipeline.matched import Asked, ask
from engine.pipeline.plan import decide_all
from engine.pipeline.system import System
from engine.rulebook.actions import Lane
from engine.workspace.load import load_workspace
from engine.workspace.model import Workspace

REVISION = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/~^@{}-]*\Z")  # no option of git begins so
Fate = tuple[str, str]  # the rule that wins, and the template it is written from


@dataclass(frozen=True)
class Change:
    """One account in one lane (of the lane in which all win: one rule). `was` and `becomes` are (rule, template) or None.

    `why` and `detail` say what stops the earlier winner now.
    """

    account_id: str
    lane: Lane
    was: Fate | None
    becomes: Fate | None
    why: str | None
    detail: str | None = None

    @property
    def kind(self) -> str:
        if self.was is None or self.becomes is None:
            return "+" if self.was is None else "-"
        return "~"


@dataclass(frozen=True)
class Compared:
    """Two rule sets on one night."""

    instant: int
    rule_sets: tuple[str, str]
    accounts: int
    unchanged: int
    changes: Sequence[Change]


def compare(system: System, first: Workspace, second: Workspace, instant: int, progress: Progress) -> Compared:
    """Judge every account by both rule sets as of an instant, as if they were approved: that is what they are compared for. Nothing is stored."""
    stale = stale_at(system, system.workspace, instant)
    with system.records() as records:
        fates = []
        for number, workspace in enumerate((first, second)):
            progress(workspace.hash[:7], number, 2)
            asked = ask(replace(workspace, imagined_approved=frozenset(workspace.rules)), records, instant, stale, f"night_{number}")
            accounts = asked.counted().accounts
            fates.append(_fates(system, asked))
        progress("", 2, 2)
    changes = list(_changes(*fates))
    same = sum(fates[0][key][0] == fates[1].get(key, (None, None))[0] for key in fates[0] if fates[0][key][0] is not None)
    return Compared(instant, (first.hash, second.hash), accounts, same, changes)


Seat = tuple[str, Lane, str]  # account and lane; and the rule, in the lane where all of them win
Stopped = tuple[str, str | None]  # a reason, or not_matched, and its detail
Fates = Mapping[Seat, tuple[Fate | None, Mapping[str, Stopped]]]  # the winner, and for each other rule what stopped it


def _fates(system: System, asked: Asked) -> Fates:
    fates: dict[Seat, tuple[Fate | None, Mapping[str, Stopped]]] = {}
    for matched, decisions in decide_all(system, asked):
        account, columns = matched.account_id, matched.answer.columns
        for seat, group in groupby(decisions, key=lambda each: _seat(account, each)):
            mine = list(group)
            won = next((each for each in mine if each.outcome in {"won", "withheld"}), None)
            fate = (won.candidate.rule_id, _template(won, account, columns)) if won else None
            fates[seat] = (fate, {each.candidate.rule_id: _stopped(each) for each in mine if each is not won})
    return fates


def _seat(account: str, decision: Decision) -> Seat:
    return account, decision.lane, decision.candidate.rule_id if decision.lane == "internal" else ""


def _template(decision: Decision, account: str, columns: Mapping[str, int | str | None]) -> str:
    rule = decision.candidate.rule
    variant = variant_of(decision.candidate.rule_id, rule, account)
    choice = rule.do.choice()
    return variant.template if variant else chosen(choice, columns) if choice is not None else rule.do.channel


def _stopped(decision: Decision) -> Stopped:
    return str(decision.reason), decision.detail


def _changes(before: Fates, after: Fates) -> Iterator[Change]:
    for seat in sorted({*before, *after}):
        was, becomes = before.get(seat, (None, {}))[0], after.get(seat, (None, {}))
        if was != becomes[0]:
            why = becomes[1].get(was[0], ("not_matched", None)) if was is not None else (None, None)
            yield Change(seat[0], seat[1], was, becomes[0], *why)


def workspace_of(system: System, named: str) -> Workspace:
    """A rule set by its folder or by a git revision of the workspace; `.` is the workspace itself."""
    root = system.config.workspace
    if named == ".":
        return system.workspace
    if (Path(named) / "rules").is_dir():
        return load_workspace(Path(named), frozenset(CHANNELS))
    return load_workspace(_checked_out(system, root, named), frozenset(CHANNELS))


def _checked_out(system: System, root: Path, revision: str) -> Path:
    """The workspace's files at a revision, below the scratch folder; by the commit, as a branch is another one tomorrow."""
    if not REVISION.match(revision):
        raise refuse("E711", revision, name=revision, root=root)
    try:
        commit = _git(root, "rev-parse", "--verify", f"{revision}^{{commit}}").decode().strip()
        archive = _git(root, "archive", "--format=tar", commit, "rules", "templates")
    except (subprocess.CalledProcessError, FileNotFoundError) as problem:
        raise refuse("E711", revision, name=revision, root=root) from problem
    folder = system.scratch / "revisions" / commit
    folder.mkdir(parents=True, exist_ok=True)
    with tarfile.open(fileobj=BytesIO(archive)) as files:
        files.extractall(folder, filter="data")
    return folder


def _git(root: Path, *words: str) -> bytes:
    return subprocess.run(["git", "-C", str(root), *words], check=True, capture_output=True).stdout  # noqa: S603, S607  # our own words, a checked revision, git of the path
