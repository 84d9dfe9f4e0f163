"""The spans of requests, as a collector gets them, from every host."""

import time
from collections.abc import Iterator

import pytest

from bff.settings import Settings
from tests.support.gateway.screens import Screen, Screens, user
from tests.support.telemetry.collector import Collector, ReceivedSpan
from tests.support.upstream.wire_scripts import reply

TRACE_ID = "0af7651916cd43dd8448eb211c80319c"
SPAN_ID = "b7ad6b7169203331"
PARENT = f"00-{TRACE_ID}-{SPAN_ID}-01"
TWO = """
endpoint: GET /screen
steps:
  a: {call: shop.get_user, with: {id: 1}}
  b: {call: shop.get_user, with: {id: 2}, on_failure: optional}
response: {a: "${a}", b: "${b}"}
"""
CACHED = (
    "endpoint: GET /cached\nsteps: {a: {call: shop.get_user, with: {id: 1}}}\ncache: {ttl: 1m}\n"
)
TRUSTING = "trusted_proxies: {addresses: [127.0.0.1], hops: 1}\n"
ROUTE = "routes: {/raw: {service: shop}}\n"
USERS = {"/users/1": user(1), "/users/2": user(2)}


@pytest.fixture(scope="module")
def shared_collector() -> Iterator[Collector]:
    with Collector() as collector:
        yield collector


@pytest.fixture
def collector(shared_collector: Collector) -> Collector:
    shared_collector.spans.clear()
    return shared_collector


def settings(collector: Collector, **variables: str) -> Settings:
    return Settings(traces=collector.settings(**variables))


def by_name(spans: list[ReceivedSpan]) -> dict[str, ReceivedSpan]:
    assert len({span.name for span in spans}) == len(spans)
    return {span.name: span for span in spans}


def sent_parents(screen: Screen) -> list[tuple[str, ...]]:
    """The trace's id, the span's and the flags that each call had."""
    parents = [each.header("traceparent") or "" for each in screen.upstream.requests]
    return [tuple(each.split("-")[1:]) for each in parents]


def test_request_that_runs_has_spans_for_itself_the_run_its_steps_and_their_attempts(
    screens: Screens, collector: Collector
) -> None:
    began = time.time_ns()
    screen = screens(TWO, {**USERS, "/users/2": reply(500)}, settings=settings(collector))
    answer = screen.get("/screen?secret=1")
    spans = collector.trace("GET /screen", 6)
    request, run, first, second = (
        by_name([span for span in spans if span.kind != "client"])[name]
        for name in ("GET /screen", "run screen", "step a", "step b")
    )
    attempts = {span.parent_id: span for span in spans if span.kind == "client"}

    assert request.kind == "server"
    assert request.trace_id == answer.header("x-request-id")  # the log's line leads to the trace
    assert (request.parent_id, run.parent_id) == ("", request.span_id)
    assert (first.parent_id, second.parent_id) == (run.span_id, run.span_id)
    assert {span.flags for span in spans} == {0x101}
    for child, parent in ((run, request), (first, run), (second, run)):
        assert began < parent.started_at <= child.started_at
        assert child.started_at <= child.ended_at <= parent.ended_at <= time.time_ns()
    for step, at in ((first, "1"), (second, "2")):
        attempt = attempts[step.span_id]
        assert step.started_at <= attempt.started_at <= attempt.ended_at <= step.ended_at
        call = next(i for i, each in enumerate(screen.calls()) if each.endswith(at))
        assert sent_parents(screen)[call] == (request.trace_id, attempt.span_id, "01")

    release = request.attributes.pop("bff.release")
    assert request.attributes == {
        "http.request.method": "GET",
        "http.route": "/screen",
        "http.response.status_code": 200,
        "url.path": "/screen",
        "url.scheme": "http",
        "network.protocol.version": "1.1",
        "client.address": "127.0.0.1",
        "server.address": "127.0.0.1",
        "server.port": screen.host.port,
        "bff.request.id": answer.header("x-request-id"),
        "bff.composition": "screen",
        "bff.outcome": "degraded",
    }
    assert run.attributes == {"bff.composition": "screen", "bff.release": release}
    assert [(name, at) for name, _, at in run.events] == [
        ("step failed", {"bff.step": "b", "bff.reason": "status"})
    ]
    assert first.attributes == {"bff.step": "a", "bff.outcome": "ok", "bff.calls": 1}
    assert second.attributes["bff.reason"] == second.attributes["error.type"] == "status"
    assert [span.is_error for span in (request, run, first, second)] == [False, False, False, True]
    common = {
        "http.request.method": "GET",
        "server.address": "127.0.0.1",
        "server.port": int(screen.upstream.url.rpartition(":")[2]),
        "url.template": "/users/{id}",
        "bff.service": "shop",
        "bff.operation": "shop.get_user",
    }
    good, bad = attempts[first.span_id], attempts[second.span_id]
    assert good.name == "GET /users/{id}"
    assert good.attributes == {**common, "http.response.status_code": 200}
    assert bad.attributes == {**common, "http.response.status_code": 500, "error.type": "500"}
    assert (good.is_error, bad.is_error) == (False, True)
    assert request.resource["service.name"] == "bff"
    assert "secret" not in str(spans)


