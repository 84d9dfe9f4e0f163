"""From rounds to figures: medians, spreads, and ratios taken within each round. Pure."""

from dataclasses import dataclass
from statistics import median

from bench.rounds import Round
from bench.rows import COMPARISONS, ROWS, Comparison, Row


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
    """A comparison over all rounds. `met` is None where nothing was asked."""

    comparison: Comparison
    times: Spread

    @property
    def met(self) -> bool | None:
        """Whether the median is what was asked for."""
        asked = self.comparison.at_least
        return None if asked is None else self.times.median >= asked


def row_figures(rounds: list[Round]) -> list[RowFigures]:
    """Each row's figures, in the order of `ROWS`."""
    figures = []
    for row in ROWS:
        samples = [each[row.key] for each in rounds]
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


def ratios(rounds: list[Round]) -> list[Ratio]:
    """Each comparison's figures: a ratio a round, so that a slow minute slows both sides."""
    return [
        Ratio(
            comparison,
            _spread(
                [
                    each[comparison.row].load.requests_per_second
                    / each[comparison.baseline].load.requests_per_second
                    for each in rounds
                ]
            ),
        )
        for comparison in COMPARISONS
    ]


def _spread(values: list[float]) -> Spread:
    return Spread(median(values), min(values), max(values))
