"""What Prometheus answers to a panel's queries, under the names that its legend shows."""

import math
import re
from collections.abc import Iterator
from typing import NamedTuple

from tests.system.dashboards.panels import Panel, Target
from tests.system.prometheus import Prometheus, Series


class Line(NamedTuple):
    """A series with its name; points are (seconds since the epoch, value), each value a number."""

    name: str
    points: tuple[tuple[float, float], ...]
    dashed: bool = False

    @property
    def last(self) -> float:
        """The last value."""
        return self.points[-1][1]

    @property
    def largest(self) -> float:
        """The largest value."""
        return max(value for _, value in self.points)


def lines_of(panel: Panel, store: Prometheus, begin: float, end: float, step: float) -> list[Line]:
    """A panel's lines between two times, in seconds: those of a query together, and of these what
    is largest at the end first."""
    return [
        line
        for target in panel.targets
        for line in sorted(
            _lines_of(target, store, end if target.instant else begin, end, step),
            key=lambda line: (-line.last, -line.largest, line.name),
        )
    ]


def name_of(series: Series, target: Target) -> str:
    """A series by the target's legend; by its labels where there is none."""
    if not target.legend or target.legend == "__auto":
        return ", ".join(value for name, value in series.labels.items() if name != "__name__")
    return re.sub(r"{{\s*(\w+)\s*}}", lambda found: series.labels.get(found[1], ""), target.legend)


def _lines_of(
    target: Target, store: Prometheus, begin: float, end: float, step: float
) -> Iterator[Line]:
    for series in store.query_range(target.expression, begin, end, step):
        points = _numbers(series)
        if points:
            yield Line(name_of(series, target), points, target.dashed)


def _numbers(series: Series) -> tuple[tuple[float, float], ...]:
    """Its points without those that are none: a share of nothing is NaN."""
    return tuple(point for point in series.points if math.isfinite(point[1]))
