"""Every report answers for both units, in as many cells as it has columns, and for a lake without records too."""

import pytest

from engine.pipeline.report import report
from engine.reports import REPORTS
from engine.reports.report import Asked
from tests.builders import a_customer, a_stalled_customer, at
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
