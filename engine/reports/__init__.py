"""Reports: one question each, answered from records. `REPORTS` maps the name to the report."""

from collections.abc import Mapping

from engine.reports.funnel import Funnel
from engine.reports.report import Report
from engine.reports.stalled import Stalled

REPORTS: Mapping[str, type[Report]] = {
    "funnel": Funnel,
    "stalled": Stalled,
}
