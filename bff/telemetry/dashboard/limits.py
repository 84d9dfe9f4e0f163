"""Limits: who is refused, and why."""

from typing import Final

from bff.telemetry.dashboard.panel import rates
from bff.telemetry.metrics.limit_definitions import ACCESS_REFUSALS

REFUSALS: Final = "Refusals"

LIMIT_PANELS: Final = (rates(REFUSALS, "Who is refused, and why?", ACCESS_REFUSALS, ("reason",)),)
