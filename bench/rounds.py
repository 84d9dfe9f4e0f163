"""The rounds of a run: every row is loaded once in each, so that all share the machine's moods.

Each round begins one server further on than the one before, and rows of one group stay neighbours.
A row that answers anything else than it should loses all its figures; the others go on.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from bench.exchange import WrongValue
from bench.load import LoadFigures, put_load
from bench.processes import Process
from bench.rows import Row
from bench.stage import Stage, Unmeasured

# Servers that compile while they run need long: Node's rows took 3,100 µs of CPU a request in their
# first two seconds of load and 900 after ten, on a core at 2.5 GHz. So the warm-up goes on for as
# long as it helps: until two loads in a row are not faster by a twentieth than the best before.
_WARM_UP_SECONDS = 2.0
_WARM_UP_LOADS = 12
_HELPS = 0.95
_PATIENCE = 2


@dataclass(frozen=True, slots=True)
class Sample:
    """One load of one row. `busy` is the share of one core that the server took: well below 1,
    something else was the limit. `rss_mib` is of the server with all its processes, after it."""

    load: LoadFigures
    cpu_us_per_request: float
    busy: float
    rss_mib: float


Round = dict[str, Sample]


@dataclass(frozen=True, slots=True)
class Results:
    """What a run found: each round has the same rows, and the others are `unmeasured`."""

    rows: tuple[Row, ...]
    rounds: list[Round]
    unmeasured: dict[str, Unmeasured]


def count_steps(rows: Sequence[Row], rounds: int) -> int:
    """How many times a run tells of what it does at most; a warm-up is one."""
    return len(rows) * (rounds + 1)


def run_rounds(
    stage: Stage,
    rows: Sequence[Row],
    wrk: str,
    *,
    rounds: int,
    seconds: float,
    tell: Callable[[str], None],
) -> Results:
    """Warm each row up, then load all, round by round; `tell` hears of each that begins."""
    unmeasured = dict(stage.unmeasured)
    done: list[Round] = []

    def attempt(row: Row, what: str, load: Callable[[Row], Sample]) -> Sample | None:
        if row.key in unmeasured:
            return None
        tell(f"{what}: {row.group}, {row.title}")
        try:
            return load(row)
        except WrongValue as error:
            unmeasured[row.key] = Unmeasured(str(error), is_wrong=True)
            return None

    for row in rows:
        attempt(row, "warm-up", lambda row: _warm_up(stage, row, wrk, seconds))
    for number in range(rounds):
        shift = 3 * number % len(rows)
        samples = {}
        for row in (*rows[shift:], *rows[:shift]):
            what = f"round {number + 1} of {rounds}"
            sample = attempt(row, what, lambda row: _load(stage, row, wrk, seconds))
            if sample is not None:
                samples[row.key] = sample
        done.append(samples)
    kept = [{key: each for key, each in one.items() if key not in unmeasured} for one in done]
    return Results(tuple(rows), kept, unmeasured)


def _warm_up(stage: Stage, row: Row, wrk: str, seconds: float) -> Sample:
    """Loads until it doesn't help any more; a run of short loads has a short warm-up."""
    last = _load(stage, row, wrk, min(seconds, _WARM_UP_SECONDS))
    if seconds < _WARM_UP_SECONDS:
        return last
    best, vain = last.cpu_us_per_request, 0
    for _ in range(_WARM_UP_LOADS - 1):
        last = _load(stage, row, wrk, _WARM_UP_SECONDS)
        vain = 0 if last.cpu_us_per_request < _HELPS * best else vain + 1
        best = min(best, last.cpu_us_per_request)
        if vain == _PATIENCE:
            break
    return last


class _Meter:
    """What a server uses in between."""

    def __init__(self, server: Process) -> None:
        self._server = server

    def __enter__(self) -> None:
        self._before = self._server.usage()

    def __exit__(self, *_: object) -> None:
        after = self._server.usage()
        self.cpu_seconds = after.cpu_seconds - self._before.cpu_seconds
        self.rss_bytes = after.rss_bytes


def _load(stage: Stage, row: Row, wrk: str, seconds: float) -> Sample:
    server = stage.servers[row.server]
    meter = _Meter(server)
    load = put_load(wrk, stage.url(row), seconds, row.expectation, row.request, meter)
    server.empty_output()
    if not load.requests:
        raise WrongValue(f"{stage.url(row)}: no request was answered")
    return Sample(
        load,
        meter.cpu_seconds / (load.requests + load.looks) * 1_000_000,
        meter.cpu_seconds / (load.requests / load.requests_per_second),
        meter.rss_bytes / 2**20,
    )