def test_hit_has_a_span_of_the_cache_with_its_age_and_a_miss_has_the_run_below_it(
    screens: Screens, collector: Collector
) -> None:
    screen = screens(CACHED, USERS, settings=settings(collector))
    screen.get("/cached")
    missed = by_name(collector.trace("run screen", 5))
    cache, run = missed["cache"], missed["run screen"]
    assert cache.attributes == {
        "bff.cache.state": "miss", "bff.cache.collapsed": False, "bff.cache.stored": True,
    }  # fmt: skip
    assert run.parent_id == cache.span_id
    assert cache.started_at <= run.started_at <= run.ended_at <= cache.ended_at
    collector.spans.clear()
    screen.get("/cached")
    hit = by_name(collector.trace("cache", 2))
    assert hit["cache"].parent_id == hit["GET /cached"].span_id
    assert hit["cache"].attributes["bff.cache.state"] == "hit"
    assert hit["cache"].attributes["bff.cache.age"] == 0
    assert hit["GET /cached"].attributes["bff.outcome"] == "ok"


@pytest.mark.parametrize("path", ["/screen", "/raw/users/1"])
def test_span_of_a_trusted_caller_is_the_parent_and_its_state_goes_on(
    screens: Screens, collector: Collector, path: str
) -> None:
    screen = screens(TWO, USERS, gateway=TRUSTING + ROUTE, settings=settings(collector))
    state = "a=1,b=2"
    sent = {"traceparent": PARENT[:-2] + "03", "tracestate": state, "baggage": "user=7"}
    assert screen.get(path, **sent).status == 200
    name = "GET /screen" if path == "/screen" else "GET /raw/*"
    spans = collector.trace(name, 6 if path == "/screen" else 2)
    request = by_name([span for span in spans if span.kind == "server"])[name]
    assert (request.trace_id, request.parent_id) == (TRACE_ID, SPAN_ID)
    assert request.flags == 0x303  # the parent is remote, and its id is random
    assert {span.state for span in spans} == {state}
    own = {span.span_id for span in spans if span.kind == "client"}
    assert {parent[1] for parent in sent_parents(screen)} == own
    assert SPAN_ID not in own
    for call in screen.upstream.requests:
        assert call.header("tracestate") == state
        assert call.header("baggage") is None


@pytest.mark.parametrize("path", ["/screen", "/raw/users/1"])
def test_span_of_anybody_else_is_a_link_of_a_new_trace(
    screens: Screens, collector: Collector, path: str
) -> None:
    screen = screens(TWO, USERS, gateway=ROUTE, settings=settings(collector))
    sent = {"traceparent": PARENT[:-2] + "00", "tracestate": "a=1", "x_request_id": "c" * 32}
    assert screen.get(path, **sent).status == 200
    name = "GET /screen" if path == "/screen" else "GET /raw/*"
    spans = collector.trace(name, 6 if path == "/screen" else 2)
    request = next(span for span in spans if span.kind == "server")
    assert request.trace_id not in (TRACE_ID, "c" * 32)  # nor one that the client chose
    assert (request.parent_id, request.state) == ("", "")
    assert request.links == [(TRACE_ID, SPAN_ID, 0x300, "a=1")]
    for call, parent in zip(screen.upstream.requests, sent_parents(screen), strict=True):
        assert (parent[0], parent[2]) == (request.trace_id, "01")
        assert call.header("tracestate") is None


def test_errors_degraded_and_slow_requests_are_kept_though_no_trace_is_sampled(
    screens: Screens, collector: Collector
) -> None:
    never = Settings(slow_seconds=0.2, traces=collector.settings(OTEL_TRACES_SAMPLER="always_off"))
    broken = TWO.replace("/screen", "/broken").replace("id: 1", "id: 3")
    screen = screens({"screen": TWO, "broken": broken}, USERS, settings=never)
    assert screen.get().status == 200
    assert sent_parents(screen)[0][2] == "00"  # what services get
    screen.let("/users/3", reply(500))
    assert screen.get("/broken").status == 502
    (failed,) = [span for span in collector.trace("GET /broken", 6) if span.kind == "server"]
    assert failed.attributes["bff.kept_for"] == "error"
    assert failed.attributes["error.type"] == "502"
    assert (failed.is_error, failed.flags) == (True, 0x100)
    screen.let("/users/2", reply(500))
    screen.get()
    (degraded,) = [span for span in collector.trace("GET /screen", 6) if span.kind == "server"]
    assert degraded.attributes["bff.kept_for"] == "degraded"
    assert {span.attributes.get("bff.outcome") for span in collector.spans} >= {"degraded"}
    assert len({span.trace_id for span in collector.spans}) == 2
