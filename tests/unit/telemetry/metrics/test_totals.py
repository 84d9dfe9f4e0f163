"""The numbers of a gateway are those of its processes together, those that ended included."""

import gc
import sys

import pytest
from msgspec.msgpack import encode

from bff.telemetry.metrics.definitions.definition import OTHER
from bff.telemetry.metrics.definitions.process import HEAVY_WAITING, LONGEST_LOOP_LAG
from bff.telemetry.metrics.definitions.screens import COMPOSITIONS, STEP_CALLS
from bff.telemetry.metrics.families import MOST_SERIES, Domains, Metrics
from bff.telemetry.metrics.snapshots import Changes, Replica, Table
from bff.telemetry.metrics.totals import Totals

HOME = ("home", "", "ok")
KNOWN: Domains = {("composition", "step"): {("home", "user")}}


class Process:
    """A worker that counts, and is collected from."""

    def __init__(self, totals: Totals, domains: Domains = KNOWN) -> None:
        self.metrics = Metrics()
        self.metrics.retain(domains)
        self._totals = totals
        self._changes = Changes(self.metrics)
        self._replica: Replica = totals.join()
        self.send()

    def send(self) -> None:
        for message in self._changes.messages():
            if message is not None:
                self._totals.apply(self._replica, message)

    def count(self, calls: int, step: str = "user") -> None:
        self.metrics.counter(STEP_CALLS).at("home", step)[0] += calls
        self.send()

    def observe(self, seconds: float, trace_id: str, at: float) -> None:
        durations = self.metrics.histogram(COMPOSITIONS)
        durations.observe(durations.at(*HOME), seconds)
        durations.exemplify(HOME, seconds, trace_id, at)
        self.send()

    def end(self) -> None:
        self._totals.leave(self._replica)


@pytest.fixture
def totals() -> Totals:
    return Totals(Metrics())


def calls(totals: Totals, step: str = "user") -> float | None:
    series = totals.table()[STEP_CALLS.name].get(("home", step))
    return None if series is None else series.cell[0]


def size(table: Table) -> int:
    return sum(map(len, table.values()))


def test_counters_of_all_are_added_up_whether_they_ended_or_not(totals: Totals) -> None:
    first, second = Process(totals), Process(totals)
    first.count(3)
    second.count(4)
    assert calls(totals) == 7
    first.end()
    assert calls(totals) == 7
    second.count(1)
    second.end()
    assert calls(totals) == 8
    Process(totals).count(2)
    assert calls(totals) == 10


def test_no_total_goes_backward_while_a_worker_is_replaced(totals: Totals) -> None:
    """Both live for a while, and what the old one left counts once."""
    seen = [0.0]
    worker = Process(totals)
    for _ in range(50):
        worker.count(2)
        seen.append(calls(totals) or 0)
        successor = Process(totals)
        seen.append(calls(totals) or 0)
        worker.count(1)
        worker.end()
        seen.append(calls(totals) or 0)
        worker = successor
    assert seen == sorted(seen)
    assert seen[-1] == 150


def test_histograms_are_added_up_and_the_newest_exemplar_of_a_bucket_is_kept(
    totals: Totals,
) -> None:
    first, second = Process(totals), Process(totals)
    first.observe(0.25, "a" * 32, at=2.0)
    second.observe(0.25, "b" * 32, at=1.0)
    first.observe(60.0, "d" * 32, at=2.0)
    second.observe(60.0, "c" * 32, at=3.0)
    first.end()
    series = totals.table()[COMPOSITIONS.name][HOME]
    assert (sum(series.cell[:-1]), series.cell[-1]) == (4, 120.5)
    assert [each.trace_id[0] for _, each in sorted(series.exemplars.items())] == ["a", "c"]


