"""What `bff dashboard` prints is a dashboard to Grafana: its makers' own models read all of it."""

import json
import re
from typing import Any

from grafana_foundation_sdk.cog import plugins
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.dashboard import Dashboard

from bff.telemetry.dashboard.grafana import grafana_dashboard
from bff.telemetry.dashboard.rows import dashboard_rows

# The models know what annotations have of every data source, not what those of Prometheus have.
OF_PROMETHEUS = re.compile(r"/annotations/list/\d/(step|titleFormat|tagKeys|useValueForTime)")


def test_models_of_grafana_read_the_dashboard_and_lose_nothing_of_it() -> None:
    printed = grafana_dashboard(dashboard_rows())
    plugins.register_default_plugins()
    read = json.loads(JSONEncoder(sort_keys=True).encode(Dashboard.from_json(printed)))
    assert [path for path in lost(printed, read) if not OF_PROMETHEUS.fullmatch(path)] == []


def lost(printed: Any, read: Any, path: str = "") -> list[str]:
    """The places whose values were not read, or read as something else."""
    match printed:
        case dict() if isinstance(read, dict):
            return [
                each
                for key, value in printed.items()
                for each in lost(value, read.get(key), f"{path}/{key}")
            ]
        case list() if isinstance(read, list) and len(read) == len(printed):
            pairs = enumerate(zip(printed, read, strict=True))
            return [
                each for at, (value, other) in pairs for each in lost(value, other, f"{path}/{at}")
            ]
        case _:
            return [] if printed == read else [path]
