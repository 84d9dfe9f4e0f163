"""What Prometheus answers to a panel's queries, under the names that its legend shows."""

import math
import re
from typing import NamedTuple

from tests.system.dashboards.panels import Panel, Target
from tests.system.prometheus import Prometheus, Series


class Line(NamedTuple):
    """A series with its name; points are (seconds since the epoch, value), each value a number."""

    name: str
    points: tuple[tuple[float, float], ...]

    @property
    def last(self) -> float:
        """The last value."""
        return self.points[-1][1]

    @property
    def largest(self) -> float:
        """The largest value."""
        return max(value for _, value in self.points)


def lines_of(panel: Panel, store: Prometheus, begin: float, end: float, step: float) -> list[Line]:
    """A panel's lines between two times, in seconds; what is largest at the end comes first."""
    found = [
        Line(name_of(series, target), _numbers(series))
        for target in panel.targets
        for series in store.query_range(target.expression, begin, end, step)
        if _numbers(series)
    ]
    return sorted(found, key=lambda line: (-line.last, -line.largest, line.name))


def name_of(series: Series, target: Target) -> str:
    """A series by the target's legend; by its labels where there is none."""
    if not target.legend or target.legend == "__auto":
        return ", ".join(value for name, value in series.labels.items() if name != "__name__")
    return re.sub(r"{{\s*(\w+)\s*}}", lambda found: series.labels.get(found[1], ""), target.legend)


def _numbers(series: Series) -> tuple[tuple[float, float], ...]:
    """Its points without those that are none: a share of nothing is NaN."""
    return tuple(point for point in series.points if math.isfinite(point[1]))
