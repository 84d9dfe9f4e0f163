"""Builds PromQL from definitions, so that no query names a metric or a label that doesn't exist."""

from collections.abc import Iterable

from bff.telemetry.metrics.definitions.definition import Definition

SCRAPED = ("job", "instance")  # Prometheus adds these labels: the scrape job and the gateway


def series(definition: Definition, *matchers: str, part: str = "") -> str:
    """The series of a metric: `http_requests_total{code="500"}`. `part` is `bucket`, `sum` or
    `count` of a histogram."""
    name = f"{definition.name}_{part}" if part else definition.shown_name
    return f"{name}{{{', '.join(matchers)}}}" if matchers else name


def counted(definition: Definition, *matchers: str) -> str:
    """The series that counts: of a counter itself, of a histogram its count."""
    part = "count" if definition.kind == "histogram" else ""
    return series(definition, *matchers, part=part)


def rate(counter: str, window: str, by: Iterable[str] = ()) -> str:
    """How much a counter grows a second, over a window of time, for each combination of `by`."""
    return total(f"rate({counter}[{window}])", by)


def total(expression: str, by: Iterable[str] = ()) -> str:
    """The sum for each combination of the labels `by`."""
    return _aggregate("sum", expression, by)


def largest(expression: str, by: Iterable[str] = ()) -> str:
    """The largest value for each combination of the labels `by`."""
    return _aggregate("max", expression, by)


def quantile(share: float, buckets: str, window: str, by: Iterable[str] = ()) -> str:
    """The value below which this share of a histogram's values is, by interpolation."""
    return f"histogram_quantile({share:g}, {rate(buckets, window, ('le', *by))})"


def share_of(part: str, whole: str) -> str:
    """The share of a part in a whole. It is 0 where the part has no series yet."""
    return f"({part} or 0 * {whole}) / {whole}"


def labelled(expression: str, info: str, on: Iterable[str], labels: Iterable[str]) -> str:
    """The series with further `labels`, from the series of the gauge `info` with the same `on`."""
    shared = ", ".join(on)
    one = f"topk by ({shared}) (1, {info})"  # while a release begins there may be two
    return f"{expression} * on ({shared}) group_left ({', '.join(labels)}) {one}"


def named(expression: str, label: str, name: str) -> str:
    """The series, of which those without the label get a name for it."""
    return f'label_replace({expression}, "{label}", "{name}", "{label}", "")'


def _aggregate(how: str, expression: str, by: Iterable[str]) -> str:
    labels = ", ".join(by)
    return f"{how} by ({labels}) ({expression})" if labels else f"{how}({expression})"
