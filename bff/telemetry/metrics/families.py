"""The numbers of one process: a family for each metric, a plain list for each of its series.

Rules:
1. Who counts holds the list of its series and adds to it: `cell[0] += 1`. A library's object takes
   up to ten times as long.
2. A histogram's list has the count of each bucket, that of all above them, and the sum at its end.
3. A gauge is read when somebody asks for the numbers, and so is a counter that others count.
4. A family has `MOST_SERIES` at most. What comes above is counted in one series, whose labels are
   all `_OTHER`.

Lists may be added to from any thread; Python's lock keeps each of them whole, and two threads at
the same moment may lose a count.
"""

from bisect import bisect_left
from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from typing import Final, NamedTuple, TypeVar

from bff.telemetry.metrics.definitions.definition import OTHER, Definition
from bff.telemetry.metrics.definitions.table import DEFINITIONS

Labels = tuple[str, ...]
Cell = list[float]

# Values that some labels may have together: {("composition", "step"): {("home", "user")}}.
Domains = Mapping[Labels, Collection[Labels]]

MOST_SERIES: Final = 10_000


class Exemplar(NamedTuple):
    """A value that a bucket has counted, the id of its trace, and when: seconds since the epoch."""

    value: float
    trace_id: str
    at: float


class Family:
    """The series of one metric, by their labels in the order of its definition."""

    def __init__(self, definition: Definition) -> None:
        self.definition = definition
        self.series: dict[Labels, Cell] = {}

    def at(self, *labels: str) -> Cell:
        """The series with these labels; hold it where it is wanted often."""
        cell = self.series.get(labels)
        if cell is None:
            if len(self.series) >= MOST_SERIES:
                labels = (OTHER,) * len(self.definition.labels)
            cell = self.series.setdefault(labels, self._new())
        return cell

    def retain(self, domains: Domains) -> None:
        """Drop the series with values that their labels' domain lacks. Where one of the values is
        empty or `_OTHER`, this domain says nothing."""
        own = self.definition.labels
        for names, known in domains.items():
            if set(names).issubset(own):
                places = [own.index(name) for name in names]
                for labels in list(self.series):
                    values = tuple([labels[place] for place in places])
                    if values not in known and "" not in values and OTHER not in values:
                        self.forget(labels)

    def forget(self, labels: Labels) -> None:
        """The series has ended."""
        self.series.pop(labels, None)

    def _new(self) -> Cell:
        return [0.0]


F = TypeVar("F", bound=Family)


class WatchedFamily(Family):
    """Numbers that may be read where they are, when somebody asks for them."""

    def __init__(self, definition: Definition) -> None:
        super().__init__(definition)
        self._reads: dict[Labels, Callable[[], float]] = {}

    def watch(self, labels: Labels, read: Callable[[], float]) -> None:
        """From now on read the series by this function, which is quick and waits for nothing. Where
        it raises `OSError` the number stays as it was: a process that has no file left can't even
        ask how much memory it takes."""
        self.at(*labels)
        self._reads[labels] = read

    def forget(self, labels: Labels) -> None:
        """See `Family.forget`."""
        self._reads.pop(labels, None)
        super().forget(labels)

    def read_all(self) -> None:
        """Bring every series that is watched up to date."""
        for labels, read in list(self._reads.items()):
            with suppress(OSError):
                self.at(*labels)[0] = float(read())


class Counter(WatchedFamily):
    """Numbers that only grow."""


class Gauge(WatchedFamily):
    """Numbers that go up and down."""


class Histogram(Family):
    """Values by their size."""

    def __init__(self, definition: Definition) -> None:
        super().__init__(definition)
        self.bounds = definition.bounds
        self.exemplars: dict[Labels, dict[int, Exemplar]] = {}

    def observe(self, cell: Cell, value: float) -> None:
        """Count a value; where each tenth of a microsecond counts, write these two lines out."""
        cell[bisect_left(self.bounds, value)] += 1
        cell[-1] += value

    def exemplify(self, labels: Labels, value: float, trace_id: str, at: float) -> None:
        """Hold the trace of a value that was counted, in place of its bucket's last one."""
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
    """The families of one process, one for each definition. `domains` are what the labels of the
    project may be; a label without one has a short list of values."""

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
        """From now on these are the domains. Drop every series that the project has no more."""
        self.domains = domains
        for family in self.families.values():
            family.retain(domains)

    def retain_known(self) -> None:
        """As `retain`, with the domains that it was given last."""
        self.retain(self.domains)

    def read_all(self) -> None:
        """Bring every series that is watched up to date."""
        for family in self.families.values():
            if isinstance(family, WatchedFamily):
                family.read_all()

    def _family(self, definition: Definition, kind: type[F]) -> F:
        family = self.families[definition.name]
        assert isinstance(family, kind)  # noqa: S101  (what the definition's kind means)
        return family


_FAMILIES: Final = {"counter": Counter, "gauge": Gauge, "histogram": Histogram}
