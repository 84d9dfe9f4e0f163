"""From rounds to figures: medians, spreads, and ratios taken within each round. Pure."""

from dataclasses import dataclass
from statistics import median

from bench.comparisons import COMPARISONS, Comparison
from bench.rounds import Results
from bench.rows import Row

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
    def verdict(self) -> str:
        """`met`, `missed`, `doubtful`, `not measured`, or nothing where nothing was asked.

        Doubtful is what is met by requests per second alone, over a row whose server had time left:
        something else kept that row from being faster.
        """
        if self.times is None or self.cpu_times is None or self.baseline_busy is None:
            return "not measured"
        asked = self.comparison.at_least
        if asked is None:
            return ""
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
                _spread([sample.load.requests_per_second for sample in samples]),
                median(sample.load.p50_ms for sample in samples),
                median(sample.load.p99_ms for sample in samples),
                median(sample.cpu_us_per_request for sample in samples),
                median(sample.busy for sample in samples),
                median(sample.rss_mib for sample in samples),
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
    if not results.unmeasured.keys().isdisjoint((comparison.row, comparison.baseline)):
        return Ratio(comparison, None, None, None)
    # A ratio a round, so that a slow minute slows both sides.
    pairs = [(each[comparison.row], each[comparison.baseline]) for each in results.rounds]
    return Ratio(
        comparison,
        _spread(
            [
                row.load.requests_per_second / baseline.load.requests_per_second
                for row, baseline in pairs
            ]
        ),
        _spread([baseline.cpu_us_per_request / row.cpu_us_per_request for row, baseline in pairs]),
        median(baseline.busy for _, baseline in pairs),
    )


def _spread(values: list[float]) -> Spread:
    return Spread(median(values), min(values), max(values))
