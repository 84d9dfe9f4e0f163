"""Marks in every graph of the dashboard: releases that began, and alerts that fire."""

from typing import Final, Literal, NamedTuple

from bff.telemetry.dashboard.panel import FIRING, VARIABLES, filtered
from bff.telemetry.metrics.definitions.process import RELEASE_INFO, RELEASE_LOADED
from bff.telemetry.metrics.promql import SCRAPED, labelled


class Annotation(NamedTuple):
    """A mark at each time that the expression has a series, or at the `value` of the series, in
    milliseconds since the epoch. The title may name labels; values of `tags` stand below it, where
    the series has them."""

    name: str
    expression: str
    title: str
    tags: tuple[str, ...]
    at: Literal["time", "value"]
    colour: str


ANNOTATIONS: Final = (
    Annotation(
        "Releases",
        labelled(
            f"1000 * {filtered(RELEASE_LOADED)}", filtered(RELEASE_INFO), SCRAPED, ("release",)
        ),
        "Release {{release}}",
        ("instance",),
        "value",
        "blue",
    ),
    Annotation("Alerts", FIRING, "{{alertname}}", ("severity", *VARIABLES), "time", "red"),
)
