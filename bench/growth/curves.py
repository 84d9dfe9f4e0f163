"""Curves, and what is asked of them. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from statistics import median
from typing import Literal

SLACK = 1.3  # of what is asked, for noise

Shape = Literal["no worse than linear", "flat", "told"]


@dataclass(frozen=True, slots=True)
class Point:
    """A figure at a size: the median over the rounds, and the lowest and highest of them."""

    size: float
    median: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Curve:
    """Something that costs `unit`, by the size of something else; sizes ascend."""

    key: str
    title: str
    over: str
    unit: str
    asked: Shape
    points: tuple[Point, ...]

    @property
    def growth(self) -> float:
        """How far the curve is from what is asked of it; 1 is just that.

        No worse than linear: between any two sizes from the middle one on, how much faster the
        figure grows than the size does. What costs the same at every size weighs most on small
        ones, and would hide the growth of the rest. Flat: the largest figure over the smallest.
        """
        if self.asked == "no worse than linear":
            upper = self.points[len(self.points) // 2 :]
            return max(
                (more.median / less.median) / (more.size / less.size)
                for less, more in combinations(upper, 2)
            )
        medians = [point.median for point in self.points]
        return max(medians) / min(medians)

    @property
    def verdict(self) -> Literal["held", "broken", ""]:
        """Whether it grows as is asked; nothing where nothing is."""
        if self.asked == "told":
            return ""
        return "held" if self.growth <= SLACK else "broken"


def curve(
    key: str,
    title: str,
    over: str,
    unit: str,
    asked: Shape,
    samples: Sequence[tuple[float, Sequence[float]]],
) -> Curve:
    """The curve through the medians; `samples` are by size the figures of all rounds."""
    points = tuple(
        Point(size, median(figures), min(figures), max(figures)) for size, figures in samples
    )
    return Curve(key, title, over, unit, asked, points)