def test_gauges_are_added_up_or_the_largest_counts_and_end_with_their_process(
    totals: Totals,
) -> None:
    workers = [Process(totals), Process(totals)]
    for number, worker in enumerate(workers, start=1):
        for definition in (HEAVY_WAITING, LONGEST_LOOP_LAG):
            worker.metrics.gauge(definition).at()[0] = number
        worker.send()
    table = totals.table()
    assert table[HEAVY_WAITING.name][()].cell == [3]
    assert table[LONGEST_LOOP_LAG.name][()].cell == [2]
    for worker in workers:
        worker.end()
    assert not totals.table()[HEAVY_WAITING.name]


def test_own_numbers_are_among_them() -> None:
    own = Metrics()
    own.gauge(HEAVY_WAITING).watch((), lambda: 5)
    assert Totals(own).table()[HEAVY_WAITING.name][()].cell == [5]


def test_series_that_no_living_worker_knows_ends_with_the_last_that_did(totals: Totals) -> None:
    old = Process(totals, {("composition", "step"): {("home", "user"), ("home", "gone")}})
    old.count(1, "user")
    old.count(1, "gone")
    new = Process(totals, KNOWN)
    assert (calls(totals, "user"), calls(totals, "gone")) == (1, 1)
    old.end()
    assert (calls(totals, "user"), calls(totals, "gone")) == (1, None)
    new.end()
    assert calls(totals, "user") == 1


def test_while_no_worker_lives_everything_is_kept(totals: Totals) -> None:
    worker = Process(totals, {("composition", "step"): {("home", "gone")}})
    worker.count(1, "gone")
    worker.end()
    assert calls(totals, "gone") == 1
    totals.join()  # a worker that has not said yet what it knows
    assert calls(totals, "gone") == 1
    Process(totals, KNOWN)
    assert calls(totals, "gone") is None


def test_thousands_of_restarts_leave_as_many_series_and_as_much_memory_as_one(
    totals: Totals,
) -> None:
    """Each worker serves another version of the project, with another step."""

    def restart(number: int) -> None:
        steps = [["home", "user"], ["home", f"{number}"]]
        replica = totals.join()
        totals.apply(replica, encode(["known", ["composition", "step"], steps]))
        totals.apply(replica, encode(["all known"]))
        series = [[labels, [[1.0], {}]] for labels in steps]
        totals.apply(replica, encode(["changed", STEP_CALLS.name, series, []]))
        durations = [[1.0] * 16, {5: [0.3, "a" * 32, float(number)]}]
        totals.apply(replica, encode(["changed", COMPOSITIONS.name, [[HOME, durations]], []]))
        totals.leave(replica)

    for number in range(100):
        restart(number)
    gc.collect()
    blocks, series = sys.getallocatedblocks(), size(totals.table())
    for number in range(100, 2100):
        restart(number)
    gc.collect()
    assert sys.getallocatedblocks() - blocks < 200
    assert size(totals.table()) == series
    assert calls(totals) == 2100


def test_labels_without_a_domain_have_a_bound_in_what_the_ended_left(totals: Totals) -> None:
    for part in range(3):
        worker = Process(totals, {})
        for number in range(MOST_SERIES // 2):
            worker.metrics.counter(STEP_CALLS).at("home", f"{part}-{number}")[0] += 1
        worker.send()
        worker.end()
    series = totals.table()[STEP_CALLS.name]
    assert len(series) == MOST_SERIES + 1
    assert series[OTHER, OTHER].cell == [MOST_SERIES // 2]


def test_what_was_counted_beyond_the_bound_outlives_every_release(totals: Totals) -> None:
    worker = Process(totals)
    calls = worker.metrics.counter(STEP_CALLS)
    for number in range(MOST_SERIES):
        calls.at("home", f"{number}")
    calls.at("home", "one too many")[0] += 1
    worker.metrics.retain(KNOWN)
    worker.send()
    worker.end()
    Process(totals)
    assert {key: each.cell for key, each in totals.table()[STEP_CALLS.name].items()} == {
        (OTHER, OTHER): [1]
    }
