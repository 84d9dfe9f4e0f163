"""Who may ask for an endpoint is decided in one place, for every host, endpoint and memory."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from bff.settings import Settings
from tests.support.callers import ByName, bearer
from tests.support.hosts import HOSTS, Host, serving
from tests.support.projects import HOME, SHOP_SERVICE, write_project
from tests.support.wire import WireServer
from tests.support.wire_scripts import json_reply

SETTINGS = Settings(log_level="error")

COMPOSITIONS = {
    "plain": HOME,
    "cached": HOME.replace("/home/", "/cached/") + "cache: {ttl: 5m}\n",
    "open": HOME.replace("/home/", "/open/") + "cache: {ttl: 5m, scope: public}\n",
    "buy": """
        endpoint: POST /buy
        params: {note: {in: body, type: string}}
        steps: {order: {call: shop.create_order, with: {user_id: 1, note: '${params.note}'}}}
        """,
}


@contextmanager
def members_shop(name: str, folder: Path, provider: ByName, url: str) -> Iterator[Host]:
    write_project(
        folder,
        COMPOSITIONS,
        services={"shop": SHOP_SERVICE.replace("http://127.0.0.1:9", url)},
        gateway="""
        defaults: {access: {roles: {any: [member]}}}
        routes: {/raw: {service: shop, strip: true}}
        """,
    )
    with serving(name, folder, settings=SETTINGS, identity=provider) as host:
        yield host


@pytest.mark.parametrize("name", HOSTS)
@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", "/home/1"), ("GET", "/cached/1"), ("GET", "/raw/users/1"), ("DELETE", "/raw/users/1")],
)
def test_second_kind_of_caller_is_refused_and_the_first_is_served(
    tmp_path: Path, name: str, method: str, path: str
) -> None:
    provider = ByName()
    with (
        WireServer(json_reply('{"id": 1, "first_name": "Ann"}')) as upstream,
        members_shop(name, tmp_path, provider, upstream.url) as host,
    ):
        for round_ in range(3):  # from the second on, the line is remembered and memory has it
            refused = host.request(method, path, bearer("bo").items())
            assert (refused.status, refused.json()["reason"]) == (403, "wrong_role")
            assert provider.asked == 2 * round_ + 1
            assert host.request(method, path, bearer("ann").items()).status == 200
        assert provider.asked == 6, "the caller is identified once a request"
        assert len(upstream.requests) == (1 if path.startswith("/cached") else 3)


@pytest.mark.parametrize("name", HOSTS)
def test_reply_that_not_everybody_may_have_is_never_public(tmp_path: Path, name: str) -> None:
    with (
        WireServer(json_reply('{"id": 1, "first_name": "Ann"}')) as upstream,
        members_shop(name, tmp_path, ByName(), upstream.url) as host,
    ):
        for _ in range(2):
            answer = host.get("/open/1", **bearer("ann"))
            assert (answer.status, answer.header("cache-control")) == (200, "private, no-cache")


@pytest.mark.parametrize("name", HOSTS)
def test_caller_is_refused_before_the_params_and_the_body_are_read(
    tmp_path: Path, name: str
) -> None:
    with (
        WireServer(json_reply('{"id": 1, "total": 1.5, "items": []}')) as upstream,
        members_shop(name, tmp_path, ByName(), upstream.url) as host,
    ):
        assert host.get("/cached/no-number").status == 401
        assert host.request("POST", "/buy", body=b"no JSON").status == 401
        assert host.post("/buy", {"note": 7}, **bearer("ann")).status == 400
        assert host.post("/buy", {"note": "x"}, **bearer("ann")).status == 200
        assert len(upstream.requests) == 1
