"""The metrics of a process as plain values, and as messages to another process.

    table = table_of(metrics)                 # to be rendered

    changes = Changes(metrics)                # in the process that counts, once a second:
    for message in changes.messages(): …
    replica = Replica()                       # in the process that collects
    replica.apply(message)

Rules:
1. A message has the series that changed since the message before, and the labels of those that
   ended. An unchanged series costs a comparison.
2. A message has at most `MOST_IN_MESSAGE` series, or as many values of labels. So it is made
   quickly, and its size does not grow with the project.
3. The receiver trusts no message. One that can't be decoded, or doesn't fit the definitions, is a
   `BadMessage`. No table grows above its bound.
"""

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any, Final, NamedTuple

import msgspec

from bff.telemetry.metrics.definitions.definition import Definition
from bff.telemetry.metrics.definitions.table import DEFINITIONS
from bff.telemetry.metrics.families import (
    MOST_SERIES,
    Cell,
    Domains,
    Exemplar,
    Family,
    Histogram,
    Labels,
    Metrics,
)

MOST_IN_MESSAGE: Final = 1000
MOST_KNOWN: Final = 1_000_000  # values that labels of one process may have


class Series(NamedTuple):
    """The cell of one series, and the exemplars of its buckets by their places."""

    cell: Cell
    exemplars: dict[int, Exemplar]


# The series of each metric, by its name.
Table = dict[str, dict[Labels, Series]]


class BadMessage(Exception):
    """A message that no process of this version sends."""


class _Changed(msgspec.Struct, frozen=True, array_like=True, tag="changed"):
    name: str
    series: list[tuple[Labels, Series]]
    ended: list[Labels]


class _Known(msgspec.Struct, frozen=True, array_like=True, tag="known"):
    """A part of the values that some labels may have together."""

    names: Labels
    values: list[Labels]


class _AllKnown(msgspec.Struct, frozen=True, array_like=True, tag="all known"):
    """The end of the parts: they replace the values that were known before."""


_BY_NAME: Final = {each.name: each for each in DEFINITIONS}
_NO_EXEMPLARS: Final[dict[int, Exemplar]] = {}  # many series share it; it stays empty
_encode: Final = msgspec.msgpack.Encoder().encode
_decode: Final = msgspec.msgpack.Decoder(_Changed | _Known | _AllKnown).decode


def table_of(metrics: Metrics) -> Table:
    """The metrics of this moment. Called on the loop, where gauges may be read."""
    metrics.read_all()
    return {
        name: {
            labels: _copied(cell, _exemplars(family, labels)) for labels, cell in _series(family)
        }
        for name, family in metrics.families.items()
    }


class Changes:
    """The changes in the metrics of this process, for one other process."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics
        self._sent: Table = {name: {} for name in metrics.families}
        self._domains: Domains | None = None

    def messages(self) -> Iterator[bytes | None]:
        """What changed since the last call; None for a part without a change. The caller reads all
        of them before the next call, and may do other work between two."""
        if self._metrics.domains is not self._domains:
            self._domains = self._metrics.domains
            yield from _domain_messages(self._domains)
        self._metrics.read_all()
        for name, family in self._metrics.families.items():
            yield from self._messages_of(name, family, self._sent[name])

    def _messages_of(
        self, name: str, family: Family, sent: dict[Labels, Series]
    ) -> Iterator[bytes | None]:
        ended = [labels for labels in sent if labels not in family.series]
        for labels in ended:
            del sent[labels]
        series = iter(_series(family))
        while part := list(islice(series, MOST_IN_MESSAGE)):
            changed = []
            for labels, cell in part:
                before = sent.get(labels)
                exemplars = _exemplars(family, labels)
                if before is None or before.cell != cell or before.exemplars != exemplars:
                    sent[labels] = now = _copied(cell, exemplars)
                    changed.append((labels, now))
            yield _encode(_Changed(name, changed, ended)) if changed or ended else None
            ended = []
        if ended:
            yield _encode(_Changed(name, [], ended))


class Replica:
    """The metrics of another process, as it last sent them. `domains` is None until the process has
    sent the values of its labels, of which there may be `most_known`."""

    def __init__(self, most_known: int = MOST_KNOWN) -> None:
        self._most_known = most_known
        self.table: Table = {}
        self.domains: Domains | None = None
        self._coming: dict[Labels, set[Labels]] = {}  # parts of domains that are not yet complete

    def apply(self, message: bytes) -> None:
        """Take a message of this process. Raises `BadMessage`."""
        try:
            read: Any = _decode(message)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise BadMessage(str(error)) from None
        if isinstance(read, _Known):
            self._coming.setdefault(read.names, set()).update(read.values)
            if sum(map(len, self._coming.values())) + len(self._coming) > self._most_known:
                raise BadMessage("more labels than a project has")
            return
        if isinstance(read, _AllKnown):
            self.domains, self._coming = self._coming, {}
            return
        definition = _BY_NAME.get(read.name)
        if definition is None:
            raise BadMessage("a metric of another version")
        series = self.table.setdefault(read.name, {})
        for labels in read.ended:
            series.pop(labels, None)
        for labels, each in read.series:
            if not _fits(definition, labels, each):
                raise BadMessage(f"a series of {read.name} of another version")
            series[labels] = each
        if len(series) > MOST_SERIES + 1:
            raise BadMessage(f"more series of {read.name} than a process has")


def _domain_messages(domains: Domains) -> Iterator[bytes]:
    for names, values in domains.items():
        rest = iter(values)
        part = list(islice(rest, MOST_IN_MESSAGE))
        yield _encode(_Known(names, part))  # also where there is no value
        while part := list(islice(rest, MOST_IN_MESSAGE)):
            yield _encode(_Known(names, part))
    yield _encode(_AllKnown())


def _fits(definition: Definition, labels: Labels, series: Series) -> bool:
    size = len(definition.bounds) + 2 if definition.kind == "histogram" else 1
    return (
        len(labels) == len(definition.labels)
        and len(series.cell) == size
        and all(0 <= place < size - 1 for place in series.exemplars)
    )


def _series(family: Family) -> Iterable[tuple[Labels, Cell]]:
    return list(family.series.items())  # another thread may add one


def _exemplars(family: Family, labels: Labels) -> dict[int, Exemplar]:
    if isinstance(family, Histogram):
        return family.exemplars.get(labels, _NO_EXEMPLARS)
    return _NO_EXEMPLARS


def _copied(cell: Cell, exemplars: dict[int, Exemplar]) -> Series:
    return Series(cell.copy(), exemplars.copy() if exemplars else _NO_EXEMPLARS)
