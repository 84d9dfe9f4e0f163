"""What each request moves in the metrics, and nothing else: exactly, in every host."""

import http.client
import threading
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest
from flask import Flask

from bff.settings import Settings
from bff.telemetry.metrics.definitions import (
    CACHE_REQUESTS,
    COMPOSITION_BYTES,
    COMPOSITIONS,
    DEFINITIONS,
    DEGRADATIONS,
    DROPPED_ELEMENTS,
    REQUESTS,
    REQUESTS_IN_FLIGHT,
    RUNS,
    SLO_LATENCIES,
    SLO_MISSES,
    SLO_TARGETS,
    STEP_CALLS,
    STEP_INFO,
    STEPS,
)
from bff.telemetry.metrics.families import Metrics
from bff.telemetry.metrics.limit_definitions import ACCESS_REFUSALS, ACTIONS, LIMIT_DECISIONS
from bff.web.applications import create_server
from tests.support.callers import ByName, bearer
from tests.support.counted import counted, moved, settled
from tests.support.fake_time import Clock
from tests.support.hosts import HOSTS, LOOP_HOSTS, Host, http1_server, serving
from tests.support.projects import SHOP_SERVICE, write_project
from tests.support.screens import product, user, value_reply
from tests.support.websockets import echo, live_project, opened, switching
from tests.support.wire import WireServer
from tests.support.wire_scripts import flood, head, held, json_reply, reply, then_reset

TOKEN = "t" * 32
OURS = (
    REQUESTS, COMPOSITIONS, COMPOSITION_BYTES, RUNS, STEPS, STEP_CALLS, SLO_MISSES, CACHE_REQUESTS,
    DEGRADATIONS, DROPPED_ELEMENTS, ACCESS_REFUSALS, LIMIT_DECISIONS,
)  # fmt: skip

SERVICE = f"""{SHOP_SERVICE}
  best:
    request: GET /best
    returns: list[schemas.shop:Product]
    invalid: drop
  pay:
    request: POST /pay
    returns: schemas.shop:Order
"""
COMPOSITIONS_OF_SHOP = {
    "cached": """
        endpoint: GET /cached/{id}
        params: {id: {type: integer}}
        steps: {user: {call: shop.get_user, with: {id: '${params.id}'}}}
        views: {short: [user.id]}
        cache: {ttl: 10s, stale: 30s}
        slo: {availability: 99.9, latency: 5s}
        """,
    "soft": """
        endpoint: GET /soft
        steps:
          user: {call: shop.get_user, with: {id: 404}, on_failure: optional}
          best: {call: shop.best}
        cache: {ttl: 5m}
        """,
    "hard": """
        endpoint: GET /hard/{id}
        params: {id: {type: integer}}
        steps: {user: {call: shop.get_user, with: {id: '${params.id}'}}}
        slo: {availability: 99.9}
        """,
    "late": """
        endpoint: GET /late
        steps: {user: {call: shop.get_user, with: {id: 1}}}
        slo: {availability: 99.9, latency: 0.01ms}
        """,
    "some": """
        endpoint: GET /some
        steps: {user: {call: shop.get_user, with: {id: 1}}}
        fields: {max: 20}
        """,
    "buy": """
        endpoint: POST /buy
        steps: {order: {call: shop.create_order, with: {user_id: 1}}}
        """,
    "write": """
        endpoint: POST /write
        steps: {paid: {call: shop.pay}}
        """,
    "members": """
        endpoint: GET /members
        access: {roles: {any: [member]}}
        limits: [{by: identity, rate: 2/hour}]
        steps: {user: {call: shop.get_user, with: {id: 1}}}
        """,
}
GATEWAY = "routes: {/raw: {service: shop, strip: true}}\ndefaults: {access: public}\n"
GATE = threading.Event()
SCRIPTS = {
    **{f"/users/{number}": user(number) for number in range(1, 10)},
    "/users/50": reply(503),
    "/users/99": held(GATE, user(99)),
    "/users/404": reply(404),
    "/best": value_reply([product(1), {}, {"id": "x"}]),
    "/orders": json_reply('{"id": 1, "total": 1, "items": []}'),
    "/pay": held(GATE, json_reply('{"id": 1, "total": 1, "items": []}')),
    "/endless": flood(head(200, [("Content-Length", str(10**9))]), 10**9),
    "/x": reply(200, [], b"raw"),
    "/teapot": reply(418),
    "/none": then_reset(head(200, [("Content-Length", "100")])),
    "/half": then_reset(head(200, [("Content-Length", "100000")]) + b"half"),
}


