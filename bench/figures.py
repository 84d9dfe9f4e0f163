"""From rounds to figures: medians, spreads, and ratios taken within each round. Pure."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from statistics import median
from typing import Literal

from bench.rounds import Results, Round
from bench.rows import Row
from bench.targets import COMPARISONS, Comparison

BUSY = 0.9  # of its core; what is below had time left


@dataclass(frozen=True, slots=True)
class Spread:
    """A figure over the rounds."""

    median: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class RowFigures:
    """A row over all rounds; what isn't a spread is a median."""

    row: Row
    requests_per_second: Spread
    p50_ms: float
    p99_ms: float
    p99_ms_at_half: float
    cpu_us_per_request: float
    busy: float
    rss_mib: float


@dataclass(frozen=True, slots=True)
class Ratio:
    """A comparison over all rounds: `times` as many requests per second, and per second of CPU
    time, which suffers less from neighbours. None where one of the two was not measured."""

    comparison: Comparison
    times: Spread | None
    cpu_times: Spread | None
    baseline_busy: float | None

    @property
    def outcome(self) -> Literal["met", "missed", "doubtful", "not measured", "reported"]:
        """Whether the target is met; `reported` where there is none.

        Doubtful is what is met by requests per second alone, over a row whose server had time left:
        something else kept that row from being faster.
        """
        if self.times is None or self.cpu_times is None or self.baseline_busy is None:
            return "not measured"
        asked = self.comparison.at_least
        if asked is None:
            return "reported"
        if self.times.median < asked:
            return "missed"
        had_time_left = self.baseline_busy < BUSY
        return "doubtful" if had_time_left and self.cpu_times.median < asked else "met"


def row_figures(results: Results) -> list[RowFigures]:
    """The figures of each row that has them, in the order in which rows are declared."""
    figures = []
    for row in results.rows:
        if row.key in results.unmeasured:
            continue
        samples = [each[row.key] for each in results.rounds]
        figures.append(
            RowFigures(
                row,
                spread([sample.full.load.requests_per_second for sample in samples]),
                median(sample.full.load.p50_ms for sample in samples),
                median(sample.full.load.p99_ms for sample in samples),
                median(sample.half.p99_ms for sample in samples),
                median(sample.full.cpu_us_per_request for sample in samples),
                median(sample.full.busy for sample in samples),
                median(sample.full.rss_mib for sample in samples),
            )
        )
    return figures


def ratios(results: Results) -> list[Ratio]:
    """The comparisons between rows of this run, measured or not."""
    rows = {row.key for row in results.rows}
    return [
        _ratio(each, results) for each in COMPARISONS if each.row in rows and each.baseline in rows
    ]


def _ratio(comparison: Comparison, results: Results) -> Ratio:
    row, baseline = comparison.row, comparison.baseline

    def times(one: Round) -> float:
        return one[row].full.load.requests_per_second / one[baseline].full.load.requests_per_second

    def cpu_times(one: Round) -> float:
        return one[baseline].full.cpu_us_per_request / one[row].full.cpu_us_per_request

    def busy(one: Round) -> float:
        return one[baseline].full.busy

    found = [within_rounds(results, (row, baseline), each) for each in (times, cpu_times, busy)]
    return Ratio(comparison, found[0], found[1], found[2].median if found[2] else None)


def within_rounds(
    results: Results, rows: Iterable[str], figure: Callable[[Round], float]
) -> Spread | None:
    """A figure of several rows, taken within each round, so that a slow minute slows all of them.
    None where one of the rows was not measured."""
    if not results.unmeasured.keys().isdisjoint(rows):
        return None
    return spread([figure(each) for each in results.rounds])


def spread(values: list[float]) -> Spread:
    """Of the values of all rounds."""
    return Spread(median(values), min(values), max(values))
