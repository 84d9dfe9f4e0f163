"""The metrics of all processes of a gateway: the living ones, and the totals of the ended ones.

Rules:
1. When a process ends, its counters and histograms are added to one table, and its own are dropped
   in the same step: no total goes backward. Its gauges end with it.
2. The totals of ended processes keep a series as long as a living process knows its labels, and all
   series while no process lives. So a gateway that replaced its workers a thousand times has as
   many series as one that never did.

For one event loop.
"""

from collections.abc import Iterable

from bff.telemetry.metrics.definitions.definition import Definition
from bff.telemetry.metrics.definitions.table import DEFINITIONS
from bff.telemetry.metrics.families import Domains, Exemplar, Histogram, Labels, Metrics
from bff.telemetry.metrics.snapshots import Replica, Series, Table, table_of


class Totals:
    """The metrics of this process, `own`, and of all that joined."""

    def __init__(self, own: Metrics) -> None:
        self._own = own
        self._live: set[Replica] = set()
        self._ended = Metrics()

    def join(self) -> Replica:
        """The replica of a process that begins to count."""
        replica = Replica()
        self._live.add(replica)
        return replica

    def apply(self, replica: Replica, message: bytes) -> None:
        """Take a message of a process. Raises `BadMessage`."""
        domains = replica.domains
        replica.apply(message)
        if replica.domains is not domains:
            self._retain_known()

    def leave(self, replica: Replica) -> None:
        """The process has ended."""
        self._live.discard(replica)
        for definition in DEFINITIONS:
            if definition.kind != "gauge":
                for labels, series in replica.table.get(definition.name, {}).items():
                    _add_to(self._ended, definition, labels, series)
        self._retain_known()

    def table(self) -> Table:
        """The totals of this moment."""
        live = [each.table for each in self._live]
        return merged([table_of(self._own), table_of(self._ended), *live])

    def _retain_known(self) -> None:
        known = [each.domains for each in self._live if each.domains is not None]
        if known:
            self._ended.retain(_union(known))


def merged(tables: Iterable[Table]) -> Table:
    """The metrics of several processes as one table. The tables stay unchanged."""
    merged: Table = {each.name: {} for each in DEFINITIONS}
    for table in tables:
        for definition in DEFINITIONS:
            series = merged[definition.name]
            for labels, each in table.get(definition.name, {}).items():
                held = series.get(labels)
                if held is None:
                    series[labels] = Series(each.cell.copy(), each.exemplars.copy())
                else:
                    _add(definition, held, each)
    return merged


def _add_to(metrics: Metrics, definition: Definition, labels: Labels, series: Series) -> None:
    family = metrics.families[definition.name]
    exemplars: dict[int, Exemplar] = {}
    if isinstance(family, Histogram) and series.exemplars:
        exemplars = family.exemplars.setdefault(labels, {})
    _add(definition, Series(family.at(*labels), exemplars), series)


def _add(definition: Definition, held: Series, more: Series) -> None:
    cell = held.cell
    if definition.merge == "largest":
        cell[0] = max(cell[0], more.cell[0])
    else:
        for place, number in enumerate(more.cell):
            cell[place] += number
    for place, exemplar in more.exemplars.items():
        before = held.exemplars.get(place)
        if before is None or before.at < exemplar.at:
            held.exemplars[place] = exemplar


def _union(domains: Iterable[Domains]) -> Domains:
    known: dict[Labels, set[Labels]] = {}
    for each in domains:
        for names, values in each.items():
            known.setdefault(names, set()).update(values)
    return known