class Shop:
    """The shop in a host, and what it counts."""

    def __init__(self, host: Host, upstream: WireServer, clock: Clock, metrics: Metrics) -> None:
        self.host = host
        self.upstream = upstream
        self.clock = clock
        self.metrics = metrics

    def at_work(self, wanted: Mapping[str, float]) -> Mapping[str, float]:
        """How many requests of each kind are at work, once it is so many as are wanted."""
        prefix = f"{REQUESTS_IN_FLIGHT.name} kind="
        series = {f"{prefix}{kind}": count for kind, count in wanted.items()}
        found = settled(self.metrics, {}, series, REQUESTS_IN_FLIGHT)
        return {name.removeprefix(prefix): count for name, count in found.items()}

    @contextmanager
    def moves(self, *wanted: str) -> Iterator[None]:
        """What is done within moves these series, each by one or by what stands behind a `*`."""
        expected = {}
        for each in wanted:
            name, _, by = each.partition(" *")
            expected[name] = float(by or 1)
        before = counted(self.metrics, *OURS)
        yield
        assert settled(self.metrics, before, expected, *OURS) == expected


@pytest.fixture(scope="module", params=HOSTS)
def shop(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Shop]:
    folder, clock = tmp_path_factory.mktemp("shop"), Clock()
    with WireServer(SCRIPTS) as upstream:
        services = {"shop": SERVICE.replace("http://127.0.0.1:9", upstream.url)}
        write_project(folder, COMPOSITIONS_OF_SHOP, services=services, gateway=GATEWAY)
        settings = Settings(log_level="error", metrics_token=TOKEN, admin_token=TOKEN)
        with serving(
            request.param, folder, settings=settings, clock=clock, identity=ByName()
        ) as host:
            shop = Shop(host, upstream, clock, host.app.extensions["bff"].core.metrics)
            yield shop
            GATE.set()
            assert shop.at_work({}) == {}


def asked(route: str, status: int, *, method: str = "GET", kind: str = "", error: str = "") -> str:
    """The series of requests to a place."""
    kind = kind or ("route" if route.startswith("/raw") else "composition" if route else "none")
    place = f" http_route={route}" if route else ""
    came_to = f" http_response_status_code={status}" if status else ""
    error = error or (str(status) if status >= 500 else "")
    return (
        f"{REQUESTS.name} kind={kind} http_request_method={method} url_scheme=http{place}{came_to}"
        + (f" error_type={error}" if error else "")
    )


def screen(name: str, outcome: str, view: str = "") -> str:
    shown = f" view={view}" if view else ""
    return f"{COMPOSITIONS.name} composition={name}{shown} outcome={outcome}"


def sent(name: str, count: int, view: str = "") -> str:
    shown = f" view={view}" if view else ""
    return f"{COMPOSITION_BYTES.name} composition={name}{shown} *{count}"


def run(name: str, outcome: str, **steps: str) -> list[str]:
    """A run, whose steps each made a call."""
    series = [f"{RUNS.name} composition={name} outcome={outcome}"]
    for step, came_to in steps.items():
        series.append(f"{STEPS.name} composition={name} step={step} outcome={came_to}")
        series.append(f"{STEP_CALLS.name} composition={name} step={step}")
    return series


def cache(name: str, state: str) -> str:
    return f"{CACHE_REQUESTS.name} composition={name} cache={state}"


def test_payload_comes_out_of_a_run_and_then_out_of_the_cache(shop: Shop) -> None:
    get = shop.host.get
    first = get("/cached/1")
    body, short = len(first.body), len(get("/cached/1?view=short").body)
    with shop.moves(
        asked("/cached/{id}", 200), screen("cached", "ok"), sent("cached", body),
        *run("cached", "ok", user="ok"), cache("cached", "miss"),
    ):  # fmt: skip
        get("/cached/2")
    hit = cache("cached", "hit")
    with shop.moves(asked("/cached/{id}", 200), hit, screen("cached", "ok"), sent("cached", body)):
        get("/cached/2")
    with shop.moves(
        asked("/cached/{id}", 200), hit, screen("cached", "ok", "short"),
        sent("cached", short, "short"),
    ):  # fmt: skip
        get("/cached/2?view=short")
    with shop.moves(asked("/cached/{id}", 304), hit, screen("cached", "ok")):
        get("/cached/1", if_none_match=first.header("etag") or "")


