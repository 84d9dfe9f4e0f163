"""How curves are judged and drawn: what grows too fast says so."""

import pytest

from bench.growth.curves import Curve, Shape, curve
from bench.growth.picture import draw

_SIZES = (1, 10, 100, 1_000, 5_000)


def over_sizes(asked: Shape, *figures: float) -> Curve:
    samples = [(size, [figure]) for size, figure in zip(_SIZES, figures, strict=True)]
    return curve("key", "title", "compositions", "s", asked, samples)


def test_point_is_the_median_of_the_rounds_with_their_spread() -> None:
    (point,) = curve("key", "title", "steps", "µs", "flat", [(1, [3.0, 1.0, 8.0])]).points
    assert (point.low, point.median, point.high) == (1.0, 3.0, 8.0)


@pytest.mark.parametrize(
    ("figures", "verdict"),
    [
        ((1, 10, 100, 1_000, 5_000), "held"),
        ((100, 101, 110, 200, 600), "held"),  # a cost of its own at every size
        ((1, 10, 100, 1_000, 6_600), "broken"),
        ((1, 1, 1, 11, 275), "broken"),  # as the square
        ((1, 10, 100, 1_250, 6_510), "broken"),  # a little at each size, too much in all
        ((1, 20, 100, 1_000, 5_000), "held"),  # below the middle nothing counts
    ],
)
def test_curve_no_worse_than_linear(figures: tuple[float, ...], verdict: str) -> None:
    assert over_sizes("no worse than linear", *figures).verdict == verdict


@pytest.mark.parametrize(
    ("figures", "verdict"),
    [((10, 11, 13, 12, 10), "held"), ((10, 10, 10, 10, 13.1), "broken")],
)
def test_flat_curve_has_its_largest_figure_near_its_smallest(
    figures: tuple[float, ...], verdict: str
) -> None:
    assert over_sizes("flat", *figures).verdict == verdict


def test_curve_of_which_nothing_is_asked_has_no_verdict() -> None:
    assert over_sizes("told", 1, 100, 1, 100, 1).verdict == ""


def test_picture_tells_of_each_curve_what_was_asked_and_whether_it_held() -> None:
    picture = draw(
        [
            over_sizes("flat", 1, 1, 1, 1, 2),
            over_sizes("no worse than linear", 1, 10, 100, 1_000, 5_000),
        ]
    )
    assert "flat: broken (2.00)" in picture
    assert "no worse than linear: held (1.00)" in picture
