"""Every report answers for both units, in as many cells as it has columns, and for a lake without records too."""

import pytest

from engine.pipeline.report import report
from engine.records.record import Record
from engine.reports import REPORTS
from engine.reports.report import Asked
from tests.builders import a_customer, a_record, a_stalled_customer, at
from tests.story import Story

EACH_REPORT = pytest.mark.parametrize("name", REPORTS)


@EACH_REPORT
def test_it_is_documented_under_its_own_name(name: str) -> None:
    assert REPORTS[name].__doc__
    assert REPORTS[name].name == name


@EACH_REPORT
def test_rows_are_as_wide_as_the_columns(story: Story, name: str) -> None:
    story.given(a_stalled_customer(), a_customer("midori"))
    for asked in (Asked("account"), Asked("contact"), Asked(segment="new_customers"), Asked(days=(1,))):
        answer = report(story.system, name, asked, at("2026-04-07 02:00"))
        assert answer.rows
        assert {len(row) for row in answer.rows} == {len(answer.columns)}
        assert len(set(answer.columns)) == len(answer.columns)


@EACH_REPORT
def test_an_empty_lake_has_an_answer(story: Story, name: str) -> None:
    for asked in (Asked("account"), Asked("contact"), Asked(segment="new_customers")):
        answer = report(story.system, name, asked, at("2026-04-07 02:00"))
        assert all(len(row) == len(answer.columns) for row in answer.rows)


@EACH_REPORT
def test_the_same_question_has_the_same_answer(story: Story, name: str) -> None:
    story.given(a_stalled_customer(), a_customer("midori"))
    answers = [report(story.system, name, Asked(), at("2026-04-07 02:00")) for _ in range(2)]
    assert answers[0] == answers[1]


BRANCH = ("briefing_guided", "interview_guided")


def on_the_way(account: str, *, kind: str, until: str = "2026-03-23 10:00") -> list[Record]:
    """Came as far as the flow; then briefings are for those who hire graduates only."""
    done = ("product.login", "product.settings_completed", "product.flow_published")
    told = [a_record("hearing.recruit_kind", value=kind, account=account, at="2026-03-02 10:00")]
    return [*a_customer(account, applied="2026-03-02 10:00"), *told, *(a_record(each, account=account, at=until) for each in done)]


@pytest.fixture
def branched(story: Story) -> Story:
    story.given(on_the_way("a", kind="mid_career"), on_the_way("b", kind="mid_career"), on_the_way("c", kind="new_grad"))
    story.given(a_record("product.interview_guided", account="a", at="2026-04-01 10:00"))
    return story


def test_who_does_not_need_a_step_is_not_lost_there(branched: Story) -> None:
    found = answered(branched, "funnel", Asked())
    briefing, interview = ({name: row[name] for name in ("done_any", "done_prefix", "dropoff")} for row in found if row["step"] in BRANCH)
    assert briefing == {"done_any": 0, "done_prefix": 2, "dropoff": 1}
    assert interview == {"done_any": 1, "done_prefix": 1, "dropoff": 1}


def test_who_does_not_need_a_step_does_not_make_it_quick(branched: Story) -> None:
    took = {str(row["step"]): row["median_s_from_prev"] for row in answered(branched, "funnel", Asked())}
    assert took["briefing_guided"] is None
    assert took["interview_guided"] == 9 * 86_400


def test_who_does_not_need_a_step_does_not_stall_on_it(branched: Story) -> None:
    found = {str(row["step"]): row["stalled"] for row in answered(branched, "stalled", Asked(days=(3,)))}
    assert (found["flow_designed"], found["briefing_evaluated"], found["interview_guided"]) == (2, 0, 1)


@pytest.mark.parametrize(("least", "stalled"), [(10, 1), (11, 0)], ids=["ten business days", "not eleven"])
def test_a_stall_counts_the_days_that_the_route_counts(story: Story, least: int, stalled: int) -> None:
    """From Monday 23 March to Monday 6 April there are fourteen days, and ten of them are business days."""
    story.given(on_the_way("c", kind="new_grad"))
    found = {str(row["step"]): row["stalled"] for row in answered(story, "stalled", Asked(days=(least,)), "2026-04-06 02:00")}
    assert found["flow_designed"] == stalled


def answered(story: Story, name: str, asked: Asked, when: str = "2026-04-07 02:00") -> list[dict[str, object]]:
    answer = report(story.system, name, asked, at(when))
    return [dict(zip(answer.columns, row, strict=True)) for row in answer.rows]