def test_run_in_the_background_counts_once_and_has_no_request(shop: Shop) -> None:
    body = len(shop.host.get("/cached/3").body)
    shop.clock.now += 15
    with shop.moves(
        asked("/cached/{id}", 200), screen("cached", "ok"), sent("cached", body),
        cache("cached", "stale"), *run("cached", "ok", user="ok"),
    ):  # fmt: skip
        shop.host.get("/cached/3")


def test_requests_that_wait_for_one_run_count_it_once(shop: Shop) -> None:
    GATE.clear()
    with ThreadPoolExecutor(3) as threads:
        series = [
            asked("/cached/{id}", 200) + " *3", screen("cached", "ok") + " *3",
            sent("cached", 3 * len(shop.host.get("/cached/4").body) + 3),
            *run("cached", "ok", user="ok"), cache("cached", "miss"),
            cache("cached", "collapsed") + " *2",
        ]  # fmt: skip
        with shop.moves(*series):
            asking = [threads.submit(shop.host.get, "/cached/99") for _ in range(3)]
            assert shop.at_work({"composition": 3}) == {"composition": 3}
            GATE.set()
            assert {each.result().status for each in asking} == {200}
    assert shop.at_work({}) == {}


def test_degraded_payload_counts_its_failures_when_it_is_made(shop: Shop) -> None:
    """What is served of it after that is degraded, and degrades nothing anew."""
    body = len(b'{"user":null,"best":[{"id":1,"title":"Hat","price":9.5}]}')
    came = [asked("/soft", 200), screen("soft", "degraded"), sent("soft", body)]
    with shop.moves(
        *came,
        *run("soft", "degraded", user="failed", best="ok"),
        cache("soft", "miss"),
        f"{DEGRADATIONS.name} composition=soft step=user reason=status",
        f"{DROPPED_ELEMENTS.name} composition=soft step=best *2",
    ):
        shop.host.get("/soft")
    with shop.moves(*came, cache("soft", "hit")):
        shop.host.get("/soft")


@pytest.mark.parametrize(
    ("user_id", "status", "outcome"), [(404, 404, "refused"), (50, 502, "failed")]
)
def test_failed_run_is_a_refusal_or_a_failure_by_what_the_client_gets(
    shop: Shop, user_id: int, status: int, outcome: str
) -> None:
    target = f"/hard/{user_id}"
    size = len(shop.host.get(target).body)
    missed = [f"{SLO_MISSES.name} composition=hard reason=failed"] if status == 502 else []
    with shop.moves(
        asked("/hard/{id}", status), screen("hard", outcome), sent("hard", size),
        *run("hard", "failed", user="failed"), cache("hard", "bypass"), *missed,
        f"{DEGRADATIONS.name} composition=hard step=user reason=status",
    ):  # fmt: skip
        shop.host.get(target)


def test_answer_that_is_later_than_promised_misses_the_slo(shop: Shop) -> None:
    size = len(shop.host.get("/late").body)
    with shop.moves(
        asked("/late", 200), screen("late", "ok"), sent("late", size),
        *run("late", "ok", user="ok"), cache("late", "bypass"),
        f"{SLO_MISSES.name} composition=late reason=slow",
    ):  # fmt: skip
        shop.host.get("/late")


def test_each_step_is_shown_with_the_operation_that_it_calls(shop: Shop) -> None:
    shown = shop.metrics.gauge(STEP_INFO).series
    assert shown[("soft", "best", "shop", "shop.best")] == [1.0]
    assert shown[("buy", "order", "shop", "shop.create_order")] == [1.0]
    assert len(shown) == len(COMPOSITIONS_OF_SHOP) + 1


def test_promises_are_shown_and_what_misses_them_begins_at_nothing(shop: Shop) -> None:
    shown = {SLO_TARGETS: {}, SLO_LATENCIES: {}}
    for definition, found in shown.items():
        for labels, cell in shop.metrics.gauge(definition).series.items():
            found[labels] = cell[0]
    assert shown == {
        SLO_TARGETS: {("cached",): 0.999, ("hard",): 0.999, ("late",): 0.999},
        SLO_LATENCIES: {("cached",): 5.0, ("late",): 0.00001},
    }
    misses = shop.metrics.counter(SLO_MISSES).series
    assert misses[("cached", "slow")] == misses[("cached", "failed")] == [0.0]
    assert ("hard", "slow") not in misses


