"""What the show cost, from the gateway's own numbers: a few of those that it has at `/metrics`."""

from collections import defaultdict
from dataclasses import dataclass

import httpx
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.samples import Sample

from examples.demo.processes import DemoFailed, DemoServers

_FROM_CACHE = ("hit", "stale", "collapsed")


@dataclass(frozen=True, slots=True)
class Numbers:
    """`slowest` is a step, as "composition.step", and what it takes on average; `degraded` are the
    steps that degraded a payload, or failed it, and how often."""

    requests: int
    from_cache: int
    slowest: tuple[str, float]
    degraded: dict[str, int]


def read_numbers(running: DemoServers) -> Numbers:
    """The gateway's numbers up to now. Raises `DemoFailed` where it has none."""
    try:
        reply = httpx.get(running.metrics, trust_env=False, timeout=5)
        reply.raise_for_status()
    except httpx.HTTPError as error:
        raise DemoFailed(f"There are no numbers at {running.metrics}: {error!r}") from error
    return summarize(reply.text)


def summarize(exposition: str) -> Numbers:
    """A few numbers of an answer of `/metrics`."""
    samples = [
        sample for family in text_string_to_metric_families(exposition) for sample in family.samples
    ]
    asked = _sums(samples, "bff_cache_requests_total", "cache")
    seconds = _sums(samples, "bff_step_duration_seconds_sum", "composition", "step")
    counts = _sums(samples, "bff_step_duration_seconds_count", "composition", "step")
    averages = {step: seconds[step] / count for step, count in counts.items() if count}
    degraded = _sums(samples, "bff_degradations_total", "composition", "step")
    return Numbers(
        requests=int(sum(asked.values())),
        from_cache=int(sum(asked[state] for state in _FROM_CACHE)),
        slowest=max(averages.items(), key=lambda step: step[1], default=("", 0.0)),
        degraded={step: int(count) for step, count in degraded.items()},
    )


def _sums(samples: list[Sample], name: str, *labels: str) -> defaultdict[str, float]:
    sums: defaultdict[str, float] = defaultdict(float)
    for sample in samples:
        if sample.name == name:
            sums[".".join(sample.labels[label] for label in labels)] += sample.value
    return sums
