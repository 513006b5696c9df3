"""Every fact primitive: documented, strict about what is written, and understood by both executors."""

from collections.abc import Iterator

import pytest
from pydantic import TypeAdapter, ValidationError

from engine.facts import PRIMITIVES
from engine.facts.spec import FactSpec
from tests.builders import AZURE, a_stalled_customer
from tests.story import Story

PERIODS = "periods_of_the_test.csv"
WRITTEN = {
    "attribute": {"attribute": "sfa.seats", "type": "number"},
    "active_days": {"active_days": "product.login", "within_days": 28},
    "days_since": {"days_since": ["product.login"], "count": "business"},
    "days_until": {"days_until": "guidance_start"},
    "open_items": {"open_items": {"opened": "support.case_opened", "closed": "support.case_closed", "key": "case_id"}},
    "ignored_in_row": {"ignored_in_row": "mail"},
    "calendar": {"calendar": PERIODS, "kind": "season"},
    "rate": {"rate": "mails_7", "of": "active_28"},
    "table": {"table": [{"when": [{"stalled_days": {"at_least": 5}}], "then": "stuck"}, {"else": "moving"}]},
    "count": {"count": "product.login", "within_days": 7},
}
VALUES = {
    "attribute": None,
    "active_days": 1,
    "days_since": 6,
    "days_until": None,
    "open_items": 0,
    "ignored_in_row": 0,
    "rate": 0,
    "calendar": "entry",
    "table": "stuck",
    "count": 0,
}
SAID = [pytest.param(name, id=name) for name in PRIMITIVES]


def read(primitive: str, **more: object) -> FactSpec:
    return TypeAdapter(PRIMITIVES[primitive]).validate_python({"label": "試し", **WRITTEN[primitive], **more})


def test_each_primitive_has_an_example_here() -> None:
    assert set(WRITTEN) == set(VALUES) == set(PRIMITIVES)


@pytest.mark.parametrize("primitive", SAID)
def test_it_is_documented_and_has_a_unit(primitive: str) -> None:
    kind = PRIMITIVES[primitive]
    assert kind.__doc__
    assert kind.__doc__ != FactSpec.__doc__
    assert kind.unit in {"days", "times", "percent", ""}


@pytest.mark.parametrize("primitive", SAID)
def test_it_takes_what_is_written_and_no_unknown_key(primitive: str) -> None:
    assert read(primitive).label == "試し"
    with pytest.raises(ValidationError, match="extra_forbidden"):
        read(primitive, with_in_days=7)


@pytest.mark.parametrize("primitive", SAID)
def test_it_takes_no_silent_conversion(primitive: str) -> None:
    with pytest.raises(ValidationError):
        read(primitive, label=7)


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Story]:
    """The example workspace with one fact of each primitive added."""
    story = Story(tmp_path_factory.mktemp("primitives"))
    written = "".join(f"  probe_{name}: {_flow({'label': '試し', **fields})}\n" for name, fields in WRITTEN.items())
    story.change_rules("rules/facts.yaml", "facts:", "facts:")
    (story.config.workspace / "rules" / PERIODS).write_text("kind,from,to,value\nseason,2026-04-07,2026-04-07,entry\n", encoding="utf-8")
    story.change_rules("rules/facts.yaml", "  mails_7:", f"{written}  mails_7:")
    story.given(a_stalled_customer())
    story.heard("2026-04-07 02:00")
    yield story
    story.close()


def _flow(value: object) -> str:
    """YAML's flow form."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}: {_flow(each)}" for key, each in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(_flow(each) for each in value) + "]"
    return str(value)


@pytest.mark.parametrize("primitive", SAID)
def test_it_lowers_to_a_column_that_both_executors_compute_alike(told: Story, primitive: str) -> None:
    from engine.pipeline.evaluate import bind, judge_all
    from engine.rulebook.statement import Question
    from tests.builders import at

    name, instant = f"probe_{primitive}", at("2026-04-07 02:00")
    workspace = told.system.workspace
    assert name in {column.name for column in workspace.plan.columns}
    with told.system.records() as records:
        judge_all(records, workspace, Question((name,), rules=False), bind(workspace, records, instant, frozenset()), "asked")
        by_sql = dict(records.duck.execute(f'SELECT account_id, "{name}" FROM asked').fetchall())
    assert (by_sql[AZURE], told.facts("2026-04-07 02:00")[name]) == (VALUES[primitive], VALUES[primitive])
