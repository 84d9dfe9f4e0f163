"""Spans of what several requests share, and of what is made in the background."""

import threading
from collections.abc import Iterator

import pytest

from bff.settings import Settings
from bff.telemetry.metrics.definitions.screens import REQUESTS_IN_FLIGHT
from tests.support.fake_time import Clock
from tests.support.gateway.hosts import LOOP_HOSTS
from tests.support.gateway.screens import Screens, user
from tests.support.telemetry.collector import Collector
from tests.support.telemetry.counted import settled
from tests.support.upstream.wire_scripts import held

CACHED = """
endpoint: GET /cached
steps: {a: {call: shop.get_user, with: {id: 1}}}
cache: {ttl: 10s, stale: 30s}
"""
TWO = """
endpoint: GET /two
steps:
  a: {call: shop.get_user, with: {id: 1}}
  b: {call: shop.get_user, with: {id: "${a.id + `1`}"}}
cache: {ttl: 10s}
"""
SHARING = """
endpoint: GET /sharing
steps: {a: {call: shop.get_user, with: {id: 1}, cache: {ttl: 10s, stale: 30s}}}
"""


@pytest.fixture
def collector() -> Iterator[Collector]:
    with Collector() as collector:
        yield collector


def test_who_waits_for_the_run_of_another_request_has_a_link_to_it(
    screens: Screens, collector: Collector
) -> None:
    gate = threading.Event()
    screen = screens(
        CACHED,
        {"/users/1": held(gate, user(1))},
        settings=Settings(traces=collector.settings()),
    )
    first = screen.begin("/cached")
    screen.upstream.wait_for_requests(1)
    second = screen.begin("/cached")
    screen.wait_until_joined(1)
    gate.set()
    assert {each.result().status for each in (first, second)} == {200}
    collector.wait(lambda: sum(span.name == "cache" for span in collector.spans) == 2)
    (run,) = [span for span in collector.spans if span.name == "run screen"]
    own, shared = sorted(
        (span for span in collector.spans if span.name == "cache"),
        key=lambda span: span.trace_id != run.trace_id,
    )
    assert (own.attributes["bff.cache.state"], own.links) == ("miss", [])
    assert own.span_id == run.parent_id
    assert shared.attributes["bff.cache.state"] == "collapsed"
    assert shared.links == [(run.trace_id, run.span_id, 0x101, "")]
    assert shared.trace_id != run.trace_id


@pytest.mark.parametrize(
    ("text", "path", "name", "spans"),
    [(CACHED, "/cached", "run screen", 3), (SHARING, "/sharing", "refresh", 2)],
    ids=["a payload", "a reply"],
)
def test_what_is_made_anew_in_the_background_has_a_trace_that_links_to_its_cause(
    screens: Screens, collector: Collector, text: str, path: str, name: str, spans: int
) -> None:
    clock = Clock()
    traces = Settings(traces=collector.settings())
    screen = screens(text, {"/users/1": user(1)}, settings=traces, clock=clock)
    screen.get(path)
    clock.now += 15
    cause = screen.get(path).header("x-request-id") or ""
    screen.upstream.wait_for_requests(2)

    def refreshed() -> list[str]:
        own = [span for span in collector.spans if span.trace_id == cause]
        linked = [span for span in collector.spans if span.links]
        return [each.trace_id for each in linked if own]

    collector.wait(refreshed)
    refresh = collector.trace(name, spans)
    root, attempt = refresh[0], refresh[-1]
    (caused,) = [
        span for span in collector.spans if (span.trace_id, span.kind) == (cause, "server")
    ]
    assert (root.name, root.kind, root.parent_id) == (name, "internal", "")
    assert root.trace_id != cause
    assert root.links == [(cause, caused.span_id, 0x101, "")]
    assert (attempt.kind, attempt.trace_id) == ("client", root.trace_id)
    assert screen.upstream.requests[-1].header("traceparent") == (
        f"00-{root.trace_id}-{attempt.span_id}-01"
    )


@pytest.mark.parametrize("screens", LOOP_HOSTS, indirect=True)  # WSGI sees no client leave
def test_run_that_goes_on_when_its_client_has_left_is_whole_in_that_clients_trace(
    screens: Screens, collector: Collector
) -> None:
    """Somebody else waits for it."""
    gate = threading.Event()
    metrics_token = "t" * 32
    screen = screens(
        TWO,
        {"/users/1": held(gate, user(1)), "/users/2": user(2)},
        settings=Settings(traces=collector.settings(), metrics_token=metrics_token),
    )
    metrics = screen.host.app.extensions["bff"].core.metrics
    with screen.host.connect() as leaving:
        leaving.request("GET", "/two")
        screen.upstream.wait_for_requests(1)
        staying = screen.begin("/two")
        screen.wait_until_joined(1)
    left = f"{REQUESTS_IN_FLIGHT.name} kind=composition"
    assert settled(metrics, {}, {left: 1}, REQUESTS_IN_FLIGHT) == {left: 1}
    assert collector.spans == []
    gate.set()
    assert staying.result().status == 200
    spans = {span.name: span for span in collector.trace("run screen", 7)}
    request, cache, run = (spans[name] for name in ("GET /two", "cache", "run screen"))
    assert request.attributes["error.type"] == "client_left"
    assert "bff.cache.state" not in cache.attributes
    assert (cache.parent_id, run.parent_id) == (request.span_id, cache.span_id)
    assert request.ended_at < run.ended_at  # the end of the run, not of the request
    assert run.attributes == {
        "bff.composition": "screen",
        "bff.release": request.attributes["bff.release"],
    }
    assert {name for name in spans if name.startswith("step")} == {"step a", "step b"}
    assert spans["step b"].attributes["bff.outcome"] == "ok"  # which began after the client left
