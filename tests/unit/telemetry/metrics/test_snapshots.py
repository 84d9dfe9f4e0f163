"""What one process counts is what another one has of it, by messages."""

from typing import Any

import msgspec
import pytest

from bff.telemetry.metrics.definitions.process import HEAVY_WAITING
from bff.telemetry.metrics.definitions.screens import COMPOSITIONS, STEP_CALLS
from bff.telemetry.metrics.families import Metrics
from bff.telemetry.metrics.snapshots import (
    MOST_IN_MESSAGE,
    BadMessage,
    Changes,
    Replica,
    table_of,
)

HOME = ("home", "", "ok")


class Pair:
    """A process that counts, and the one that collects."""

    def __init__(self) -> None:
        self.metrics = Metrics()
        self.changes = Changes(self.metrics)
        self.replica = Replica()

    def pass_on(self) -> int:
        """Apply what has changed; returns how many messages it took."""
        messages = [each for each in self.changes.messages() if each is not None]
        for each in messages:
            self.replica.apply(each)
        return len(messages)

    def is_equal(self) -> bool:
        known = {name: series for name, series in table_of(self.metrics).items() if series}
        return known == {name: series for name, series in self.replica.table.items() if series}


@pytest.fixture
def pair() -> Pair:
    return Pair()


def test_collector_has_what_the_process_counted(pair: Pair) -> None:
    durations = pair.metrics.histogram(COMPOSITIONS)
    durations.observe(durations.at(*HOME), 0.3)
    durations.exemplify(HOME, 0.3, "ab" * 16, 1.5)
    pair.metrics.gauge(HEAVY_WAITING).watch((), lambda: 3)
    pair.pass_on()
    assert pair.is_equal()
    assert pair.replica.table[HEAVY_WAITING.name][()].cell == [3.0]


def test_what_rests_is_not_sent_again_and_what_moves_is(pair: Pair) -> None:
    durations = pair.metrics.histogram(COMPOSITIONS)
    durations.observe(durations.at(*HOME), 0.3)
    pair.metrics.counter(STEP_CALLS).at("home", "user")[0] += 1
    pair.pass_on()
    assert pair.pass_on() == 0
    durations.exemplify(HOME, 0.3, "ab" * 16, 1.5)  # no count has moved
    assert pair.pass_on() == 1
    assert pair.is_equal()


def test_series_that_ends_in_the_process_ends_in_the_collector(pair: Pair) -> None:
    calls = pair.metrics.counter(STEP_CALLS)
    calls.at("home", "user"), calls.at("gone", "user")
    pair.pass_on()
    pair.metrics.retain({("composition",): {("home",)}})
    pair.pass_on()
    assert pair.is_equal()
    assert [*pair.replica.table[STEP_CALLS.name]] == [("home", "user")]
    pair.metrics.retain({("composition",): set()})  # the last of the family
    pair.pass_on()
    assert not pair.replica.table[STEP_CALLS.name]


def test_domains_come_with_the_numbers_and_again_when_they_change(pair: Pair) -> None:
    pair.metrics.retain({("composition", "step"): {("home", "user")}})
    pair.pass_on()
    assert pair.replica.domains == {("composition", "step"): {("home", "user")}}
    assert pair.pass_on() == 0
    pair.metrics.retain({})
    pair.pass_on()
    assert pair.replica.domains == {}


def test_domains_of_a_large_project_come_in_parts_and_hold_when_they_are_whole(pair: Pair) -> None:
    before = {("composition", "step"): {("home", "user")}, ("limit",): set[tuple[str]]()}
    pair.metrics.retain(before)
    pair.pass_on()
    steps = {("home", f"step_{number}") for number in range(3 * MOST_IN_MESSAGE)}
    pair.metrics.retain({("composition", "step"): steps})
    messages = [each for each in pair.changes.messages() if each is not None]
    for each in messages[:-1]:
        pair.replica.apply(each)
        assert len(each) < 100 * MOST_IN_MESSAGE
        assert pair.replica.domains == before
    pair.replica.apply(messages[-1])
    assert pair.replica.domains == {("composition", "step"): steps}


def test_domains_that_no_project_has_are_refused() -> None:
    replica = Replica(most_known=1000)

    def known(first: int, count: int) -> bytes:
        values = [[str(number)] for number in range(first, first + count)]
        return msgspec.msgpack.encode(["known", ["limit"], values])

    replica.apply(known(0, 999))
    with pytest.raises(BadMessage):
        replica.apply(known(1000, 1))


def test_no_message_has_more_than_a_thousand_series(pair: Pair) -> None:
    calls = pair.metrics.counter(STEP_CALLS)
    for number in range(2 * MOST_IN_MESSAGE + 1):
        calls.at("home", str(number))
    assert pair.pass_on() == 4  # the domains, and three parts
    assert pair.is_equal()
    calls.at("home", "0")[0] += 1
    assert pair.pass_on() == 1


def changed(name: str, *series: Any) -> bytes:
    return msgspec.msgpack.encode(["changed", name, series, []])


@pytest.mark.parametrize(
    "message",
    [
        b"",
        b"\xc1",
        b"not a message",
        b"\x94\xa7changed\xa1\xff\x90\x90",  # a name that is no UTF-8
        msgspec.msgpack.encode(["other", 1]),
        msgspec.msgpack.encode({"name": STEP_CALLS.name}),
        changed("another_metric", [["a", "b"], [[1.0], {}]]),
        changed(STEP_CALLS.name, [["home"], [[1.0], {}]]),
        changed(STEP_CALLS.name, [["home", "user"], [[], {}]]),
        changed(STEP_CALLS.name, [["home", "user"], [["1"], {}]]),
        changed(COMPOSITIONS.name, [list(HOME), [[1.0] * 15, {}]]),
        changed(COMPOSITIONS.name, [list(HOME), [[1.0] * 16, {15: [1.0, "", 1.0]}]]),
        changed(COMPOSITIONS.name, [list(HOME), [[1.0] * 16, {-1: [1.0, "", 1.0]}]]),
        changed(STEP_CALLS.name, *[[["home", str(i)], [[1.0], {}]] for i in range(10_002)]),
    ],
    ids=range(14),
)  # fmt: skip
def test_message_that_fits_no_definition_is_refused(message: bytes) -> None:
    with pytest.raises(BadMessage):
        Replica().apply(message)
