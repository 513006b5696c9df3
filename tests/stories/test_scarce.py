"""What is scarce goes by rank: seats of a seminar to the longest stall and then by lot, calls as the channel ranks, a trial to so many accounts."""

from collections import Counter

import pytest

from engine.decision.draws import bucket
from engine.pipeline import matched, ops
from engine.pipeline.nightly import nightly
from tests.builders import CHANNELS, a_customer, a_record, at
from tests.stories.conftest import Tell
from tests.story import Story, quiet

INVITE = """
  invite: {when: [{next_step: set_up}], again: {at_most: 3, after_days: 3},
           do: {send: mail, from: desk, template: mail/plain, lead_to: {seminar: live, seat_within_days: 14}}}
"""
WRITE = "  write: {when: [{next_step: set_up}], do: {send: mail, from: desk, template: mail/other, lead_to: {setting: next_step}}}\n"
RING = "\n  ring-up: {when: [{errors: {at_least: 1}}], do: {task: call, script: call/note, due_business_days: 2}, goal: talked}\n"
SEMINAR = 'sessions: sessions.csv\nseminars: {live: {label: セミナー, url: "https://help.example.jp/live"}}\n'
SESSIONS = "id,of,starts_at,seats,title,url,invitations\n"
SOON = SESSIONS + "s1,live,2026-04-10 14:00,8,,,2\n"
NO_SEAT = ("gated", "no_seat", "seminar:live")
STALLED = {"fuyu": "2026-03-02", "aki": "2026-03-20", "haru": "2026-03-20", "kita": "2026-04-06"}  # in the lot haru is before aki


def with_seats(tell: Tell, *, rules: str = INVITE, order: str = "push: [invite]", sessions: str = SOON) -> Story:
    story = tell(rules=rules, order=order, settings=SEMINAR, files={"rules/sessions.csv": sessions})
    story.given([record for account, day in STALLED.items() for record in a_customer(account, applied=f"{day} 10:00")])
    return story


def fates(story: Story, rule: str, *accounts: str) -> list[tuple[str, str | None, str | None]]:
    return [story.decisions(account)[rule] for account in accounts or STALLED]


def winners(story: Story, rule: str, accounts: list[str]) -> list[str]:
    """Who won in the newest night."""
    return [account for account in accounts if story.decisions(account)[rule][0] == "won"]


# --- seats ------------------------------------------------------------------------------------------------------------


def test_seats_go_to_the_longest_stall_and_then_by_lot(tell: Tell) -> None:
    story = with_seats(tell)
    story.nightly("2026-04-07 02:00")
    assert winners(story, "invite", list(STALLED)) == ["fuyu", "haru"]
    assert fates(story, "invite", "aki", "kita") == [NO_SEAT, NO_SEAT]
    assert Counter(touch.place for touch in story.touches()) == {"session:s1": 2}


def test_without_a_seat_the_next_rule_of_the_lane_wins(tell: Tell) -> None:
    story = with_seats(tell, rules=INVITE + WRITE, order="push: [invite, write]")
    story.nightly("2026-04-07 02:00")
    assert fates(story, "write", "fuyu", "aki") == [("lost", "lost_to", "invite"), ("won", None, None)]


def test_a_session_is_offered_if_it_begins_after_the_mail_and_within_the_days(tell: Tell) -> None:
    """The mail goes out on 7 April at nine: the 21st is the last day."""
    dates = ("2026-04-07 08:00", "2026-04-08 10:00", "2026-04-21 23:00", "2026-04-22 00:00")
    story = with_seats(tell, sessions=SESSIONS + "".join(f"s{number},live,{date},1,,,\n" for number, date in enumerate(dates)))
    story.nightly("2026-04-07 02:00")
    assert sorted(str(touch.place) for touch in story.touches()) == ["session:s1", "session:s2"]


def test_the_seat_of_a_dropped_invitation_is_free_again(tell: Tell) -> None:
    story = with_seats(tell)
    story.nightly("2026-04-07 02:00")
    story.given(a_record("product.set_up", account="fuyu", at="2026-04-07 08:00"))
    assert story.dispatch("2026-04-07 09:00") == {"dropped": 1, "sent": 1}
    story.nightly("2026-04-08 02:00")
    assert fates(story, "invite", "aki", "kita") == [("won", None, None), NO_SEAT]


