"""The table of all metrics. The exposition, the dashboard and the docs are made of it, so none of
them can forget a metric.

A metric is defined in the file of its row of the dashboard. Names and buckets are those of
OpenTelemetry's HTTP conventions (semconv 1.23 and later, stable), where these have the metric;
others begin with `bff_`. A label's values come from the project, or from a short list: never from
requests.
"""

from typing import Final

from bff.telemetry.metrics.definitions.cache import CACHE
from bff.telemetry.metrics.definitions.limits import LIMITS
from bff.telemetry.metrics.definitions.process import PROCESS
from bff.telemetry.metrics.definitions.screens import SCREENS
from bff.telemetry.metrics.definitions.services import SERVICES

DEFINITIONS: Final = (*SCREENS, *CACHE, *SERVICES, *LIMITS, *PROCESS)
