"""The metrics of the release that new requests get: its name, its steps and its SLOs."""

from collections.abc import Mapping

from bff.plan.model.composition import CompiledProject
from bff.telemetry.metrics.definitions.definition import Definition
from bff.telemetry.metrics.definitions.process import RELEASE_INFO, RELEASE_LOADED, RELEASES
from bff.telemetry.metrics.definitions.screens import (
    COMPOSITIONS,
    SLO_LATENCIES,
    SLO_MISSES,
    SLO_TARGETS,
    STEP_INFO,
)
from bff.telemetry.metrics.families import Labels, Metrics


def note_release(metrics: Metrics, project: CompiledProject, now: float) -> None:
    """From now on new requests get this release. `now` is in seconds since the epoch."""
    steps = [(each.name, step) for each in project.compositions for step in each.steps]
    promises = {each.name: each.slo for each in project.compositions if each.slo is not None}
    metrics.counter(RELEASES).at()[0] += 1
    _set(metrics, RELEASE_LOADED, {(): now})
    _set(metrics, RELEASE_INFO, {(project.release,): 1.0})
    called: dict[Labels, float] = {
        (name, step.name, step.operation.service, step.operation.name): 1.0 for name, step in steps
    }
    _set(metrics, STEP_INFO, called)
    # From 0 on, since Prometheus counts from a series' second value. Kept promises, too: else the
    # first misses after a start would be a share of no requests.
    for composition in project.compositions:
        name, slo = composition.name, composition.slo
        if slo is not None:
            metrics.counter(SLO_MISSES).at(name, "failed")
            if slo.latency_seconds is not None:
                metrics.counter(SLO_MISSES).at(name, "slow")
            for view in ("", *composition.views):
                metrics.histogram(COMPOSITIONS).at(name, view, "ok")
    _set(metrics, SLO_TARGETS, {(name,): slo.availability for name, slo in promises.items()})
    _set(
        metrics,
        SLO_LATENCIES,
        {
            (name,): slo.latency_seconds
            for name, slo in promises.items()
            if slo.latency_seconds is not None
        },
    )


def _set(metrics: Metrics, definition: Definition, values: Mapping[Labels, float]) -> None:
    """Set these series and remove all others."""
    gauge = metrics.gauge(definition)
    for labels in [each for each in gauge.series if each not in values]:
        gauge.forget(labels)
    for labels, value in values.items():
        gauge.at(*labels)[0] = value
