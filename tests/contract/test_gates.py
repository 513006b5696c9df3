"""Every gate: in the order of the closed list, silent where nothing stands against a touch, and each made to speak once."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from engine.calendar import date_of_day, zone
from engine.channels import CHANNELS
from engine.decision.gates import GATES, REASONS, findings
from engine.decision.recipient import Recipient
from engine.decision.standing import Candidate, PastTouch, Pause, Standing
from engine.rulebook.compile import APPOINTMENT
from engine.rulebook.python import Answer
from engine.rulebook.spec import Holdout, Try
from engine.workspace.load import load_workspace
from engine.workspace.model import Workspace
from engine.workspace.schema import Caps, LoadLimit
from tests.builders import AZURE, at
from tests.story import SPACE

CLOSED_LIST = "paused excluded opted_out bounced holdout stage again appointment_ahead window_open cap load human_hold past_deadline".split()  # noqa: SIM905  # as the design writes it
NIGHT = at("2026-04-07 02:00")
TODAY = zone("Asia/Tokyo").day(NIGHT)

Change = Callable[[Candidate, Standing], tuple[Candidate, Standing]]


@pytest.fixture(scope="module")
def workspace() -> Workspace:
    return load_workspace(SPACE, frozenset(CHANNELS))


@pytest.fixture
def candidate(workspace: Workspace) -> Candidate:
    return Candidate("next-setting", workspace.rules["next-setting"], "initial_settings", at("2026-04-07 09:00"), at("2026-04-10 00:00") - 1)


@pytest.fixture
def standing(workspace: Workspace) -> Standing:
    """Nothing stands against a touch."""
    recipient = Recipient("tanaka", "tanaka@aozora.example.jp", "田中", None)
    return Standing(AZURE, NIGHT, workspace, Answer({}, {}, excluded=False), recipient)


def past(**changes: object) -> PastTouch:
    """A touch sent ten days ago, its window long closed."""
    sent = {"begun_at": at("2026-03-28 09:00"), "day": TODAY - 10, "window_last_day": TODAY - 8, "is_sent": True}
    named = {"id": "t0", "rule": "next-setting", "per_value": "initial_settings", "goal": "step_forward", "lane": "push", "channel": "mail"}
    values = {**named, **sent, **changes}
    return PastTouch(**values)


def stood(**changes: object) -> Change:
    return lambda candidate, standing: (candidate, replace(standing, **changes))


def been(**changes: object) -> Change:
    return lambda candidate, standing: (replace(candidate, **changes), standing)


def ruled(**changes: object) -> Change:
    return lambda candidate, standing: (replace(candidate, rule=candidate.rule.model_copy(update=changes)), standing)


def spaced(**changes: object) -> Change:
    """Settings of the workspace, changed."""

    def change(candidate: Candidate, standing: Standing) -> tuple[Candidate, Standing]:
        settings = standing.workspace.settings.model_copy(update=changes)
        return candidate, replace(standing, workspace=replace(standing.workspace, settings=settings))

    return change


def together(*changes: Change) -> Change:
    def change(candidate: Candidate, standing: Standing) -> tuple[Candidate, Standing]:
        for each in changes:
            candidate, standing = each(candidate, standing)
        return candidate, standing

    return change


def mail_counts(**changes: object) -> Change:
    """The mail channel's settings, changed."""

    def change(candidate: Candidate, standing: Standing) -> tuple[Candidate, Standing]:
        channels = standing.workspace.settings.channels
        mail = channels["mail"].model_copy(update=changes)
        return spaced(channels={**channels, "mail": mail})(candidate, standing)

    return change


def said(**columns: object) -> Change:
    return stood(answer=Answer(columns, {}, excluded=False))


def trial(**values: object) -> Change:
    return ruled(stage="try", try_=Try(**values))


def acting(**changes: object) -> Change:
    """The rule's action, changed; made anew, since a copy would carry along what the first one had worked out."""

    def change(candidate: Candidate, standing: Standing) -> tuple[Candidate, Standing]:
        do = candidate.rule.do
        made = type(do).model_validate({**do.model_dump(by_alias=True, mode="python"), **changes})
        return replace(candidate, rule=candidate.rule.model_copy(update={"do": made})), standing

    return change


def a_call(**changes: object) -> PastTouch:
    """A task on the call list that holds push, due tomorrow."""
    return past(rule="call", channel="call", lane="human", goal="talked", hold=("push",), hold_until=TODAY + 1, window_last_day=TODAY + 6, **changes)


def listed() -> Change:
    return lambda candidate, standing: (candidate, replace(standing, workspace=replace(standing.workspace, excluded_accounts=frozenset({AZURE}))))


LIMIT = spaced(load_limit=LoadLimit(points=3, within_days=7))


def paused_for(scope: str, name: str, until: str = "2026-04-08 00:00") -> Change:
    return stood(pauses=(Pause(scope, name, "why", at(until)),))


