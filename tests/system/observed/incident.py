"""What whoever is on call sees of a fault in one service, and when.

Each sign is looked for as they would: in the gateway's log, by the query of a graph, in
Prometheus's list of alerts; and a slow request by an exemplar, which leads to its trace.
"""

import time
from collections.abc import Callable
from typing import Final, NamedTuple

import pytest

from tests.support.telemetry.collector import ReceivedSpan
from tests.system.dashboards.answers import lines_of
from tests.system.dashboards.panels import panels_titled, read_panels
from tests.system.observed.shop import ObservedShop

FOUND_WITHIN_SECONDS: Final = 60.0
ALERT: Final = "BffInstanceFailing"
GRAPH: Final = "Instances that fail"
_LOOK_SECONDS: Final = 0.2
_FAILING_SHARE: Final = 0.2  # from where on the alert counts it

Look = Callable[[], str | None]  # what is seen, in a few words; None for nothing yet


class Sign(NamedTuple):
    """Something that was seen, and how many seconds after the fault."""

    name: str
    after_seconds: float
    seen: str


def find_signs(shop: ObservedShop, service: str, broken_at: float) -> list[Sign]:
    """The signs of a service that fails from a time on, in the order in which they come. Those
    that don't come within a minute are not among them."""
    port = shop.running.services[service].rpartition(":")[2]
    looks: dict[str, Look] = {
        "the log": lambda: _log_line(shop, broken_at),
        f"the graph “{GRAPH}”": lambda: _graph(shop, service, port),
        "the alert, pending": lambda: _alert(shop, service, port, ("pending", "firing")),
        "the alert, firing": lambda: _alert(shop, service, port, ("firing",)),
    }
    signs: list[Sign] = []
    while looks and time.time() - broken_at < FOUND_WITHIN_SECONDS:
        for name, look in list(looks.items()):
            seen = look()
            if seen is not None:
                signs.append(Sign(name, time.time() - broken_at, seen))
                del looks[name]
        time.sleep(_LOOK_SECONDS)
    return signs


def find_slow_trace(shop: ObservedShop, composition: str, seconds: float) -> list[ReceivedSpan]:
    """The spans of a request that took longer, by an exemplar of its composition's histogram."""
    buckets = f'bff_composition_duration_seconds_bucket{{composition="{composition}"}}'
    ends = time.time() + FOUND_WITHIN_SECONDS
    while time.time() < ends:
        exemplars = shop.store.exemplars(buckets, shop.began, time.time())
        slow = {each["labels"]["trace_id"] for each in exemplars if float(each["value"]) > seconds}
        spans = [each for each in shop.collector.spans if each.trace_id in slow]
        request = next((each for each in spans if each.kind == "server"), None)
        if request is not None:
            return [each for each in spans if each.trace_id == request.trace_id]
        time.sleep(_LOOK_SECONDS)
    pytest.fail(f"no exemplar of {composition} leads to a trace")


def _log_line(shop: ObservedShop, since: float) -> str | None:
    """The first line of a request that the fault degraded, or failed."""
    for line in shop.log(since):
        failures = [each for each in line.get("bff.failures", ()) if each.endswith("status 503")]
        if failures:
            return f"`{line['message']}`, and in `bff.failures`: `{', '.join(failures)}`"
    return None


def _graph(shop: ObservedShop, service: str, port: str) -> str | None:
    """The graph's line of the instance, once it is above the share."""
    (panel,) = panels_titled(read_panels(shop.dashboard), [GRAPH])
    now = time.time()
    for line in lines_of(panel, shop.store, now - 1, now, 1):
        is_it = line.name.startswith(service) and line.name.endswith(port)
        if is_it and line.last > _FAILING_SHARE:
            return f"{line.name}: {line.last * 100:.0f} %"
    return None


def _alert(shop: ObservedShop, service: str, port: str, states: tuple[str, ...]) -> str | None:
    wanted = {"alertname": ALERT, "service": service, "server_port": port}
    for alert in shop.store.alerts():
        if wanted.items() <= alert["labels"].items() and alert["state"] in states:
            summary: str = alert["annotations"]["summary"]
            return f"`{ALERT}`: {summary}"
    return None
