"""How the workers of `bff serve` share connections, and how long a death makes them pause."""

import tempfile
from pathlib import Path

import pytest

from bff.cli.serving.shares import ConnectionCounts, is_above_share
from bff.cli.serving.supervisor import pause_seconds
from tests.support.gateway.serving import on_linux


@pytest.mark.parametrize(
    ("connections", "numbers", "is_above"),
    [
        (0, [0, 0], False),
        (4, [4, 0], False),
        (5, [5, 0], True),
        (105, [105, 100], True),
        (104, [104, 100], False),
        (1000, [1000, -1], False),  # alone: nobody is at the other place
        (9, [9, 20, 4, -1], True),
    ],
)
def test_worker_with_five_more_than_the_least_is_above_its_share(
    connections: int, numbers: list[int], is_above: bool
) -> None:
    assert is_above_share(connections, numbers) is is_above


def test_number_is_seen_through_the_same_descriptor_until_its_worker_leaves() -> None:
    launcher = ConnectionCounts.create(2)
    first = ConnectionCounts(launcher.descriptor).share_of(0)
    second = ConnectionCounts(launcher.descriptor).share_of(1)
    first.note(10)
    assert not first.lets_others_first()
    second.note(0)
    assert first.lets_others_first()
    assert not second.lets_others_first()
    second.leave()
    assert not first.lets_others_first()


def test_number_of_a_worker_that_gives_no_sign_of_life_for_a_second_counts_for_nothing() -> None:
    times = iter([100.0, 100.0, 101.0, 101.1])
    counts = ConnectionCounts.create(2)
    alive, hanging = (counts.share_of(place, lambda: next(times)) for place in (0, 1))
    hanging.note(0)
    waits = []
    for _ in range(3):
        alive.note(10)
        waits.append(alive.lets_others_first())
    assert waits == [True, True, False]


def test_pause_doubles_with_each_death_in_a_row_up_to_half_a_minute() -> None:
    pauses = [pause_seconds(deaths) for deaths in range(1, 12)]
    assert pauses == [0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 12.8, 25.6, 30.0, 30.0]
    assert pause_seconds(10_000) == 30.0


@on_linux
def test_counts_need_no_folder_that_can_be_written_to(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A container's file system may be read-only."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "none"))
    ConnectionCounts.create(2).share_of(1).note(10)
