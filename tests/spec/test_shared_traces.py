"""Spans of what several requests share, and of what is made in the background."""

from collections.abc import Iterator

import pytest

from bff.settings import Settings
from tests.support.fake_time import Clock
from tests.support.gateway.screens import Screens, user
from tests.support.telemetry.collector import Collector
from tests.support.upstream.wire_scripts import never

CACHED = """
endpoint: GET /cached
steps: {a: {call: shop.get_user, with: {id: 1}}}
cache: {ttl: 10s, stale: 30s}
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
    # Shorter than a follower waits.
    screen = screens(
        CACHED,
        {"/users/1": never()},
        service="timeout: 500ms\n",
        settings=Settings(traces=collector.settings()),
    )
    first = screen.begin("/cached")
    screen.upstream.wait_for_requests(1)
    second = screen.begin("/cached")
    assert {each.result().status for each in (first, second)} == {504}
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
