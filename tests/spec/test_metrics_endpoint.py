"""`GET /metrics` on the gateway's own port: whom it answers, and what it leaves to the project."""

import asyncio
import gzip
import logging
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from prometheus_client.openmetrics.parser import text_string_to_metric_families

from bff import Gateway, create_app
from bff.errors import SettingsError
from bff.settings import Settings
from bff.telemetry.metrics.definitions.process import HEAVY_REFUSALS
from bff.telemetry.metrics.exposition import Rendition
from bff.web.gateway import load_gateway
from tests.support.gateway.hosts import HOSTS, serving
from tests.support.gateway.screens import Screen, Screens, user
from tests.support.projects import write_project

TOKEN = "0123456789abcdef"
BEARER = {"authorization": f"Bearer {TOKEN}"}
TEXT = "text/plain; version=0.0.4; charset=utf-8"
PAGE = """
    endpoint: GET /{page}
    access: public
    params: {page: {type: string}}
    steps: {user: {call: shop.get_user, with: {id: 1}}}
    """
GATEWAY = """
routes: {/: {service: shop, access: public}}
cors: {origins: ["https://shop.example"]}
limits: [{by: address, rate: 1/hour}]
"""


def served(screens: Screens, token: str | None = TOKEN, **parts: Any) -> Screen:
    settings = Settings(log_level="error", metrics_token=token)
    return screens({"page": PAGE}, {"/users/1": user()}, settings=settings, **parts)


def test_endpoint_answers_who_has_the_token_in_the_form_that_is_asked_for(
    screens: Screens,
) -> None:
    screen = served(screens, gateway=GATEWAY)
    metrics = screen.host.app.extensions["bff"].core.metrics
    metrics.counter(HEAVY_REFUSALS).at()[0] += 3
    plain = screen.get("/metrics", **BEARER)
    assert plain.status == 200
    assert plain.header("content-type") == TEXT
    assert plain.header("cache-control") == "no-store"
    assert b"\nbff_heavy_work_refusals_total 3.0\n" in plain.body

    packed = screen.get(
        "/metrics", accept="application/openmetrics-text", accept_encoding="gzip", **BEARER
    )
    assert packed.header("content-encoding") == "gzip"
    assert packed.header("content-type") == (
        "application/openmetrics-text; version=1.0.0; charset=utf-8"
    )
    families = text_string_to_metric_families(gzip.decompress(packed.body).decode())
    values = {each.name: each.samples[0].value for each in families}
    assert values["bff_heavy_work_refusals"] == 3

    head = screen.request("HEAD", "/metrics", [*BEARER.items()])
    assert (head.status, head.body) == (200, b"")
    # No limit, no route and no page of the project counts here.
    for _ in range(3):
        answer = screen.get("/metrics", origin="https://shop.example", **BEARER)
        assert (answer.status, answer.header("access-control-allow-origin")) == (200, None)


@pytest.mark.parametrize(
    "headers",
    [
        [],
        [("Authorization", "Bearer 0123456789abcdeF")],
        [("Authorization", "Bearer")],
        [("Authorization", f"Basic {TOKEN}")],
        [("Authorization", f"Bearer {TOKEN}"), ("Authorization", "Bearer another")],
        [("Authorization", "Bearer \xff\xfe")],
    ],
    ids=range(6),
)
def test_who_has_no_token_gets_401_and_learns_nothing(
    screens: Screens, headers: list[tuple[str, str]]
) -> None:
    answer = served(screens).request("GET", "/metrics", headers)
    assert answer.status == 401
    assert answer.header("content-type") == "application/problem+json"
    assert str(answer.header("www-authenticate")).startswith("Bearer ")
    assert answer.json()["reason"] == "no_token"
    assert TOKEN.encode() not in answer.body


def test_other_methods_and_paths_below_are_not_the_metrics(screens: Screens) -> None:
    screen = served(screens)
    posted = screen.request("POST", "/metrics", [*BEARER.items()], b"{}")
    assert (posted.status, posted.header("allow")) == (405, "GET, HEAD, OPTIONS")
    assert screen.request("OPTIONS", "/metrics").header("allow") == "GET, HEAD, OPTIONS"
    assert screen.get("/metrics/", **BEARER).status == 404


def test_without_a_token_the_path_is_the_projects_own(screens: Screens) -> None:
    assert served(screens, token=None).get("/metrics").json()["user"]["id"] == 1


def test_metrics_stand_before_a_param_and_a_route_of_the_project(screens: Screens) -> None:
    screen = served(screens, gateway="routes: {/: {service: shop, access: public}}\n")
    assert screen.get("/metrics", **BEARER).header("content-type") == TEXT
    assert screen.get("/others").json()["user"]["id"] == 1
    screen.get("/users/1")
    assert screen.calls()[-1] == "GET /users/1"


@pytest.mark.parametrize("name", HOSTS)
def test_numbers_that_nobody_collects_in_time_are_503(tmp_path: Path, name: str) -> None:
    async def collect(_: Rendition) -> None:
        return None

    app = create_app(write_project(tmp_path), Settings(log_level="error", metrics_token=TOKEN))
    app.extensions["bff"].core.render_metrics = collect
    with serving(name, tmp_path, app=app) as host:
        answer = host.get("/metrics", **BEARER)
    assert (answer.status, answer.header("retry-after")) == (503, "1")
    assert answer.json()["reason"] == "metrics_delayed"


@pytest.mark.parametrize("name", HOSTS)
def test_view_of_the_app_at_the_path_is_the_apps_and_is_warned_of(
    tmp_path: Path, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    app = Flask("shop", static_folder=None)
    app.add_url_rule("/metrics", "own", lambda: "mine")
    settings = Settings(log_level="error", metrics_token=TOKEN)
    Gateway(app, write_project(tmp_path), settings)
    with caplog.at_level(logging.WARNING, "bff"), serving(name, tmp_path, app=app) as host:
        assert host.get("/metrics").body == b"mine"
    assert "GET /metrics is hidden: the app's own rule /metrics (view own)" in caplog.text


async def open_gateway(folder: Path, settings: Settings) -> None:
    gateway = load_gateway(folder, settings)
    try:
        await gateway.open()
    finally:
        await gateway.close()


@pytest.mark.parametrize(
    ("path", "gateway", "what"),
    [
        ("/metrics", "", "page"),
        ("/page", "routes: {/metrics: {service: shop, access: public}}\n", "the route /metrics"),
    ],
)
def test_project_that_has_something_at_the_path_does_not_start_with_a_token(
    tmp_path: Path, path: str, gateway: str, what: str
) -> None:
    composition = PAGE.replace("/{page}", path).replace("params: {page: {type: string}}", "")
    write_project(tmp_path, {"page": composition}, gateway=gateway)
    with pytest.raises(SettingsError) as refused:
        asyncio.run(open_gateway(tmp_path, Settings(metrics_token=TOKEN, log_level="error")))
    assert str(refused.value) == (
        f"BFF_METRICS_TOKEN: /metrics would hide {what}. Choose another path there, or have the"
        " metrics at a separate port: BFF_METRICS_PORT."
    )


def test_separate_port_that_no_server_listens_at_is_warned_of(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """`bff serve` alone listens there."""
    asyncio.run(open_gateway(write_project(tmp_path), Settings(metrics_port=9464)))
    assert [each.message for each in caplog.records] == [
        "BFF_METRICS_PORT has no effect: `bff serve` alone listens at it."
        " Set BFF_METRICS_TOKEN, and scrape /metrics at the gateway's own port."
    ]
