"""The form of a panel of the dashboard, and functions that make the usual panels.

Queries are filtered by the dashboard's variables: each variable has the name of the label that it
is about.
"""

from typing import Final, Literal, NamedTuple

from bff.telemetry.metrics import promql
from bff.telemetry.metrics.definitions.definition import Definition
from bff.telemetry.metrics.promql import SCRAPED

WINDOW: Final = "$__rate_interval"  # Grafana's: four scrapes at least
RANGE: Final = "$__range"  # Grafana's: the whole time that is shown
VARIABLES: Final = (*SCRAPED, "composition", "service", "server_address", "server_port")

# Alerts of `bff alerts` that fire: Prometheus's own series, where it evaluates the rules.
FIRING: Final = 'ALERTS{alertstate="firing", alertname=~"Bff.+", job=~"$job"}'

Unit = Literal["s", "reqps", "ops", "cps", "percentunit", "bytes", "Bps", "short"]
Labels = tuple[str, ...]


class Query(NamedTuple):
    """A PromQL expression, what its lines are called, and how they are drawn. One about `RANGE` is
    asked for once, for the end of the time."""

    expression: str
    legend: str
    style: Literal["line", "dashes"] = "line"


class Link(NamedTuple):
    """From a line, or a number, to another panel, for the values that it has of these labels."""

    labels: Labels
    panel: str  # its title


class Panel(NamedTuple):
    """One graph, or a `stat`: a number. `question` is what it answers. Above `warn` a value is
    yellow, above `alarm` red."""

    title: str
    question: str
    queries: tuple[Query, ...]
    unit: Unit = "short"
    kind: Literal["timeseries", "stat"] = "timeseries"
    warn: float | None = None
    alarm: float | None = None
    links: tuple[Link, ...] = ()
    width: int = 8  # of 24


def filtered(definition: Definition, *matchers: str, part: str = "") -> str:
    """The series that pass the filters of the dashboard's variables."""
    return promql.series(definition, *_filters(definition), *matchers, part=part)


def rate(definition: Definition, by: Labels, *matchers: str, window: str = WINDOW) -> str:
    """How many there are a second, for each combination of the labels `by`."""
    return promql.rate(promql.counted(definition, *_filters(definition), *matchers), window, by)


def quantile(share: float, definition: Definition, by: Labels, *matchers: str) -> str:
    """The value below which a share of a histogram's values is."""
    return promql.quantile(share, filtered(definition, *matchers, part="bucket"), WINDOW, by)


def level(definition: Definition, by: Labels, *matchers: str) -> str:
    """The value of a gauge."""
    gauge = filtered(definition, *matchers)
    return (promql.largest if definition.merge == "largest" else promql.total)(gauge, by)


def lines(by: Labels, *before: str) -> str:
    """The legend of lines that differ by some labels: `home.orders · status`,
    `10.0.0.7:8000`."""
    names = " · ".join(f"{{{{{label}}}}}" for label in by)
    for usual, shown in _JOINED.items():
        names = names.replace(usual, shown)
    return " ".join([*before, names])


_JOINED: Final = {
    "{{composition}} · {{step}}": "{{composition}}.{{step}}",
    "{{composition}} · {{view}}": "{{composition}} {{view}}",  # the whole payload has none
    "{{server_address}} · {{server_port}}": "{{server_address}}:{{server_port}}",
    "{{step}} · {{service}}": "{{step}} → {{service}}",
}


def graph(
    title: str,
    question: str,
    by: Labels,
    expression: str,
    unit: Unit = "short",
    *,
    warn: float | None = None,
    alarm: float | None = None,
    links: tuple[Link, ...] = (),
) -> Panel:
    """A panel of one query, whose lines differ by some labels."""
    query = Query(expression, lines(by) or title)
    return Panel(title, question, (query,), unit, warn=warn, alarm=alarm, links=links)


def stat(
    title: str,
    question: str,
    expression: str,
    unit: Unit,
    warn: float | None = None,
    alarm: float | None = None,
    links: tuple[Link, ...] = (),
) -> Panel:
    """A panel of one number, with its recent course."""
    queries = (Query(expression, title),)
    return Panel(title, question, queries, unit, "stat", warn, alarm, links, width=4)


def rates(title: str, question: str, definition: Definition, by: Labels = ()) -> Panel:
    """A panel of a counter: how many there are a second."""
    unit: Unit = "Bps" if definition.unit == "bytes" else "ops"
    return graph(title, question, by, rate(definition, by), unit)


def levels(title: str, question: str, definition: Definition, by: Labels = ()) -> Panel:
    """A panel of a gauge."""
    return graph(title, question, by, level(definition, by), unit_of(definition))


def quantiles(title: str, question: str, definition: Definition, by: Labels = ()) -> Panel:
    """A panel of a histogram: the value below which 95 % of its values are."""
    return graph(title, question, by, quantile(0.95, definition, by), unit_of(definition))


def endpoints(expression: str) -> str:
    """Series that differ by path. Requests to a path where nothing is have none: it gets a name."""
    return promql.named(expression, "http_route", "no endpoint")


def unit_of(definition: Definition) -> Unit:
    """Grafana's word for the unit of a metric."""
    return _UNITS.get(definition.unit, "short")


def panel_of(definition: Definition) -> Panel:
    """The plain panel of a metric that has no other."""
    title = definition.name.removeprefix("bff_").replace("_", " ").capitalize()
    match definition.kind:
        case "counter":
            return rates(title, definition.help, definition, definition.labels)
        case "gauge":
            return levels(title, definition.help, definition, definition.labels)
        case "histogram":
            return quantiles(title, definition.help, definition, definition.labels)


def _filters(definition: Definition) -> list[str]:
    known = {*SCRAPED, *definition.labels}
    return [f'{label}=~"${label}"' for label in VARIABLES if label in known]


_UNITS: Final[dict[str, Unit]] = {"seconds": "s", "bytes": "bytes", "ratio": "percentunit"}
