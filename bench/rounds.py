"""The rounds of a run: every row is loaded once in each, so that all share the machine's moods.

Each round begins one server further on than the one before, and rows of one group stay neighbours.
"""

from collections.abc import Callable
from dataclasses import dataclass

from bench.load import LoadFigures, put_load
from bench.rows import ROWS, Row
from bench.stage import Stage

_WARM_UP_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Sample:
    """One load of one row. `busy` is the share of one core that the server took: well below 1,
    something else was the limit. `rss_mib` is of the server with all its processes, after it."""

    load: LoadFigures
    cpu_us_per_request: float
    busy: float
    rss_mib: float


Round = dict[str, Sample]


def count_loads(rounds: int) -> int:
    """How many loads a run takes, the warm-up of each row included."""
    return len(ROWS) * (rounds + 1)


def run_rounds(
    stage: Stage, wrk: str, *, rounds: int, seconds: float, tell: Callable[[str], None]
) -> list[Round]:
    """Warm each row up, then load all, round by round; `tell` hears of each load that begins.

    Raises `WrongValue` as soon as any row answers anything else than it should.
    """
    for row in ROWS:
        tell(f"warm-up: {row.group}, {row.title}")
        _load(stage, row, wrk, min(seconds, _WARM_UP_SECONDS))
    done = []
    for number in range(rounds):
        shift = 3 * number % len(ROWS)
        samples = {}
        for row in (*ROWS[shift:], *ROWS[:shift]):
            tell(f"round {number + 1} of {rounds}: {row.group}, {row.title}")
            samples[row.key] = _load(stage, row, wrk, seconds)
        done.append(samples)
    return done


def _load(stage: Stage, row: Row, wrk: str, seconds: float) -> Sample:
    server = stage.servers[row.server]
    before = server.usage()
    load = put_load(wrk, stage.url(row), seconds, row.expectation)
    after = server.usage()
    server.empty_output()
    cpu_seconds = after.cpu_seconds - before.cpu_seconds
    return Sample(
        load,
        cpu_seconds / load.requests * 1_000_000,
        cpu_seconds / (load.requests / load.requests_per_second),
        after.rss_bytes / 2**20,
    )
