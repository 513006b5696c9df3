"""One account played through time: records come, nights and triggers decide, touches go out when they are due, all in memory."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

from engine.decision.arbitrate import Decision, decide
from engine.decision.candidates import candidate_of
from engine.decision.draws import variant_of
from engine.decision.recheck import Planned, recheck
from engine.decision.recipient import contact_of, main_contact
from engine.decision.scarce import Stock
from engine.decision.standing import PastTouch, Standing, is_for
from engine.facts.fold import Fold, fold_records
from engine.records.record import Record
from engine.rehearsal.imagined import Imagined, begun, traces, waiting
from engine.rulebook.python import Answer, Evaluator
from engine.workspace.model import Workspace


@dataclass
class Played:
    """A touch of the play. `ended`: the reason for which it was dropped or expired."""

    decision: Decision
    imagined: Imagined
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
    touches: list[Played] = field(default_factory=list)

    def judge(self, instant: int) -> tuple[Answer, Fold]:
        """Facts and verdicts at an instant."""
        fold = fold_records(self.records, instant, self.evaluator.needs, self.workspace.zone)
        return self.evaluator.answer(fold, instant, self.stale), fold

    def advance(self, instant: int) -> None:
        """Let time pass: what is due goes out, unless the re-check finds something against it."""
        while due := [each for each in self.touches if each.waits and each.due_at <= instant]:
            self._send(min(due, key=lambda each: each.due_at))

    def _send(self, touch: Played) -> None:
        now, candidate = touch.due_at, touch.decision.candidate
        answer, fold = self.judge(now)
        planned = Planned(candidate.rule_id, candidate.per_value, touch.imagined.decided_at, candidate.deadline)
        ruling = recheck(planned, self._standing(now, answer, fold, leave_out=touch), now)
        if ruling.kind == "wait" and ruling.due_at is not None:
            touch.due_at = ruling.due_at
        elif ruling.kind == "go":
            touch.sent_at = now
            mark = traces(self.workspace, touch.imagined)
            self.records.append(Record("banso", f"play:{len(self.records)}", self.account_id, now, now, **mark))  # type: ignore[arg-type]  # named there
        else:
            touch.ended = ruling.reason

    def decide(self, instant: int, rules: Iterable[str], contact: str | None = None) -> list[Decision]:
        """Decide on these rules, as a night does, or as a record does that came from a contact; nothing scarce is taken yet."""
        self.advance(instant)
        answer, fold = self.judge(instant)
        standing = self._standing(instant, answer, fold)
        if contact is not None:
            standing = replace(standing, present=contact_of(fold, contact))
        matched = [rule for rule in rules if answer.rules[rule] is True and is_for(self.workspace.rules[rule], standing)]
        candidates = [candidate_of(self.workspace, rule, self.account_id, answer.columns, instant) for rule in matched]
        decisions = decide(candidates, standing, Stock(self.workspace))
        self.touches += [self._played(each, instant) for each in decisions if each.outcome in {"won", "withheld"}]
        return decisions

    def _standing(self, instant: int, answer: Answer, fold: Fold, leave_out: Played | None = None) -> Standing:
        touches = [*self.past, *(self._past(each) for each in self.touches if each is not leave_out and each.ended is None)]
        return Standing(self.account_id, instant, self.workspace, answer, main_contact(fold), touches=touches)

    def _played(self, decision: Decision, instant: int) -> Played:
        candidate = decision.candidate
        withheld = decision.outcome == "withheld"
        imagined = Imagined(self.account_id, candidate.rule_id, candidate.per_value, instant, candidate.due_at, withheld)
        return Played(decision, imagined, candidate.due_at)

    def _past(self, touch: Played) -> PastTouch:
        past = begun(self.workspace, touch.imagined, touch.due_at if touch.sent_at is None else touch.sent_at)
        return waiting(past) if touch.waits else past

    def variant(self, rule_id: str) -> str | None:
        """The variant of a rule that this account gets."""
        found = variant_of(rule_id, self.workspace.rules[rule_id], self.account_id)
        return found.id if found else None


def shared(workspace: Workspace, rules: Sequence[str]) -> Workspace:
    """The workspace as if these rules were meant for everyone and approved: tests look at what a rule says, whatever its stage."""
    promoted = {rule_id: rule.model_copy(update={"stage": "share"}) if rule_id in rules else rule for rule_id, rule in workspace.rules.items()}
    return replace(workspace, rules=promoted, imagined_approved=frozenset(rules))
