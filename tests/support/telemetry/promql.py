"""What a PromQL expression names: metrics, and labels of each."""

import re
from collections.abc import Iterator

from bff.telemetry.metrics.definitions.definition import Definition
from bff.telemetry.metrics.definitions.table import DEFINITIONS
from bff.telemetry.metrics.promql import SCRAPED

# What Prometheus itself has of rules that fire.
_OF_ALERTS = {"alertname", "alertstate"}
_PARTS = {"counter": ("",), "gauge": ("",), "histogram": ("_bucket", "_sum", "_count")}

# Every series' name that Prometheus has of the gateway, and the metric that it is of.
KNOWN = {f"{each.shown_name}{part}": each for each in DEFINITIONS for part in _PARTS[each.kind]}


def metrics_of(expression: str) -> list[Definition]:
    """The metrics that an expression is about. Raises KeyError for a name that isn't there."""
    outside = re.sub(
        r"\{[^}]*\}|(?:by|on|group_left) \([^)]*\)|\[[^\]]*\]|job_composition:\w+:\w+"
        r'|"[^"]*"|\w+(?=\()',
        "",
        expression,
    )
    named = re.findall(r"(?<![\w.$])[a-z]\w*_\w+", outside)
    return [KNOWN[name] for name in named]


def unknown_labels(expression: str) -> set[str]:
    """The labels that an expression names, and that its metrics don't have."""
    found: set[str] = set()
    for name, matchers in re.findall(r"(\w+)\{([^}]*)\}", expression):
        known = {*SCRAPED, *(KNOWN[name].labels if name in KNOWN else _OF_ALERTS)}
        found |= set(_labels_of(matchers)) - known
    everywhere = {*SCRAPED, "le"}.union(*(each.labels for each in metrics_of(expression)))
    return found | (set(labels_by(expression)) - everywhere)


def labels_by(expression: str) -> list[str]:
    """The labels by which an expression adds up, and those that it adds."""
    groups = re.findall(r"(?:by|group_left) \(([^)]*)\)", expression)
    return [label for group in groups for label in group.split(", ")]


def _labels_of(matchers: str) -> Iterator[str]:
    return (match[1] for match in re.finditer(r'(\w+)(?:=~|!=|!~|=)"', matchers))
