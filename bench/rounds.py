"""The rounds of a run: every row is loaded once in each, so that all share the machine's moods.

Each round begins some rows further on than the one before, and rows of one group stay neighbours.
A row is loaded as fast as it goes, and right after that at half of the rate that it has just shown.
A row that answers anything else than it should loses all its figures; the others go on.
"""

from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass

from bench.exchange import WrongValue
from bench.load import LoadFigures, put_load
from bench.paced import PacedFigures, open_pacer, put_paced_load
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
_HALF = 0.5  # of what the row has just shown to be its capacity
_PACED_SHARE = 0.4  # of a load's duration, for the load at that rate


@dataclass(frozen=True, slots=True)
class FullLoad:
    """One load as fast as the server goes. `busy` is the share of one core that the server took:
    well below 1, something else was the limit. `rss_mib` is of the server with all its processes,
    after it."""

    load: LoadFigures
    cpu_us_per_request: float
    busy: float
    rss_mib: float


@dataclass(frozen=True, slots=True)
class Sample:
    """One row in one round: at full load, and then at half of its capacity."""

    full: FullLoad
    half: PacedFigures


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

    def attempt(row: Row, what: str, load: Callable[[Row], Sample | None]) -> Sample | None:
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
    with open_pacer() as pacer:
        for number in range(rounds):
            shift = 3 * number % len(rows)
            samples = {}
            for row in (*rows[shift:], *rows[:shift]):
                what = f"round {number + 1} of {rounds}"
                sample = attempt(row, what, lambda row: _load(stage, row, wrk, pacer, seconds))
                if sample is not None:
                    samples[row.key] = sample
            done.append(samples)
    kept = [{key: each for key, each in one.items() if key not in unmeasured} for one in done]
    return Results(tuple(rows), kept, unmeasured)


def _warm_up(stage: Stage, row: Row, wrk: str, seconds: float) -> None:
    """Loads until it doesn't help any more; a run of short loads has a short warm-up."""
    first = _load_fully(stage, row, wrk, min(seconds, _WARM_UP_SECONDS))
    if seconds < _WARM_UP_SECONDS:
        return
    best, vain = first.cpu_us_per_request, 0
    for _ in range(_WARM_UP_LOADS - 1):
        last = _load_fully(stage, row, wrk, _WARM_UP_SECONDS)
        vain = 0 if last.cpu_us_per_request < _HELPS * best else vain + 1
        best = min(best, last.cpu_us_per_request)
        if vain == _PATIENCE:
            return


def _load(stage: Stage, row: Row, wrk: str, pacer: Executor, seconds: float) -> Sample:
    full = _load_fully(stage, row, wrk, seconds)
    rate = full.load.requests_per_second * _HALF
    paced = (rate, seconds * _PACED_SHARE, row.expectation, row.request)
    half = pacer.submit(put_paced_load, stage.url(row), *paced).result()
    stage.servers[row.server].empty_output()
    return Sample(full, half)


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


def _load_fully(stage: Stage, row: Row, wrk: str, seconds: float) -> FullLoad:
    server = stage.servers[row.server]
    meter = _Meter(server)
    load = put_load(wrk, stage.url(row), seconds, row.expectation, row.request, meter)
    server.empty_output()
    if not load.requests:
        raise WrongValue(f"{stage.url(row)}: no request was answered")
    return FullLoad(
        load,
        meter.cpu_seconds / (load.requests + load.looks) * 1_000_000,
        meter.cpu_seconds / (load.requests / load.requests_per_second),
        meter.rss_bytes / 2**20,
    )
