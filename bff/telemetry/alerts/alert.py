"""The form of an alert and of a recording rule, and the expressions that alerts use."""

from typing import Final, Literal, NamedTuple

from bff.telemetry.metrics import promql
from bff.telemetry.metrics.definitions.definition import Definition

JOB: Final = "job"  # the scrape job in Prometheus; it separates projects


class Alert(NamedTuple):
    """The alert fires when the expression gives a series for the time `held`. A `page` wakes
    a person, a `ticket` waits for the morning. `mend` says what to look at. `panel` is the title
    of the graph. Texts may name the labels `by`: `{{ $labels.service }}`."""

    name: str
    summary: str
    expression: str
    held: str
    severity: Literal["page", "ticket"]
    mend: str
    panel: str
    by: tuple[str, ...] = ()  # the labels of its series beside the job


class Recording(NamedTuple):
    """An expression that Prometheus evaluates beforehand and stores under a name."""

    name: str
    expression: str


def rate(definition: Definition, window: str, by: tuple[str, ...], *matchers: str) -> str:
    """How many there are a second, for each job and combination of the labels `by`."""
    return promql.rate(promql.counted(definition, *matchers), window, (JOB, *by))


def share(
    definition: Definition, window: str, by: tuple[str, ...], part: str, whole: str = ""
) -> str:
    """The share of `part` in `whole`, which are matchers. There is no series without a part."""
    matchers = (whole,) if whole else ()
    of = rate(definition, window, by, *matchers)
    return f"{rate(definition, window, by, part)} / {of}"


def quantile(definition: Definition, window: str, by: tuple[str, ...], *matchers: str) -> str:
    """The value below which 95 % of a histogram's values are."""
    buckets = promql.series(definition, *matchers, part="bucket")
    return promql.quantile(0.95, buckets, window, (JOB, *by))


def growth(definition: Definition, window: str, by: tuple[str, ...] = (), *matchers: str) -> str:
    """How much a counter grew."""
    counter = promql.counted(definition, *matchers)
    return promql.total(f"increase({counter}[{window}])", (JOB, *by))


def some(definition: Definition, window: str, by: tuple[str, ...], *part: str) -> str:
    """At least three were `part`. Where there are few in all, one is a large share, but no reason
    to wake a person."""
    return f"{growth(definition, window, by, *part)} >= 3"


def grew(definition: Definition, window: str, by: tuple[str, ...] = ()) -> str:
    """The series of a counter that grew, or that are new and above 0: for a new series Prometheus
    can't tell how much it grew."""
    counter, labels = promql.series(definition), (JOB, *by)
    now, before = (promql.total(each, labels) for each in (counter, f"{counter} offset {window}"))
    return f"{growth(definition, window, by)} > 0 or ({now} > 0 unless {before})"


def level(definition: Definition, by: tuple[str, ...] = ()) -> str:
    """The value of a gauge, in the gateway where it is largest."""
    return promql.largest(promql.series(definition), (JOB, *by))
