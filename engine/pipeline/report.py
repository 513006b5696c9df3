"""report: one question about many units at an instant, answered in one statement."""

from dataclasses import replace

from engine.calendar import Zone
from engine.errors import refuse
from engine.pipeline.evaluate import bind
from engine.pipeline.system import Records, System
from engine.reports import REPORTS
from engine.reports.report import UNITS_TABLE, Asked, Table
from engine.rulebook.dialects import sql_text
from engine.rulebook.route_statement import units_statement
from engine.rulebook.sql import Bound
from engine.rulebook.statement import Question, statement
from engine.workspace.model import Workspace


def report(system: System, name: str, asked: Asked, instant: int, zone: Zone | None = None) -> Table:
    """Answer a report. `zone` counts days in another zone than the workspace's; changing it rewrites nothing."""
    if name not in REPORTS:
        raise refuse("E642", name, name=name, known=tuple(REPORTS))
    workspace = system.workspace
    if asked.segment is not None and asked.segment not in workspace.segments:
        raise refuse("E643", asked.segment, name=asked.segment, known=tuple(workspace.segments))
    with system.records(declared=workspace) as records:
        bound = bind(workspace, records, instant, frozenset())
        bound = replace(bound, zone=zone) if zone is not None else bound
        _make_units(records, workspace, asked, bound)
        question = REPORTS[name](list(workspace.route.steps), replace(asked, counting=workspace.route.spec.stalled))
        return question.table(records.duck.execute(question.sql(bound)).fetchall())


def _make_units(records: Records, workspace: Workspace, asked: Asked, bound: Bound) -> None:
    """One row a unit with the first time of each step and whether its account needs it, only units in the segment."""
    units = sql_text(units_statement(workspace.route, asked.unit, bound), "duckdb")
    sometimes = [step_id for step_id, step in workspace.route.steps.items() if step.optional or step.needed_when]
    passed = tuple(f"passed.{step}" for step in sometimes)
    segment = (f"segment.{asked.segment}",) if asked.segment is not None else ()
    accounts = sql_text(statement(workspace.plan, Question((*passed, *segment), rules=False), bound), "duckdb")
    unneeded = [
        f'("at.{step}" IS NULL AND coalesce("passed.{step}", false)) AS "unneeded.{step}"' if step in sometimes else f'false AS "unneeded.{step}"'
        for step in workspace.route.steps
    ]
    where = f'WHERE "{segment[0]}"' if segment else ""
    joined = f"SELECT u.*, {', '.join(unneeded)} FROM ({units}) u JOIN ({accounts}) a USING (account_id) {where}"
    records.duck.execute(f"CREATE OR REPLACE TEMP TABLE {UNITS_TABLE} AS {joined}")
