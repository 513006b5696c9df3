"""diff: the same night by two rule sets, compared account by account: who newly gets what, who no longer, who something else."""

import re
import subprocess
import tarfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from io import BytesIO
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
from engine.rulebook.actions import LANES, Lane
from engine.workspace.load import load_workspace
from engine.workspace.model import Workspace

REVISION = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/~^@{}-]*\Z")  # no option of git begins so
Fate = tuple[str, str]  # the rule that wins, and the template it is written from


@dataclass(frozen=True)
class Change:
    """One account in one lane. `was` and `becomes` are (rule, template) or None; `why` and `detail` say what stops the earlier winner now."""

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
    """Judge every account by both rule sets as of an instant; nothing is stored."""
    stale = stale_at(system, system.workspace, instant)
    with system.records() as records:
        fates = []
        for number, workspace in enumerate((first, second)):
            progress(workspace.hash[:7], number, 2)
            asked = ask(workspace, records, instant, stale, f"night_{number}")
            accounts = asked.counted().accounts
            fates.append(_fates(system, asked))
        progress("", 2, 2)
    changes = list(_changes(*fates))
    same = sum(fates[0][key][0] == fates[1].get(key, (None, None))[0] for key in fates[0] if fates[0][key][0] is not None)
    return Compared(instant, (first.hash, second.hash), accounts, same, changes)


Stopped = tuple[str, str | None]  # a reason, or not_matched, and its detail
Fates = Mapping[tuple[str, Lane], tuple[Fate | None, Mapping[str, Stopped]]]  # the winner, and for each other rule what stopped it


def _fates(system: System, asked: Asked) -> Fates:
    fates: dict[tuple[str, Lane], tuple[Fate | None, Mapping[str, Stopped]]] = {}
    for matched, decisions in decide_all(system, asked):
        account, columns = matched.account_id, matched.answer.columns
        for lane in LANES:
            mine = [each for each in decisions if each.lane == lane]
            won = next((each for each in mine if each.outcome in {"won", "withheld"}), None)
            fate = (won.candidate.rule_id, _template(won, account, columns)) if won else None
            fates[account, lane] = (fate, {each.candidate.rule_id: _stopped(each) for each in mine if each is not won})
    return fates


def _template(decision: Decision, account: str, columns: Mapping[str, int | str | None]) -> str:
    rule = decision.candidate.rule
    variant = variant_of(decision.candidate.rule_id, rule, account)
    choice = rule.do.choice()
    return variant.template if variant else chosen(choice, columns) if choice is not None else rule.do.channel


def _stopped(decision: Decision) -> Stopped:
    return str(decision.reason), decision.detail


def _changes(before: Fates, after: Fates) -> Iterator[Change]:
    for account, lane in sorted({*before, *after}):
        was, becomes = before.get((account, lane), (None, {}))[0], after.get((account, lane), (None, {}))
        if was != becomes[0]:
            why = becomes[1].get(was[0], ("not_matched", None)) if was is not None else (None, None)
            yield Change(account, lane, was, becomes[0], *why)


def workspace_of(system: System, named: str) -> Workspace:
    """A rule set by its folder or by a git revision of the workspace; `.` is the workspace itself."""
    root = system.config.workspace
    if named == ".":
        return system.workspace
    if (Path(named) / "rules").is_dir():
        return load_workspace(Path(named), frozenset(CHANNELS))
    return load_workspace(_checked_out(system, root, named), frozenset(CHANNELS))


def _checked_out(system: System, root: Path, revision: str) -> Path:
    """The workspace's files at a revision, below the scratch folder."""
    if not REVISION.match(revision):
        raise refuse("E711", revision, name=revision, root=root)
    folder = system.scratch / "revisions" / revision.replace("/", "_")
    folder.mkdir(parents=True, exist_ok=True)
    command = ["git", "-C", str(root), "archive", "--format=tar", revision, "rules", "templates"]
    try:
        archive = subprocess.run(command, check=True, capture_output=True).stdout  # noqa: S603  # our own words and a checked revision
    except (subprocess.CalledProcessError, FileNotFoundError) as problem:
        raise refuse("E711", revision, name=revision, root=root) from problem
    with tarfile.open(fileobj=BytesIO(archive)) as files:
        files.extractall(folder, filter="data")
    return folder