def test_write_passes_the_cache_by(shop: Shop) -> None:
    size = len(shop.host.post("/buy", {}).body)
    with shop.moves(
        asked("/buy", 200, method="POST"), screen("buy", "ok"), sent("buy", size),
        *run("buy", "ok", order="ok"), cache("buy", "bypass"),
    ):  # fmt: skip
        shop.host.post("/buy", {})


@pytest.mark.parametrize(("target", "status"), [("/hard/x", 400), ("/hard/1?view=none", 404)])
def test_request_that_asks_wrongly_is_refused_and_runs_nothing(
    shop: Shop, target: str, status: int
) -> None:
    size = len(shop.host.get(target).body)
    with shop.moves(asked("/hard/{id}", status), screen("hard", "refused"), sent("hard", size)):
        shop.host.get(target)


def test_options_is_no_request_for_the_payload(shop: Shop) -> None:
    with shop.moves(asked("/hard/{id}", 204, method="OPTIONS")):
        shop.host.request("OPTIONS", "/hard/1")


def test_access_and_limits_count_whom_they_refuse_and_why(shop: Shop) -> None:
    def refused(status: int, reason: str, headers: Mapping[str, str]) -> list[str]:
        size = len(shop.host.get("/members", **headers).body)
        return [
            asked("/members", status), screen("members", "refused"), sent("members", size),
            f"{ACCESS_REFUSALS.name} http_route=/members reason={reason}",
        ]  # fmt: skip

    decided = f"{LIMIT_DECISIONS.name} limit=identity decision"
    with shop.moves(*refused(401, "no_credentials", {})):
        shop.host.get("/members")
    with shop.moves(*refused(403, "wrong_role", bearer("bo"))):
        shop.host.get("/members", **bearer("bo"))
    size = len(shop.host.get("/members", **bearer("ann")).body)
    with shop.moves(
        asked("/members", 200), screen("members", "ok"), sent("members", size),
        *run("members", "ok", user="ok"), cache("members", "bypass"), f"{decided}=allowed",
    ):  # fmt: skip
        shop.host.get("/members", **bearer("ann"))
    with shop.moves(*refused(429, "over_limit", bearer("ann")), f"{decided}=refused"):
        shop.host.get("/members", **bearer("ann"))


@pytest.mark.parametrize(
    ("target", "status", "error"),
    [("/raw/x", 200, ""), ("/raw/teapot", 418, ""), ("/raw/none", 502, "")],
)
def test_route_counts_what_its_service_answers(
    shop: Shop, target: str, status: int, error: str
) -> None:
    with shop.moves(asked("/raw/*", status, error=error)):
        shop.host.get(target)


def test_reply_that_breaks_off_is_an_error_with_the_status_that_was_sent(shop: Shop) -> None:
    broke_off = asked("/raw/*", 200, error="upstream_broke_off")
    with shop.moves(broke_off), pytest.raises((http.client.HTTPException, OSError)):
        shop.host.get("/raw/half")


def test_place_of_nobody_is_counted_without_its_path(shop: Shop) -> None:
    for path in ("/nowhere", "/nobody/knows"):
        with shop.moves(asked("", 404)):
            shop.host.get(path)


def test_gateways_own_endpoints_and_the_app_behind_are_told_apart(shop: Shop) -> None:
    with shop.moves(asked("/metrics", 200, kind="own")):
        shop.host.get("/metrics", **bearer(TOKEN))
    behind = shop.host.name in LOOP_HOSTS
    with shop.moves(*[asked("", 200, kind="app")] if behind else []):
        shop.host.get("/healthz")


def test_client_that_leaves_has_no_status_and_abandons_its_screen(shop: Shop) -> None:
    """A WSGI server does not see it leave."""
    if shop.host.name not in LOOP_HOSTS:
        return
    GATE.clear()
    arrived = len(shop.upstream.requests)
    left = [asked("/hard/{id}", 0, error="client_left"), screen("hard", "abandoned")]
    with shop.moves(*left), shop.host.connect() as connection:
        connection.request("GET", "/hard/99")
        shop.upstream.wait_for_requests(arrived + 1)
    GATE.set()
    assert shop.at_work({}) == {}


