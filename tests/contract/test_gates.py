"""Every gate: in the order of the closed list, silent where nothing stands against a touch, and each made to speak once."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from engine.calendar import date_of_day, zone
from engine.channels import CHANNELS
from engine.decision.gates import GATES, REASONS, findings
from engine.decision.recipient import Recipient
from engine.decision.standing import Candidate, PastTouch, Pause, Standing
from engine.rulebook.python import Answer
from engine.workspace.load import load_workspace
from engine.workspace.model import Workspace
from tests.builders import AZURE, at
from tests.story import ROOT

# settled.md 16; gates of later features keep their places
CLOSED_LIST = "paused excluded opted_out bounced holdout stage again appointment_ahead window_open cap load human_hold past_deadline".split()  # noqa: SIM905
NIGHT = at("2026-04-07 02:00")
TODAY = zone("Asia/Tokyo").day(NIGHT)

Change = Callable[[Candidate, Standing], tuple[Candidate, Standing]]


@pytest.fixture(scope="module")
def workspace() -> Workspace:
    return load_workspace(ROOT, frozenset(CHANNELS))


@pytest.fixture
def candidate(workspace: Workspace) -> Candidate:
    return Candidate("next-setting", workspace.rules["next-setting"], "initial_settings", at("2026-04-07 09:00"), at("2026-04-10 00:00") - 1)


@pytest.fixture
def standing() -> Standing:
    """Nothing stands against a touch."""
    recipient = Recipient("tanaka", "tanaka@aozora.example.jp", "田中", None)
    return Standing(AZURE, NIGHT, zone("Asia/Tokyo"), Answer({}, {}, excluded=False), recipient, (), {}, excluded_by_list=False, touches=())


def past(**changes: object) -> PastTouch:
    """A touch sent ten days ago, its window long closed."""
    sent = {"begun_at": at("2026-03-28 09:00"), "begun_day": TODAY - 10, "window_last_day": TODAY - 8, "decided_day": TODAY - 10}
    values = {"id": "t0", "rule": "next-setting", "per_value": "initial_settings", "goal": "step_forward", "lane": "push", **sent, **changes}
    return PastTouch(**values)  # type: ignore[arg-type]


def stood(**changes: object) -> Change:
    return lambda candidate, standing: (candidate, replace(standing, **changes))  # type: ignore[arg-type]


def been(**changes: object) -> Change:
    return lambda candidate, standing: (replace(candidate, **changes), standing)  # type: ignore[arg-type]


def ruled(**changes: object) -> Change:
    return lambda candidate, standing: (replace(candidate, rule=candidate.rule.model_copy(update=changes)), standing)


def paused_for(scope: str, name: str, until: str = "2026-04-08 00:00") -> Change:
    return stood(pauses=(Pause(scope, name, "why", at(until)),))  # type: ignore[arg-type]


FIRES = [
    ("paused", "everything", paused_for("all", ""), "all: why"),
    ("paused", "the channel", paused_for("channel", "mail"), "channel mail: why"),
    ("paused", "the rule", paused_for("rule", "next-setting"), "rule next-setting: why"),
    ("paused", "the account", paused_for("account", AZURE), "account aozora: why"),
    ("excluded", "never", stood(answer=Answer({}, {}, excluded=True)), "never"),
    ("excluded", "by list", stood(excluded_by_list=True), "list"),
    ("opted_out", "the address, however it is written", stood(suppressed={"tanaka@aozora.example.jp": frozenset({"opted_out"})}), "opted_out"),
    ("bounced", "the address", stood(suppressed={"tanaka@aozora.example.jp": frozenset({"bounced"})}), "bounced"),
    ("bounced", "no address", stood(recipient=Recipient("tanaka", None, None, None)), "no address"),
    ("bounced", "nobody", stood(recipient=None), "no address"),
    ("stage", "plan", ruled(stage="plan"), "plan"),
    ("again", "two were sent", stood(touches=(past(), past(id="t1"))), "at_most 2"),
    ("again", "six days ago", stood(touches=(past(begun_day=TODAY - 6),)), f"after {date_of_day(TODAY + 1)}"),
    ("window_open", "the last day", stood(touches=(past(rule="support-guide", window_last_day=TODAY),)), f"until {date_of_day(TODAY)}"),
    (
        "window_open",
        "under way",
        stood(touches=(past(rule="support-guide", begun_at=None, begun_day=None, window_last_day=None),)),
        "under way: support-guide",
    ),
    ("past_deadline", "a microsecond too late", been(due_at=at("2026-04-10 00:00")), "not sendable in time"),
]
PASSES = [
    ("a pause that is over", paused_for("all", "", "2026-04-07 02:00")),
    ("a pause of another rule", paused_for("rule", "readiness")),
    ("nobody can tell whether it is excluded", stood(answer=Answer({}, {}, excluded=None))),
    ("another address is suppressed", stood(suppressed={"sato@aozora.example.jp": frozenset({"opted_out"})})),
    ("seven days ago", stood(touches=(past(begun_day=TODAY - 7),))),
    ("two for another value", stood(touches=(past(per_value="applied"), past(id="t1", per_value="first_login")))),
    ("the day after the window", stood(touches=(past(rule="support-guide", window_last_day=TODAY - 1),))),
    ("a window for another goal", stood(touches=(past(rule="keep-in-touch", goal="talked", window_last_day=TODAY),))),
    (
        "the goal was reached at the very instant of the mail",
        stood(
            touches=(past(rule="support-guide", window_last_day=TODAY),),
            answer=Answer({"goal.step_forward": at("2026-03-28 09:00")}, {}, excluded=False),
        ),
    ),
    ("the last microsecond", been(due_at=at("2026-04-10 00:00") - 1)),
]


def test_the_gates_stand_in_the_order_of_the_closed_list() -> None:
    assert list(GATES) == [name for name in CLOSED_LIST if name in GATES]
    assert list(REASONS[: len(GATES)]) == list(GATES)


def test_each_gate_is_made_to_fire_here() -> None:
    assert {gate for gate, *_ in FIRES} == set(GATES)


def test_nothing_stands_against_a_first_touch(candidate: Candidate, standing: Standing) -> None:
    assert findings(candidate, standing) == {}


@pytest.mark.parametrize(
    ("gate", "change", "detail"), [pytest.param(gate, change, detail, id=f"{gate}: {name}") for gate, name, change, detail in FIRES]
)
def test_a_gate_fires(candidate: Candidate, standing: Standing, gate: str, change: Change, detail: str) -> None:
    assert findings(*change(candidate, standing)) == {gate: detail}


@pytest.mark.parametrize("change", [pytest.param(change, id=name) for name, change in PASSES])
def test_the_gates_let_pass(candidate: Candidate, standing: Standing, change: Change) -> None:
    assert findings(*change(candidate, standing)) == {}


def test_the_first_gate_is_the_reason_and_the_others_stay_in_the_trace(candidate: Candidate, standing: Standing) -> None:
    both = stood(excluded_by_list=True, pauses=(Pause("all", "", "why", at("2026-04-08 00:00")),))
    assert list(findings(*both(candidate, standing))) == ["paused", "excluded"]
