"""The metrics of one process: a family for each metric, a plain list for each of its series.

Rules:
1. The code that counts holds the list of a series and adds to it: `cell[0] += 1`. The object of a
   library takes up to ten times as long.
2. A histogram's list has the count of each bucket, the count above them, and the sum.
3. A watched series (`watch`) is read by a function when the metrics are read.
4. A family has at most `MOST_SERIES` series. Further label sets are counted in one series, whose
   labels are all `_OTHER`.

Any thread may add to a list. Python's lock keeps the list whole. When two threads add at the same
moment, one count may be lost.
"""

from bisect import bisect_left
from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from typing import Final, NamedTuple, TypeVar

from bff.telemetry.metrics.definitions.definition import OTHER, Definition
from bff.telemetry.metrics.definitions.table import DEFINITIONS

Labels = tuple[str, ...]
Cell = list[float]

# The values that some labels may have together: {("composition", "step"): {("home", "user")}}.
Domains = Mapping[Labels, Collection[Labels]]

MOST_SERIES: Final = 10_000


class Exemplar(NamedTuple):
    """A value in a bucket, the id of its trace, and its time in seconds since the epoch."""

    value: float
    trace_id: str
    at: float


class Family:
    """The series of one metric, by their labels in the order of its definition."""

    def __init__(self, definition: Definition) -> None:
        self.definition = definition
        self.series: dict[Labels, Cell] = {}

    def at(self, *labels: str) -> Cell:
        """The cell of the series with these labels. On a hot path hold it."""
        cell = self.series.get(labels)
        if cell is None:
            if len(self.series) >= MOST_SERIES:
                labels = (OTHER,) * len(self.definition.labels)
            cell = self.series.setdefault(labels, self._new())
        return cell

    def retain(self, domains: Domains) -> None:
        """Drop the series whose values a domain of their labels lacks. A domain doesn't apply to a
        series where one of these values is empty or `_OTHER`."""
        own = self.definition.labels
        for names, known in domains.items():
            if set(names).issubset(own):
                places = [own.index(name) for name in names]
                for labels in list(self.series):
                    values = tuple([labels[place] for place in places])
                    if values not in known and "" not in values and OTHER not in values:
                        self.forget(labels)

    def forget(self, labels: Labels) -> None:
        """Remove the series."""
        self.series.pop(labels, None)

    def _new(self) -> Cell:
        return [0.0]


F = TypeVar("F", bound=Family)


class WatchedFamily(Family):
    """A family whose series may be read by functions."""

    def __init__(self, definition: Definition) -> None:
        super().__init__(definition)
        self._reads: dict[Labels, Callable[[], float]] = {}

    def watch(self, labels: Labels, read: Callable[[], float]) -> None:
        """From now on `read` gives the value of the series; it must be quick and must not wait.
        Where it raises `OSError` the number stays as it was: a process that has no file left can't
        even ask how much memory it takes."""
        self.at(*labels)
        self._reads[labels] = read

    def forget(self, labels: Labels) -> None:
        """See `Family.forget`."""
        self._reads.pop(labels, None)
        super().forget(labels)

    def read_all(self) -> None:
        """Read every watched series."""
        for labels, read in list(self._reads.items()):
            with suppress(OSError):
                self.at(*labels)[0] = float(read())


class Counter(WatchedFamily):
    """A family of numbers that only grow."""


class Gauge(WatchedFamily):
    """A family of numbers that go up and down."""


class Histogram(Family):
    """A family of values, counted by their size."""

    def __init__(self, definition: Definition) -> None:
        super().__init__(definition)
        self.bounds = definition.bounds
        self.exemplars: dict[Labels, dict[int, Exemplar]] = {}

    def observe(self, cell: Cell, value: float) -> None:
        """Count a value. On the hottest paths these two lines are written out."""
        cell[bisect_left(self.bounds, value)] += 1
        cell[-1] += value

    def exemplify(self, labels: Labels, value: float, trace_id: str, at: float) -> None:
        """Hold the trace of a counted value as the exemplar of its bucket."""
        if labels in self.series:
            held = self.exemplars.setdefault(labels, {})
            held[bisect_left(self.bounds, value)] = Exemplar(value, trace_id, at)

    def forget(self, labels: Labels) -> None:
        """See `Family.forget`."""
        super().forget(labels)
        self.exemplars.pop(labels, None)

    def _new(self) -> Cell:
        return [0.0] * (len(self.bounds) + 2)


class Metrics:
    """The families of one process, one for each definition. `domains` are the values that labels
    with names of the project may have. Other labels have a short list of values."""

    def __init__(self) -> None:
        self.domains: Domains = {}
        self.families: dict[str, Family] = {
            each.name: _FAMILIES[each.kind](each) for each in DEFINITIONS
        }

    def counter(self, definition: Definition) -> Counter:
        """The family of a counter."""
        return self._family(definition, Counter)

    def histogram(self, definition: Definition) -> Histogram:
        """The family of a histogram."""
        return self._family(definition, Histogram)

    def gauge(self, definition: Definition) -> Gauge:
        """The family of a gauge."""
        return self._family(definition, Gauge)

    def retain(self, domains: Domains) -> None:
        """From now on these are the domains. Drop every series that the project no longer has."""
        self.domains = domains
        for family in self.families.values():
            family.retain(domains)

    def retain_known(self) -> None:
        """Drop every series that the project no longer has, by the present domains."""
        self.retain(self.domains)

    def read_all(self) -> None:
        """Read every watched series."""
        for family in self.families.values():
            if isinstance(family, WatchedFamily):
                family.read_all()

    def _family(self, definition: Definition, kind: type[F]) -> F:
        family = self.families[definition.name]
        assert isinstance(family, kind)  # noqa: S101  (what the definition's kind means)
        return family


_FAMILIES: Final = {"counter": Counter, "gauge": Gauge, "histogram": Histogram}