def test_a_seat_is_free_again_when_the_invitations_window_is_over(tell: Tell) -> None:
    """Sent on Tuesday with three days; the two who had it stand first in rank again, and take other seats from nobody."""
    story = with_seats(tell, rules=INVITE.replace("again: {at_most: 3, after_days: 3},", ""))
    story.nightly("2026-04-07 02:00")
    story.dispatch("2026-04-07 09:00")
    story.nightly("2026-04-09 02:00")
    assert fates(story, "invite", "aki", "kita") == [NO_SEAT, NO_SEAT]
    story.nightly("2026-04-10 02:00")
    assert winners(story, "invite", ["aki", "kita"]) == ["aki", "kita"]


# --- calls ------------------------------------------------------------------------------------------------------------


def with_calls(tell: Tell, *, caps: str = "", rank: str = "", shifts: str | None = None) -> Story:
    """Four accounts with one to four errors, in order of name."""
    channels = CHANNELS.replace("touch: call.talked", f"touch: call.talked{caps}{rank}")
    settings, files = ("shifts: shifts.csv\n", {"rules/shifts.csv": shifts}) if shifts else ("", {})
    story = tell(rules=RING, order="human: [ring-up]", channels=channels, settings=settings, files=files)
    for number, account in enumerate(sorted(STALLED), 1):
        story.given(a_customer(account), [a_record("product.error", account=account, at=f"2026-04-01 1{hour}:00") for hour in range(number)])
    return story


def test_the_teams_day_is_as_long_as_its_shifts_together(tell: Tell) -> None:
    shifts = "date,member,calls\n2026-04-07,sato,2\n2026-04-07,mori,1\n2026-04-09,sato,9\n"
    story = with_calls(tell, rank=", rank: [{errors: low}]", shifts=shifts)
    story.nightly("2026-04-07 02:00")
    assert fates(story, "ring-up", *sorted(STALLED)) == [("won", None, None)] * 3 + [("gated", "team_full", "calls:3:2026-04-07")]
    story.nightly("2026-04-08 02:00")
    assert fates(story, "ring-up", "kita") == [("gated", "team_full", "calls:0:2026-04-08")]
    story.nightly("2026-04-09 02:00")
    assert fates(story, "ring-up", "kita") == [("won", None, None)]


@pytest.mark.parametrize(("order", "called"), [("low", ["aki", "fuyu"]), ("high", ["haru", "kita"])])
def test_a_cap_on_the_teams_day_is_ranked_as_the_channel_says(tell: Tell, order: str, called: list[str]) -> None:
    story = with_calls(tell, caps=", caps: {team_per_day: 2}", rank=f", rank: [{{errors: {order}}}]")
    story.nightly("2026-04-07 02:00")
    assert winners(story, "ring-up", sorted(STALLED)) == called


def test_saturdays_and_sundays_calls_share_mondays_day(tell: Tell) -> None:
    story = with_calls(tell, caps=", caps: {team_per_day: 3}", rank=", rank: [{errors: high}]")
    story.nightly("2026-04-11 02:00")
    story.given(a_customer("sora"), [a_record("product.error", account="sora", at=f"2026-04-11 1{hour}:00") for hour in range(9)])
    story.nightly("2026-04-12 02:00")
    assert fates(story, "ring-up", "sora", "aki") == [("gated", "team_full", "calls:3:2026-04-13")] * 2
    story.nightly("2026-04-14 02:00")
    assert fates(story, "ring-up", "sora", "aki") == [("won", None, None)] * 2


# --- trials -----------------------------------------------------------------------------------------------------------


def on_trial(tell: Tell, trial: str, rule: str = INVITE, *, name: str = "invite") -> Story:
    written = rule.replace(f"{name}: {{", f"{name}: {{stage: try, try: {{{trial}}}, ").replace(
        "{seminar: live, seat_within_days: 14}", "{setting: next_step}"
    )
    story = tell(rules=written, order=f"push: [{name}]")
    story.given([record for account, day in STALLED.items() for record in a_customer(account, applied=f"{day} 10:00")])
    return story


def test_a_trial_reaches_so_many_accounts_and_writes_to_the_same_ones_again(tell: Tell) -> None:
    """Its size counts accounts: a second mail to one of them takes no other's place, and nobody else's."""
    story = on_trial(tell, "sample: 3, at_most: 2")
    story.nightly("2026-04-07 02:00")
    story.dispatch("2026-04-07 09:00")
    reached = winners(story, "invite", list(STALLED))
    story.nightly("2026-04-10 02:00")
    assert (len(reached), winners(story, "invite", list(STALLED))) == (2, reached)
    others = [account for account in STALLED if account not in reached]
    assert fates(story, "invite", *others) == [("gated", "stage", "try_full:2")] * 2


