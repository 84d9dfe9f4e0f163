"""The numbers of all processes of a gateway: those that count now, and what those that ended left.

Rules:
1. The counters and histograms of a process that ends are added into one table, once, at the moment
   in which its own are let go: no total goes backward. Its gauges end with it.
2. What ended processes left lasts as long as a process counts that knows such labels. While none
   does, all of it lasts. So a gateway that replaces its workers a thousand times has as many series
   as one that never did.

For one event loop.
"""

from collections.abc import Iterable

from bff.telemetry.metrics.definitions.definition import Definition
from bff.telemetry.metrics.definitions.table import DEFINITIONS
from bff.telemetry.metrics.families import Domains, Exemplar, Histogram, Labels, Metrics
from bff.telemetry.metrics.snapshots import Replica, Series, Table, table_of


class Totals:
    """The numbers of this process, `own`, and of all that joined."""

    def __init__(self, own: Metrics) -> None:
        self._own = own
        self._live: set[Replica] = set()
        self._ended = Metrics()

    def join(self) -> Replica:
        """The numbers of a process that begins to count."""
        replica = Replica()
        self._live.add(replica)
        return replica

    def apply(self, replica: Replica, message: bytes) -> None:
        """Take a message of a process. Raises `BadMessage`."""
        domains = replica.domains
        replica.apply(message)
        if replica.domains is not domains:
            self._let_go()

    def leave(self, replica: Replica) -> None:
        """The process has ended."""
        self._live.discard(replica)
        for definition in DEFINITIONS:
            if definition.kind != "gauge":
                for labels, series in replica.table.get(definition.name, {}).items():
                    _add_to(self._ended, definition, labels, series)
        self._let_go()

    def table(self) -> Table:
        """All numbers of this moment."""
        live = [each.table for each in self._live]
        return merged([table_of(self._own), table_of(self._ended), *live])

    def _let_go(self) -> None:
        known = [each.domains for each in self._live if each.domains is not None]
        if known:
            self._ended.retain(_union(known))


def merged(tables: Iterable[Table]) -> Table:
    """Numbers of several processes as those of one. The tables are left as they are."""
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