def test_reply_that_a_client_leaves_is_not_at_work_any_more(shop: Shop) -> None:
    """However it leaves; a write runs to its end, and is at work until then."""
    GATE.clear()
    with shop.host.connect() as connection:
        connection.request("GET", "/raw/endless")
        assert connection.getresponse().read(1) == b"x"
        assert shop.at_work({"route": 1}) == {"route": 1}
    assert shop.at_work({}) == {}
    with shop.host.connect() as connection:
        connection.putrequest("POST", "/buy")
        connection.putheader("Content-Type", "application/json")
        connection.putheader("Content-Length", "100")
        connection.endheaders(b"{")
        assert shop.at_work({"composition": 1}) == {"composition": 1}
    assert shop.at_work({}) == {}
    arrived = len(shop.upstream.requests)
    with shop.host.connect() as connection:
        connection.request("POST", "/write", b"{}", {"Content-Type": "application/json"})
        shop.upstream.wait_for_requests(arrived + 1)
    assert shop.at_work({"composition": 1}) == {"composition": 1}
    GATE.set()
    assert shop.at_work({}) == {}


def test_purges_are_counted_by_what_came_of_them(shop: Shop) -> None:
    def purge(token: str) -> int:
        sent = [("Authorization", f"Bearer {token}"), ("Content-Type", "application/json")]
        return shop.host.request("POST", "/admin/purge", sent, b'{"tags": ["a"]}').status

    before = counted(shop.metrics, ACTIONS)
    assert [purge(TOKEN), purge("wrong")] == [200, 401]
    assert moved(before, counted(shop.metrics, ACTIONS)) == {
        f"{ACTIONS.name} action=purge outcome=done": 1,
        f"{ACTIONS.name} action=purge outcome=no_token": 1,
    }


def test_websocket_is_at_work_as_long_as_it_is_open(tmp_path: Path) -> None:
    with WireServer(switching(echo)) as upstream:
        settings = Settings(log_level="error", metrics_token=TOKEN)
        server = create_server(live_project(tmp_path, upstream.url), settings)
        with http1_server(server) as port:
            host = Host("http1", port, Flask("elsewhere"))
            shop = Shop(host, upstream, Clock(), server.gateway.metrics)
            with opened(host) as client:
                client.send(b"hello")
                assert client.read(5) == b"hello"
                assert shop.at_work({"websocket": 1}) == {"websocket": 1}
            with shop.moves(asked("/live/*", 101, kind="route")):
                pass
            assert shop.at_work({}) == {}


def hostile(host: Host, word: str) -> None:
    """Requests with a word of a client's own wherever one may stand."""
    hexa = word.encode().hex().ljust(32, "0")[:32]
    lines = [
        (word.upper(), "/cached/1"), ("GET", f"/{word}"), ("GET", f"/cached/{word}"),
        ("GET", f"/cached/1?view={word}"), ("GET", f"/cached/1?{word}={word}"),
        ("GET", f"/some?fields={word}"), ("GET", f"/some?fields=user({word})"),
        ("OPTIONS", f"/raw/{word}"), ("GET", f"/raw/{word}"), ("GET", f"/bff/{word}"),
        ("POST", f"/metrics/{word}"), ("GET", "/cached/1"), ("GET", "/members"),
        ("GET", "/metrics"),
    ]  # fmt: skip
    for method, target in lines:
        for name, value in [
            ("Host", f"{word}.example"), ("Authorization", f"Bearer {word}"), ("Cookie", word),
            ("traceparent", f"00-{hexa}-{hexa[:16]}-01"), ("tracestate", f"{word}={word}"),
            ("X-Request-Id", word), ("X-Forwarded-Proto", word), ("Origin", f"https://{word}"),
            ("Accept", f"{word}/{word}"), ("User-Agent", word),
        ]:  # fmt: skip
            with host.connect() as connection:
                connection.putrequest(method, target, skip_host=True, skip_accept_encoding=True)
                if name != "Host":
                    connection.putheader("Host", "here")
                connection.putheader(name, value)
                connection.endheaders()
                connection.getresponse().read()


def test_no_word_of_a_clients_is_in_a_label_and_none_makes_a_series(shop: Shop) -> None:
    """Of no metric, whoever counts it."""
    hostile(shop.host, "qzwa")
    known = set(counted(shop.metrics, *OURS))
    for number in range(3):
        hostile(shop.host, f"qzw{number}")
    assert set(counted(shop.metrics, *OURS)) == known
    everything = counted(shop.metrics, *DEFINITIONS)
    assert not [name for name in everything if "qzw" in name.lower()]
    assert any("method=_OTHER" in name for name in known)