FIRES = [
    ("paused", "everything", paused_for("all", ""), "all:why"),
    ("paused", "the channel", paused_for("channel", "mail"), "channel:mail:why"),
    ("paused", "the rule", paused_for("rule", "next-setting"), "rule:next-setting:why"),
    ("paused", "the account", paused_for("account", AZURE), "account:aozora:why"),
    ("excluded", "never", stood(answer=Answer({}, {}, excluded=True)), "never"),
    ("excluded", "by list", listed(), "list"),
    ("opted_out", "the address, however it is written", stood(suppressed={"tanaka@aozora.example.jp": frozenset({"opted_out"})}), "opted_out"),
    ("bounced", "the address", stood(suppressed={"tanaka@aozora.example.jp": frozenset({"bounced"})}), "bounced"),
    ("bounced", "no address", stood(recipient=Recipient("tanaka", None, None, None)), "no_address"),
    ("bounced", "nobody", stood(recipient=None), "no_address"),
    ("holdout", "half of all", together(spaced(holdout=Holdout(percent=50)), stood(account_id="kita")), "percent:50"),
    ("stage", "plan", ruled(stage="plan"), "plan"),
    ("stage", "nobody approved it", stood(unapproved=frozenset({"next-setting"})), "not_approved"),
    ("stage", "looking back", ruled(stage="reflect"), "reflect"),
    ("stage", "stopped", ruled(stage="stopped"), "stopped"),
    ("stage", "the trial is over", trial(sample=3, until="2026-04-06"), "try_until:2026-04-06"),
    ("stage", "another's account", together(spaced(accounts_of="owner"), trial(accounts_of="tanaka"), said(owner="sato")), "try_accounts_of:tanaka"),
    ("stage", "nobody knows whose account", together(spaced(accounts_of="owner"), trial(accounts_of="tanaka")), "try_accounts_of:tanaka"),
    ("stage", "outside of the segment", together(trial(sample=3, of="setup"), said(**{"segment.setup": None})), "try_segment:setup"),
    ("again", "two were sent", stood(touches=(past(), past(id="t1"))), "at_most:2"),
    ("again", "six days ago", stood(touches=(past(day=TODAY - 6),)), f"after:{date_of_day(TODAY + 1)}"),
    ("appointment_ahead", "a course tomorrow", said(**{APPOINTMENT: True}), "appointment"),
    ("cap", "one a day", together(mail_counts(caps=Caps(per_day=1)), stood(touches=(past(rule="restart", goal="x", day=TODAY),))), "per_day:1"),
    (
        "cap",
        "a mail that waits for the same day",
        together(mail_counts(caps=Caps(per_day=1)), stood(touches=(past(rule="restart", lane="internal", goal="x", day=TODAY, begun_at=None),))),
        "per_day:1",
    ),
    (
        "cap",
        "three in seven days",
        together(mail_counts(caps=Caps(per_7_days=1)), stood(touches=(past(rule="restart", goal="x", day=TODAY - 6),))),
        "per_7_days:1",
    ),
    ("load", "felt lately", together(LIMIT, mail_counts(load=1), said(**{"touched.mail": 3})), "points:4:3"),
    (
        "load",
        "one under way counts too",
        together(LIMIT, mail_counts(load=2), stood(touches=(past(rule="restart", goal="x", is_sent=False, day=TODAY),))),
        "points:4:3",
    ),
    ("human_hold", "a call is due", stood(touches=(a_call(),)), "held_by:call"),
    ("human_hold", "a call was won just now", stood(holding={"push": "call-human-needed"}), "held_by:call-human-needed"),
    ("window_open", "the last day", stood(touches=(past(rule="support-guide", window_last_day=TODAY),)), f"until:{date_of_day(TODAY)}"),
    (
        "window_open",
        "under way",
        stood(touches=(past(rule="support-guide", begun_at=None, is_sent=False, window_last_day=None),)),
        "under_way:support-guide",
    ),
    ("past_deadline", "a microsecond too late", been(due_at=at("2026-04-10 00:00")), "too_late"),
]
PASSES = [
    ("a pause that is over", paused_for("all", "", "2026-04-07 02:00")),
    ("a pause of another rule", paused_for("rule", "readiness")),
    ("nobody can tell whether it is excluded", stood(answer=Answer({}, {}, excluded=None))),
    ("another address is suppressed", stood(suppressed={"sato@aozora.example.jp": frozenset({"opted_out"})})),
    ("seven days ago", stood(touches=(past(day=TODAY - 7),))),
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
    ("withheld for comparison counts for again alone", stood(touches=(past(rule="support-guide", window_last_day=TODAY, is_withheld=True),))),
    ("service is never withheld", together(spaced(holdout=Holdout(percent=50)), acting(service=True), stood(account_id="kita"))),
    ("its own account", together(spaced(accounts_of="owner"), trial(accounts_of="tanaka", until="2026-04-07"), said(owner="tanaka"))),
    ("inside of the segment", together(trial(sample=3, of="setup"), said(**{"segment.setup": True}))),
    ("a reminder of the appointment", together(said(**{APPOINTMENT: True}), acting(reminder=True))),
    ("nobody can tell whether there is an appointment", said(**{APPOINTMENT: None})),
    ("a mail seven days ago", together(mail_counts(caps=Caps(per_7_days=1)), stood(touches=(past(rule="restart", goal="x", day=TODAY - 7),)))),
    ("an urgent mail over every cap", together(mail_counts(caps=Caps(per_day=1)), acting(urgent=True), stood(touches=(past(rule="r", day=TODAY),)))),
    ("exactly the limit", together(LIMIT, mail_counts(load=1), said(**{"touched.mail": 2}))),
    ("the call is past its due day", stood(touches=(replace(a_call(), hold_until=TODAY - 1),))),
    ("the call has its outcome", together(stood(touches=(a_call(),)), said(**{"outcome.call": NIGHT - 1}))),
    ("the last microsecond", been(due_at=at("2026-04-10 00:00") - 1)),
]


def test_the_gates_stand_in_the_order_of_the_closed_list() -> None:
    assert list(GATES) == CLOSED_LIST
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
    both = together(listed(), paused_for("all", ""))
    assert list(findings(*both(candidate, standing))) == ["paused", "excluded"]
