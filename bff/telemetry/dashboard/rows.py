"""The dashboard's rows. A metric that no panel shows gets a plain panel in its row."""

import re
from collections.abc import Sequence
from typing import Final, NamedTuple, get_args

from bff.telemetry.dashboard.cache import CACHE_PANELS
from bff.telemetry.dashboard.limits import LIMIT_PANELS
from bff.telemetry.dashboard.panel import Panel, panel_of
from bff.telemetry.dashboard.process import PROCESS_PANELS
from bff.telemetry.dashboard.screens import SCREEN_PANELS
from bff.telemetry.dashboard.services import SERVICE_PANELS
from bff.telemetry.metrics.definitions.definition import Definition, Row
from bff.telemetry.metrics.definitions.table import DEFINITIONS

_PANELS: Final[dict[Row, tuple[Panel, ...]]] = {
    "screens": SCREEN_PANELS,
    "cache and degradation": CACHE_PANELS,
    "services": SERVICE_PANELS,
    "limits": LIMIT_PANELS,
    "process": PROCESS_PANELS,
}


class DashboardRow(NamedTuple):
    """A title, and the panels below it."""

    title: str
    panels: tuple[Panel, ...]


def dashboard_rows(definitions: Sequence[Definition] = DEFINITIONS) -> tuple[DashboardRow, ...]:
    """Every row, in its order."""
    queries = [
        query.expression
        for panels in _PANELS.values()
        for panel in panels
        for query in panel.queries
    ]
    return tuple(
        DashboardRow(
            row.capitalize(),
            (
                *_PANELS[row],
                *(
                    panel_of(each)
                    for each in definitions
                    if each.row == row and not any(is_about(query, each) for query in queries)
                ),
            ),
        )
        for row in get_args(Row)
    )


def is_about(query: str, definition: Definition) -> bool:
    """Whether a query names the metric."""
    return re.search(rf"\b{definition.shown_name}(_bucket|_sum|_count)?\b", query) is not None
