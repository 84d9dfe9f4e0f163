"""What an alert is, and a rule that Prometheus works out beforehand."""

from typing import Final, Literal, NamedTuple

from bff.telemetry.metrics import promql
from bff.telemetry.metrics.definitions.definition import Definition

JOB: Final = "job"  # Prometheus's name of who was scraped; it separates projects


class Alert(NamedTuple):
    """The alert fires when the expression gives a series for the time `held`. A `page` wakes
    people, a `ticket` waits for the morning. `mend` says what to look at, and `panel` is the title
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
    """An expression whose series are stored under a name."""

    name: str
    expression: str


def rate(definition: Definition, window: str, by: tuple[str, ...], *matchers: str) -> str:
    """How many there are a second, of each job."""
    return promql.rate(promql.counted(definition, *matchers), window, (JOB, *by))


def share(
    definition: Definition, window: str, by: tuple[str, ...], part: str, whole: str = ""
) -> str:
    """Which share of them are `part`; `whole` are those that count. No series without a part."""
    matchers = (whole,) if whole else ()
    of = rate(definition, window, by, *matchers)
    return f"{rate(definition, window, by, part)} / {of}"


def quantile(definition: Definition, window: str, by: tuple[str, ...], *matchers: str) -> str:
    """What 95 % of a histogram's values stay below."""
    buckets = promql.series(definition, *matchers, part="bucket")
    return promql.quantile(0.95, buckets, window, (JOB, *by))


def growth(definition: Definition, window: str, by: tuple[str, ...] = (), *matchers: str) -> str:
    """By how much a counter grew."""
    counter = promql.counted(definition, *matchers)
    return promql.total(f"increase({counter}[{window}])", (JOB, *by))


def some(definition: Definition, window: str, by: tuple[str, ...], *part: str) -> str:
    """Three or more were `part`: where there are few in all, one of them is a large share, and
    nobody is to be woken by it."""
    return f"{growth(definition, window, by, *part)} >= 3"


def grew(definition: Definition, window: str, by: tuple[str, ...] = ()) -> str:
    """The series of a counter that grew, or were not there before and are more than nothing: of
    these Prometheus can't say by how much they grew."""
    counter, labels = promql.series(definition), (JOB, *by)
    now, before = (promql.total(each, labels) for each in (counter, f"{counter} offset {window}"))
    return f"{growth(definition, window, by)} > 0 or ({now} > 0 unless {before})"


def level(definition: Definition, by: tuple[str, ...] = ()) -> str:
    """What a gauge shows, of the gateway where it is largest."""
    return promql.largest(promql.series(definition), (JOB, *by))
