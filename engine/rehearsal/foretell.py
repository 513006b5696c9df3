"""What a history leads to, in the words of an expectation: a test that is begun from it comes true."""

from collections.abc import Mapping

from engine.rehearsal.cases import Case
from engine.rehearsal.check import looked, playing, whys, won
from engine.rehearsal.play import shared
from engine.rulebook.python import Evaluator
from engine.workspace.model import Workspace


def foretell(case: Case, rule_id: str, workspace: Workspace, evaluator: Evaluator) -> Mapping[str, str | dict[str, str]]:
    """Who wins in the rule's lane at the first look of the case, or why the rule does not: whom its trial leaves out; else as if it were shared.

    That a rule still stands at `plan` is no reason to keep: the test would turn red on the day the rule is shared.
    """
    if workspace.rules[rule_id].stage == "try":
        staged = looked(case.expect[0], playing(case, workspace, evaluator)).decisions.get(rule_id)
        if staged is not None and staged.reason == "stage":
            return {"not": rule_id, "why": {rule_id: "stage"}}
    play = playing(case, shared(workspace, tuple(workspace.rules)), evaluator)
    seen, lane = looked(case.expect[0], play), workspace.rules[rule_id].do.lane
    winners = [name for name in won(seen) if workspace.rules[name].do.lane == lane]
    if rule_id in winners:
        return {"decides": rule_id}
    if winners and lane != "internal":
        return {"decides": winners[0]}
    reasons = whys(rule_id, seen, play)
    key = "unknown" if seen.answer.rules[rule_id] is None else "why"
    return {"not": rule_id, key: {rule_id: reasons[0]}} if reasons else {"not": rule_id}