def test_a_sample_is_drawn_by_lot_and_not_by_stall(tell: Tell) -> None:
    """fuyu has waited longest; in the lot of this rule haru is before it, and so it is every time."""
    story = on_trial(tell, "sample: 1")
    story.nightly("2026-04-07 02:00")
    assert winners(story, "invite", list(STALLED)) == [min(STALLED, key=lambda account: bucket(account, "try:invite"))] == ["haru"]


def test_a_sample_is_drawn_from_those_whom_the_trial_may_reach(tell: Tell) -> None:
    """Who is first in the lot but opted out takes no place in it."""
    story = on_trial(tell, "sample: 2")
    lot = sorted(STALLED, key=lambda account: bucket(account, "try:invite"))
    story.suppress(f"tanaka@{lot[0]}.example.jp", "opted_out", when="2026-04-06 10:00")
    story.nightly("2026-04-07 02:00")
    assert set(winners(story, "invite", list(STALLED))) == set(lot[1:3])


def test_beside_a_sample_seats_still_go_by_stall(tell: Tell) -> None:
    story = with_seats(tell, rules=INVITE.replace("invite: {", "invite: {stage: try, try: {sample: 3}, "))
    story.nightly("2026-04-07 02:00")
    lot = sorted(STALLED, key=lambda account: bucket(account, "try:invite"))[:3]
    by_stall = [account for account in ("fuyu", "haru", "aki", "kita") if account in lot]
    assert set(winners(story, "invite", list(STALLED))) == set(by_stall[:2])


def test_who_was_dropped_from_a_trial_leaves_his_place_to_another(tell: Tell) -> None:
    story = on_trial(tell, "sample: 1")
    story.nightly("2026-04-07 02:00")
    [reached] = winners(story, "invite", list(STALLED))
    story.given(a_record("product.set_up", account=reached, at="2026-04-07 08:00"))
    story.dispatch("2026-04-07 09:00")
    story.nightly("2026-04-08 02:00")
    assert len(winners(story, "invite", [account for account in STALLED if account != reached])) == 1


def test_a_renamed_trial_goes_on_counting(tell: Tell) -> None:
    story = on_trial(tell, "sample: 2")
    story.nightly("2026-04-07 02:00")
    story.change_rules("rules/rules.yaml", "  invite: {", "  ask-in: {was: [invite], ")
    story.change_rules("rules/order.yaml", "invite", "ask-in")
    story.nightly("2026-04-08 02:00")
    assert winners(story, "ask-in", list(STALLED)) == []


def test_who_is_let_pass_after_the_places_were_given_out_gets_none(tell: Tell) -> None:
    """fuyu stands first in rank, but had opted out when the seats were given; the refusal is lifted while the night runs."""
    story = with_seats(tell)
    story.suppress("tanaka@fuyu.example.jp", "opted_out", when="2026-04-06 10:00")
    story.clock.set(at("2026-04-07 02:00"))
    nightly(story.system, at("2026-04-07 02:00"), lambda _what, _done, _total: ops.unsuppress(story.system, "tanaka@fuyu.example.jp", "opted_out"))
    assert fates(story, "invite", "fuyu", "haru", "aki", "kita") == [NO_SEAT, ("won", None, None), ("won", None, None), NO_SEAT]


# --- a night in two pieces --------------------------------------------------------------------------------------------


class Stopped(Exception):
    """The night's process ended here."""


def stop_after_a_batch(_label: str, done: int, _total: int) -> None:
    if done:
        raise Stopped


def test_a_night_in_two_pieces_gives_scarce_things_to_the_same_accounts(tell: Tell, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first piece decides by name, and by name those come first who stand behind in rank."""
    monkeypatch.setattr(matched, "BATCH", 2)
    stories = [with_seats(tell, rules=INVITE + WRITE, order="push: [invite, write]", sessions=SOON + "s2,live,2026-04-11 14:00,1,,,\n") for _ in "12"]
    stories[0].clock.set(at("2026-04-07 02:00"))
    with pytest.raises(Stopped):
        nightly(stories[0].system, at("2026-04-07 02:00"), stop_after_a_batch)
    assert 0 < len({row[1] for row in stories[0].all_decisions()}) < len(STALLED)
    nightly(stories[0].system, at("2026-04-07 02:30"), quiet)
    stories[1].nightly("2026-04-07 02:00")
    given = [sorted((touch.account_id, touch.rule, touch.place) for touch in story.touches()) for story in stories]
    assert given[0] == given[1]
    assert stories[0].all_decisions() == stories[1].all_decisions()
