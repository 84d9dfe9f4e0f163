"""`Server-Timing` read as a waterfall, and drawn."""

import io

import pytest
from rich.console import Console

from bff.cli.calling.waterfall import (
    Bar,
    Waterfall,
    draw_track,
    draw_waterfall,
    parse_server_timing,
)
from bff.engine.values.results import StepTiming
from bff.web.http.replies import server_timing

HEADER = (
    'user;dur=30.0;start=0.0;desc="ok", orders;dur=50.0;start=0.0;desc="ok", '
    'recommended;dur=0.00;start=0.0;desc="skipped", '
    'products;dur=50.0;start=50.0;desc="failed", total;dur=100.0'
)


def drawn(waterfall: Waterfall) -> list[str]:
    console = Console(width=60, file=io.StringIO(), record=True, color_system=None)
    console.print(draw_waterfall(waterfall, 20))
    return [line.rstrip() for line in console.export_text().splitlines()]


def test_each_metric_with_a_start_is_a_bar_in_the_headers_order() -> None:
    assert parse_server_timing(HEADER) == Waterfall(
        (
            Bar("user", 0, 30, "ok"),
            Bar("orders", 0, 50, "ok"),
            Bar("recommended", 0, 0, "skipped"),
            Bar("products", 50, 50, "failed"),
        ),
        100,
    )


def test_the_header_that_replies_carry_is_understood() -> None:
    steps = [StepTiming("user", 0.12, 12.0, 1, "ok"), StepTiming("orders", 12.5, 3.46, 2, "failed")]
    header = server_timing(steps, 17)
    assert parse_server_timing(header.decode()) == Waterfall(
        (Bar("user", 0.12, 12, "ok"), Bar("orders", 12.5, 3.46, "failed")), 17
    )


def test_an_empty_header_is_no_bars() -> None:
    assert parse_server_timing("") == Waterfall((), 0)


def test_a_comma_within_quotes_divides_nothing_and_unknown_metrics_are_no_steps() -> None:
    header = 'cache;desc="a, b; c=\\"d\\"";dur=3, user ; dur=1 ; start=2, total;dur=4'
    assert parse_server_timing(header) == Waterfall((Bar("user", 2, 1, "ok"),), 4)


def test_a_step_that_outlasts_the_total_widens_the_whole() -> None:
    assert parse_server_timing("user;dur=30;start=10, total;dur=20").total_ms == 40


def test_steps_at_once_are_those_that_overlap() -> None:
    waterfall = parse_server_timing(HEADER)
    assert waterfall.most_at_once == 2  # user and orders; products starts as orders ends
    assert waterfall.calls_ms == 130


def test_the_drawing_shows_who_waited_for_whom() -> None:
    assert drawn(parse_server_timing(HEADER)) == [
        "user         ━━━━━━                30 ms",
        "orders       ━━━━━━━━━━            50 ms",
        "recommended                               skipped",
        "products               ━━━━━━━━━━  50 ms  failed",
        "             0             100 ms",
    ]


@pytest.mark.parametrize(
    ("start", "length", "expected"),
    [
        (0, 100, "━━━━"),
        (0, 50, "━━"),
        (50, 50, "  ━━"),
        (12.5, 25, "╺╸"),
        (0, 0, "╸"),  # whatever happened is seen
        (100, 0, "   ╺"),
        (90, 400, "   ╺"),  # and stays within the track
    ],
)
def test_a_track_is_exact_to_half_a_character(start: float, length: float, expected: str) -> None:
    assert draw_track(start, length, 100, 4, "cyan").plain == expected


def test_a_track_of_nothing_at_all_is_still_drawn() -> None:
    assert draw_track(0, 0, 0, 4, "cyan").plain == "╸"
