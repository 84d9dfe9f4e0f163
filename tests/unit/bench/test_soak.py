"""How a soak judges what its workers hold, and what it draws."""

import pytest

from bench.soak.callers import Written
from bench.soak.picture import draw
from bench.soak.run import Outcome
from bench.soak.watch import Sample, find_growth, find_slope


def sample(seconds: float = 0.0, process: int = 7, **held: float) -> Sample:
    usual = {"rss_megabytes": 80.0, "files": 20, "tasks": 4, "threads": 8, "objects": 100_000}
    return Sample(seconds, process, **{**usual, **held})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("name", "most"),
    [("rss_megabytes", 88.0), ("files", 26), ("tasks", 6), ("threads", 12), ("objects", 104_000)],
)
def test_what_is_more_at_the_last_rest_grows(name: str, most: float) -> None:
    (line,) = find_growth([sample()], [sample(**{name: most + 1})])
    assert name in line
    assert find_growth([sample()], [sample(**{name: most})]) == []


def test_worker_that_was_not_there_at_the_first_rest_has_taken_the_place_of_a_dead_one() -> None:
    (line,) = find_growth([sample()], [sample(process=8)])
    assert "8" in line


def test_memory_that_climbs_under_load_grows_and_one_that_swings_does_not() -> None:
    climbing = [sample(at, rss_megabytes=80 + at / 2) for at in range(40)]
    swinging = [sample(at, rss_megabytes=80 + 20 * (at % 2)) for at in range(40)]
    assert len(find_slope(climbing)) == 1
    assert find_slope(swinging) == find_slope(climbing[:7]) == []


def test_reader_may_get_what_was_before_a_write_for_a_moment_alone() -> None:
    written = Written({1: [(10.0, 3), (20.0, 4)]})
    assert [written.least(1, at) for at in (10.5, 15.0, 20.5, 25.0)] == [0, 3, 3, 4]
    assert written.least(2, 25.0) == 0


def test_picture_has_a_line_for_each_worker_and_what_happened() -> None:
    samples = [sample(at, process) for at in (0.0, 2.0) for process in (7, 8)]
    picture = draw(Outcome(samples=samples, events=[(1.0, "Redis restarts")]))
    assert picture.count("<polyline") == 6
    assert "Redis restarts" in picture
