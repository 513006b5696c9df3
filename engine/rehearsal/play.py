"""One account played through time: records come, nights and triggers decide, touches go out when they are due, all in memory."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

from engine.decision.arbitrate import Decision, decide
from engine.decision.candidates import candidate_of, due_day
from engine.decision.draws import variant_of
from engine.decision.recheck import Planned, recheck
from engine.decision.recipient import Recipient, main_contact
from engine.decision.scarce import Stock
from engine.decision.standing import PastTouch, Standing
from engine.facts.fold import Fold, fold_records
from engine.records.record import Record
from engine.rulebook.actions import Task
from engine.rulebook.python import Answer, Evaluator
from engine.touches.touch import last_day
from engine.workspace.model import Workspace

LISTED = frozenset({"call", "crm", "slack"})  # channels whose touch is done when it is listed


@dataclass
class Imagined:
    """A touch of the play. `ended`: the reason for which it was dropped or expired."""

    decision: Decision
    decided_at: int
    due_at: int
    sent_at: int | None = None
    ended: str | None = None

    @property
    def rule_id(self) -> str:
        return self.decision.candidate.rule_id

    @property
    def waits(self) -> bool:
        return self.sent_at is None and self.ended is None and self.decision.outcome == "won"


@dataclass
class Play:
    """`records` are visible from their `known_at`; `past` are touches of before the play began."""

    workspace: Workspace
    evaluator: Evaluator
    account_id: str
    records: list[Record]
    stale: frozenset[str] = frozenset()
    past: list[PastTouch] = field(default_factory=list)
    touches: list[Imagined] = field(default_factory=list)
    now: int = 0

    def judge(self, instant: int) -> tuple[Answer, Fold]:
        """Facts and verdicts at an instant."""
        fold = fold_records(self.records, instant, self.evaluator.needs, self.workspace.zone)
        return self.evaluator.answer(fold, instant, self.stale), fold

    def advance(self, instant: int) -> None:
        """Let time pass: what is due goes out, unless the re-check finds something against it."""
        while due := [each for each in self.touches if each.waits and each.due_at <= instant]:
            self._send(min(due, key=lambda each: each.due_at))
        self.now = max(self.now, instant)

    def _send(self, touch: Imagined) -> None:
        now, candidate = touch.due_at, touch.decision.candidate
        answer, fold = self.judge(now)
        planned = Planned(candidate.rule_id, candidate.per_value, touch.decided_at, candidate.deadline)
        ruling = recheck(planned, self._standing(now, answer, fold, leave_out=touch), now)
        if ruling.kind == "wait" and ruling.due_at is not None:
            touch.due_at = ruling.due_at
        elif ruling.kind == "go":
            touch.sent_at = now
            self.records.append(self._record(touch, now))
        else:
            touch.ended = ruling.reason

    def _record(self, touch: Imagined, now: int) -> Record:
        """What banso would write into the log."""
        do = touch.decision.candidate.rule.do
        said = json.dumps({"rule": touch.rule_id, "goal": touch.decision.candidate.rule.goal, "per": touch.decision.candidate.per_value})
        event = f"{do.channel}.{'listed' if do.channel in LISTED else 'shown' if do.lane == 'pull' else 'sent'}"
        number = self.workspace.valid_days(touch.decision.candidate.rule)
        return Record("banso", f"play:{len(self.records)}", self.account_id, now, now, event=event, number=number, properties=said)

    def night(self, instant: int, rules: Iterable[str], stock: Stock | None = None) -> list[Decision]:
        """Decide on the nightly rules at an instant."""
        self.advance(instant)
        return self._decide(instant, rules, stock, None)

    def react(self, instant: int, rules: Iterable[str], contact: str | None = None) -> list[Decision]:
        """Decide on the rules that a record triggered."""
        self.advance(instant)
        return self._decide(instant, rules, None, contact)

    def _decide(self, instant: int, rules: Iterable[str], stock: Stock | None, contact: str | None) -> list[Decision]:
        answer, fold = self.judge(instant)
        standing = self._standing(instant, answer, fold)
        if contact is not None:
            standing = replace(standing, present=_person(fold, contact))
        matched = [rule for rule in rules if answer.rules[rule] is True]
        candidates = [candidate_of(self.workspace, rule, answer.columns, instant) for rule in matched]
        decisions = decide(candidates, standing, stock or Stock(self.workspace))
        made = [Imagined(each, instant, each.candidate.due_at) for each in decisions if each.outcome in {"won", "withheld"}]
        self.touches += made
        return decisions

    def _standing(self, instant: int, answer: Answer, fold: Fold, leave_out: Imagined | None = None) -> Standing:
        touches = [*self.past, *(self._past(each) for each in self.touches if each is not leave_out and each.ended is None)]
        return Standing(self.account_id, instant, self.workspace, answer, main_contact(fold), touches=touches)

    def _past(self, touch: Imagined) -> PastTouch:
        candidate, zone = touch.decision.candidate, self.workspace.zone
        day = zone.day(touch.sent_at if touch.sent_at is not None else touch.due_at)
        withheld = touch.decision.outcome == "withheld"
        begun_at = touch.due_at if withheld else touch.sent_at
        return PastTouch(
            id="imagined",
            rule=candidate.rule_id,
            per_value=candidate.per_value,
            goal=candidate.rule.goal,
            lane=touch.decision.lane,
            channel=candidate.rule.do.channel,
            day=day,
            begun_at=begun_at,
            window_last_day=last_day(day, self.workspace.valid_days(candidate.rule)) if begun_at is not None else None,
            is_sent=touch.sent_at is not None,
            is_withheld=withheld,
            hold=candidate.rule.do.held,
            hold_until=due_day(self.workspace, candidate.rule.do, candidate.due_at) if isinstance(candidate.rule.do, Task) else None,
        )

    def variant(self, rule_id: str) -> str | None:
        """The variant of a rule that this account gets."""
        found = variant_of(rule_id, self.workspace.rules[rule_id], self.account_id)
        return found.id if found else None


def _person(fold: Fold, contact: str) -> Recipient:
    said = fold.contacts.get(contact, {})
    address, name, role = (said[key][3] if key in said else None for key in ("contact.email", "contact.name", "contact.role"))
    return Recipient(contact, address, name, role)


def shared(workspace: Workspace, rules: Sequence[str]) -> Workspace:
    """The workspace as if these rules were meant for everyone already: tests look at what a rule says, whatever its stage."""
    promoted = {rule_id: rule.model_copy(update={"stage": "share"}) if rule_id in rules else rule for rule_id, rule in workspace.rules.items()}
    return replace(workspace, rules=promoted)
