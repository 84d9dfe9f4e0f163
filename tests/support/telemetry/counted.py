"""What metrics count, as texts and numbers that tests compare.

    before = counted(metrics, RUNS)
    ...
    assert moved(before, counted(metrics, RUNS)) == {"bff_runs composition=home outcome=ok": 1}

A histogram counts how many values it has seen. A label without a value is left out.
"""

import threading
from collections.abc import Mapping
from typing import Any

from bff.telemetry.metrics.definitions.definition import Definition
from bff.telemetry.metrics.families import Metrics
from tests.support.gateway.hosts import WAIT_BUDGET_SECONDS

Numbers = Mapping[str, float]

_PAUSE_SECONDS = 0.005
_never = threading.Event()


def counted(metrics: Metrics, *definitions: Definition) -> dict[str, float]:
    """The numbers of these metrics, by their series."""
    numbers = {}
    for definition in definitions:
        family = metrics.families[definition.name]
        for values, cell in list(family.series.items()):
            labels = zip(definition.labels, values, strict=True)
            name = " ".join(
                [definition.name, *(f"{label}={value}" for label, value in labels if value)]
            )
            numbers[name] = sum(cell[:-1]) if definition.kind == "histogram" else cell[0]
    return numbers


def moved(before: Numbers, after: Numbers) -> dict[str, float]:
    """What is not as it was, and by how much."""
    return {
        name: after[name] - before.get(name, 0)
        for name in after
        if after[name] != before.get(name, 0)
    }


def settled(metrics: Metrics, before: Numbers, wanted: Numbers, *definitions: Definition) -> Any:
    """What has moved once that is as it is wanted, or after the time that a test waits: hosts count
    a request when its reply is out, and the client may have it before."""
    for _ in range(int(WAIT_BUDGET_SECONDS / _PAUSE_SECONDS)):
        found = moved(before, counted(metrics, *definitions))
        if found == wanted:
            return found
        _never.wait(_PAUSE_SECONDS)
    return found
