"""Which series a project has: those of what it serves, and none of what it serves no more."""

import asyncio
from collections.abc import Iterator

import pytest

from bff.plan.compiler.project import compile_project
from bff.settings import Settings
from bff.telemetry.metrics.definitions.process import RELEASE_INFO
from bff.telemetry.metrics.families import Labels, Metrics
from tests.support.gateway.screens import Screen, Screens, user, value_reply
from tests.support.upstream.wire import WireServer
from tests.support.upstream.wire_scripts import json_reply

TOKEN = "0123456789abcdef"
BANK = """
base: {shop}
auth:
  client_credentials: {token_url: "%s/token", client_id: shop, client_secret: "${secret.SECRET}"}
operations:
  get_account:
    request: GET /users/{id}
    params: {id: {type: integer}}
    returns: schemas.shop:User
"""
COMPOSITIONS = {
    "home": """
        endpoint: GET /home/{id}
        params: {id: {type: integer}}
        steps:
          user: {call: shop.get_user, with: {id: '${params.id}'}}
          best: {call: shop.list_bestsellers, on_failure: optional}
        views: {short: [user.id]}
        fields: {max: 3}
        cache: {ttl: 1m}
        """,
    "account": """
        endpoint: GET /account
        steps: {account: {call: bank.get_account, with: {id: 1}}}
        """,
}
GATEWAY = """
routes: {/raw: {service: shop, access: public}}
defaults: {access: public}
"""
GIVEN = json_reply('{"access_token": "t", "token_type": "Bearer", "expires_in": 3600}')
TARGETS = [
    ("/home/1", 200), ("/home/1", 200), ("/home/1?view=short", 200),
    ("/home/1?fields=user.id", 200),
    ("/home/1?view=none", 404), ("/home/2", 404), ("/home/x", 400), ("/account", 200),
    ("/raw/users/1", 200), ("/raw/nothing", 404), ("/raw/%ff", 400), ("/nothing", 404),
    ("/metrics", 401), ("/healthz", 200),
]  # fmt: skip


@pytest.fixture
def issuer() -> Iterator[WireServer]:
    with WireServer({"/token": GIVEN}) as server:
        yield server


@pytest.fixture
def screen(screens: Screens, issuer: WireServer, monkeypatch: pytest.MonkeyPatch) -> Screen:
    monkeypatch.setenv("SECRET", "p/w")
    return screens(
        COMPOSITIONS,
        {"/users/1": user(), "/bestsellers": value_reply("broken")},
        services={"bank": BANK % issuer.url},
        gateway=GATEWAY,
        settings=Settings(log_level="error", metrics_token=TOKEN),
    )


def series_of(metrics: Metrics) -> set[tuple[str, Labels]]:
    return {(name, labels) for name, each in metrics.families.items() for labels in each.series}


def test_every_series_that_requests_make_is_one_of_what_is_served(screen: Screen) -> None:
    """What a worker knows of itself keeps all that it counts, or totals would go backward when it
    ends."""
    for target, status in TARGETS:
        assert screen.get(target).status == status, target
    metrics = screen.host.app.extensions["bff"].core.metrics
    before = series_of(metrics)
    assert len(before) > 40
    metrics.retain(metrics.domains)
    assert series_of(metrics) == before


def test_series_of_what_a_release_has_no_more_end_with_it(
    screen: Screen, issuer: WireServer
) -> None:
    for target, _ in TARGETS:
        screen.get(target)
    core = screen.host.app.extensions["bff"].core
    ((release,),) = core.metrics.gauge(RELEASE_INFO).series
    before = series_of(core.metrics)
    for name in ("compositions/account.yaml", "services/bank.yaml"):
        (screen.folder / name).unlink()
    loop = core.resources.loop
    project = compile_project(screen.folder)
    asyncio.run_coroutine_threadsafe(core.serve(project), loop).result(20)
    gone = {labels for _, labels in before - series_of(core.metrics)}
    assert gone
    ended = {"account", "bank", "/account", str(issuer.port), release}
    assert not [each for each in gone if not ended.intersection(each)]
    assert not any(ended.intersection(labels) for _, labels in series_of(core.metrics))
