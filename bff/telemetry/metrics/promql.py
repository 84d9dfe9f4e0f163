"""PromQL, made of definitions, so that no query names a metric or a label that isn't there."""

from collections.abc import Iterable

from bff.telemetry.metrics.definitions.definition import Definition

SCRAPED = ("job", "instance")  # labels that Prometheus adds: which scrape, and which gateway


def series(definition: Definition, *matchers: str, part: str = "") -> str:
    """The series of a metric: `http_requests_total{code="500"}`. `part` is one of a histogram's:
    `bucket`, `sum` or `count`."""
    name = f"{definition.name}_{part}" if part else definition.shown_name
    return f"{name}{{{', '.join(matchers)}}}" if matchers else name


def counted(definition: Definition, *matchers: str) -> str:
    """How many there were: a counter, or a histogram's count."""
    part = "count" if definition.kind == "histogram" else ""
    return series(definition, *matchers, part=part)


def rate(counter: str, window: str, by: Iterable[str] = ()) -> str:
    """How many a second, over a window of time, for each combination of some labels."""
    return total(f"rate({counter}[{window}])", by)


def total(expression: str, by: Iterable[str] = ()) -> str:
    """The sum, for each combination of some labels."""
    return _aggregate("sum", expression, by)


def largest(expression: str, by: Iterable[str] = ()) -> str:
    """The largest, for each combination of some labels."""
    return _aggregate("max", expression, by)


def quantile(share: float, buckets: str, window: str, by: Iterable[str] = ()) -> str:
    """The value that this share of a histogram's values stays below, by interpolation."""
    return f"histogram_quantile({share:g}, {rate(buckets, window, ('le', *by))})"


def share_of(part: str, whole: str) -> str:
    """A part of a whole. It is 0 where the part has no series yet."""
    return f"({part} or 0 * {whole}) / {whole}"


def labelled(expression: str, info: str, on: Iterable[str], labels: Iterable[str]) -> str:
    """The series with more labels, which those of a gauge of ones have that agree in `on`."""
    shared = ", ".join(on)
    one = f"topk by ({shared}) (1, {info})"  # while a release begins there may be two
    return f"{expression} * on ({shared}) group_left ({', '.join(labels)}) {one}"


def named(expression: str, label: str, name: str) -> str:
    """The series, of which those without the label get a name for it."""
    return f'label_replace({expression}, "{label}", "{name}", "{label}", "")'


def _aggregate(how: str, expression: str, by: Iterable[str]) -> str:
    labels = ", ".join(by)
    return f"{how} by ({labels}) ({expression})" if labels else f"{how}({expression})"
