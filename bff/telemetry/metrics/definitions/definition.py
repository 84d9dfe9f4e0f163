"""The form of a metric's definition, the buckets of durations, and the labels of statuses."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Final, Literal, NamedTuple

Kind = Literal["counter", "gauge", "histogram"]
Row = Literal["screens", "cache and degradation", "services", "limits", "process"]

# The bounds in seconds of https://opentelemetry.io/docs/specs/semconv/http/http-metrics/.
HTTP_SECONDS: Final = (
    0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0,
)  # fmt: skip
SHORT_SECONDS: Final = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5)

OTHER: Final = "_OTHER"  # in place of a value that is not in a label's list

# A status that is not registered counts as the x00 of its class (RFC 9110 §15), and one without a
# class as `_OTHER`: some services answer with any status that their clients ask for.
STATUS_LABELS: Final[Mapping[int, str]] = {
    status: str(status if status in {*HTTPStatus} else status // 100 * 100)
    for status in range(100, 600)
}


class Definition(NamedTuple):
    """One metric. `name` is the name in Prometheus, without the `_total` of counters. `row` is its
    row of the dashboard. `bounds` are the upper bounds of a histogram's buckets. `merge` is how the
    values of a gauge in several workers become one."""

    name: str
    kind: Kind
    help: str
    row: Row
    labels: tuple[str, ...] = ()
    unit: str = ""
    bounds: tuple[float, ...] = ()
    merge: Literal["sum", "largest"] = "sum"

    @property
    def shown_name(self) -> str:
        """The name that Prometheus shows; a histogram's has `_bucket`, `_sum` or `_count` after
        it."""
        return f"{self.name}_total" if self.kind == "counter" else self.name
