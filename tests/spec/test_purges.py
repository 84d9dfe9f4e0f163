"""What is purged is made anew: by what writes, by operators, and by `bff purge`."""

import getpass
import socket
from collections.abc import Iterator
from typing import Any

import pytest
from click.testing import CliRunner, Result

from bff.cli import bff
from bff.settings import Settings
from tests.support.cache.answers import cache_facts, is_hit, until
from tests.support.gateway.hosts import Answer
from tests.support.gateway.screens import Screen, Screens, order, product, value_reply
from tests.support.ports import free_port
from tests.support.redis.server import RedisServer
from tests.support.telemetry.log_lines import read_lines, written
from tests.support.upstream.wire import Script
from tests.support.upstream.wire_scripts import json_reply, reply, then_reset

TOKEN = "0123456789abcdef0123"
ADMIN = Settings(log_level="warning", admin_token=TOKEN)

COMPOSITIONS = {
    "best": """
        endpoint: GET /best
        steps: {best: {call: shop.list_bestsellers}}
        cache: {ttl: 5m, tags: ['product:${best[].id}', shelves]}
        """,
    "parts": """
        endpoint: GET /parts/{id}
        params: {id: {type: integer}}
        steps:
          it:
            call: shop.get_product
            with: {id: '${params.id}'}
            cache: {ttl: 5m, tags: ['product:${reply.id}', 'asked:${params.id}']}
        """,
    "buy": """
        endpoint: POST /buy
        params: {user_id: {in: body, type: integer}}
        steps: {order: {call: shop.create_order, with: {user_id: '${params.user_id}'}}}
        purges: ['product:${order.items[].product_id}']
        """,
    "rename": """
        endpoint: POST /rename
        params: {id: {in: body, type: integer}}
        steps: {product: {call: shop.pay, with: {order_id: '${params.id}'}}}
        purges: ['product:${params.id}']
        """,
}
ROUTES = "routes: {/raw: {service: shop, purges: [shelves]}}\n"


def upstream(title: str) -> dict[str, Script]:
    return {
        "/bestsellers": value_reply([product(1, title), product(2, title)]),
        "/products/1": value_reply(product(1, title)),
        "/products/9": value_reply(product(9, title)),
    }


def shop(screens: Screens, settings: Settings = ADMIN) -> Screen:
    """A shop of hats, all of it in the cache; from now on the upstream has caps."""
    screen = screens(
        COMPOSITIONS,
        {**upstream("Hat"), "/orders": value_reply(order(5, 1, 7))},
        gateway=ROUTES,
        settings=settings,
    )
    assert titles(screen) == {"/best": "Hat", "/parts/1": "Hat", "/parts/9": "Hat"}
    for path, script in upstream("Cap").items():
        screen.let(path, script)
    assert titles(screen) == {"/best": "Hat", "/parts/1": "Hat", "/parts/9": "Hat"}
    return screen


def titles(screen: Screen) -> dict[str, Any]:
    return {
        "/best": screen.get("/best").json()["best"][0]["title"],
        "/parts/1": screen.get("/parts/1").json()["it"]["title"],
        "/parts/9": screen.get("/parts/9").json()["it"]["title"],
    }


def purge(screen: Screen, body: bytes, token: str | None = TOKEN) -> Answer:
    headers = [] if token is None else [("Authorization", f"Bearer {token}")]
    return screen.request("POST", "/admin/purge", headers, body)


def is_problem(answer: Answer, status: int, reason: str) -> bool:
    document: dict[str, object] = answer.json()
    return (
        answer.header("content-type") == "application/problem+json"
        and (answer.status, document["status"], document["reason"]) == (status, status, reason)
        and TOKEN not in answer.body.decode()
    )


def test_composition_that_has_written_purges_payloads_and_replies(screens: Screens) -> None:
    screen = shop(screens)
    assert screen.post({"user_id": 1}, "/buy").status == 200
    assert {"fwd": "miss", "stored": True}.items() <= cache_facts(screen.get("/best")).items()
    assert titles(screen) == {"/best": "Cap", "/parts/1": "Cap", "/parts/9": "Hat"}


def test_composition_that_has_not_written_purges_nothing(screens: Screens) -> None:
    screen = shop(screens)
    screen.let("/orders", reply(409))
    assert screen.post({"user_id": 1}, "/buy").status == 409
    assert is_hit(screen.get("/best"))


@pytest.mark.parametrize(
    ("answered", "purges"),
    [
        (reply(500), True),
        (reply(503, [("Retry-After", "3")]), True),
        (reply(504), True),
        (reply(204), True),
        (json_reply("<html>"), True),
        (then_reset(b""), True),
        (reply(404), False),
    ],
    ids=["500", "503", "504", "204", "unreadable", "reset", "404"],
)
def test_write_that_failed_purges_what_may_be_different_now(
    screens: Screens, answered: Script, purges: bool
) -> None:
    screen = shop(screens)
    screen.let("/payments", answered)
    assert screen.post({"id": 1}, "/rename").status >= 400
    assert titles(screen)["/parts/1"] == ("Cap" if purges else "Hat")


@pytest.mark.parametrize(
    ("method", "status", "purges"),
    [("PUT", 204, True), ("POST", 500, True), ("DELETE", 404, False), ("GET", 200, False)],
)
def test_route_purges_when_a_write_went_through_or_nobody_knows(
    screens: Screens, method: str, status: int, purges: bool
) -> None:
    screen = shop(screens)
    screen.let("/bestsellers/1", reply(status))
    assert screen.request(method, "/raw/bestsellers/1").status == status
    assert titles(screen) == {
        "/best": "Cap" if purges else "Hat", "/parts/1": "Hat", "/parts/9": "Hat",
    }  # fmt: skip


def test_operator_purges_by_tags(screens: Screens) -> None:
    screen = shop(screens)
    answer = purge(screen, b'{"tags": ["product:1", "asked:9", "nobody\'s"]}')
    assert (answer.status, answer.json()) == (200, {"purged": 0})  # there is no store
    assert answer.header("cache-control") == "no-store"
    assert titles(screen) == {"/best": "Cap", "/parts/1": "Cap", "/parts/9": "Cap"}


def test_operator_without_the_token_is_refused(screens: Screens) -> None:
    screen = shop(screens)
    for token in (None, "", "wrong", TOKEN[:-1], f"{TOKEN}x", "é"):
        answer = purge(screen, b'{"tags": ["shelves"]}', token)
        assert is_problem(answer, 401, "no_token"), token
        assert (answer.header("www-authenticate") or "").startswith("Bearer")
    headers = [("Authorization", f"Basic {TOKEN}")]
    answer = screen.request("POST", "/admin/purge", headers, b'{"tags": ["shelves"]}')
    assert answer.status == 401
    assert screen.get("/admin/purge").status == 405
    assert titles(screen)["/best"] == "Hat"


def test_each_purge_and_each_refusal_of_one_has_an_audit_line(
    screens: Screens, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    screen = shop(screens, Settings(log_level="error", admin_token=TOKEN))
    purge(screen, b'{"tags": ["shelves", "product:1"]}')
    purge(screen, b'{"tags": ["shelves"]}', f"{TOKEN}x")
    purge(screen, b"{")
    screen.host.app.extensions["bff"].core.log.flush()
    lines = written(capfdbinary)
    names = ("event.dataset", "event.action", "event.reason", "user.id", "client.ip", "bff.tags")
    logged = [tuple(map(line.get, names)) for line in lines]
    assert logged == [
        ("bff.audit", "purge", None, "admin token", "127.0.0.1", "shelves, product:1"),
        ("bff.audit", "purge", "no_token", None, "127.0.0.1", None),
        ("bff.audit", "purge", "bad_tags", "admin token", "127.0.0.1", None),
    ]
    assert TOKEN not in str(lines)


def test_what_is_no_list_of_tags_is_refused(screens: Screens) -> None:
    screen = shop(screens)
    for body in (
        b"", b"{", b"[]", b'{"tags": []}', b'{"tags": "shelves"}', b'{"tags": [1]}', b"\xff",
        b'{"tags": ["shelves"], "all": true}', b'{"tags": [%s"x"]}' % (b'"shelves",' * 1000),
    ):  # fmt: skip
        assert is_problem(purge(screen, body), 400, "bad_tags"), body[:30]
    assert titles(screen)["/best"] == "Hat"


def test_without_a_token_in_the_settings_there_is_no_such_endpoint(screens: Screens) -> None:
    screen = shop(screens, Settings(log_level="warning"))
    for token in (None, "", TOKEN, "None"):
        assert purge(screen, b'{"tags": ["shelves"]}', token).status == 404
    assert titles(screen)["/best"] == "Hat"


def test_purge_that_redis_can_not_be_told_of_is_said_to_be_late(screens: Screens) -> None:
    nowhere = f"redis://127.0.0.1:{free_port()}"
    settings = Settings(log_level="warning", admin_token=TOKEN, redis_url=nowhere)
    screen = screens(COMPOSITIONS, upstream("Hat"), gateway=ROUTES, settings=settings)
    answer = purge(screen, b'{"tags": ["shelves"]}')
    assert is_problem(answer, 503, "purge_delayed")
    assert answer.header("retry-after") == "1"


def command(*tags: str, **environ: str) -> Result:
    cleared = {"BFF_REDIS_URL": None, "REDIS_URL": None, "BFF_ADMIN_TOKEN": None}
    return CliRunner().invoke(bff, ["purge", *tags], env={**cleared, **environ})


def test_command_purges_by_the_gateway_that_listens(screens: Screens) -> None:
    screen = shop(screens)
    port = str(screen.host.port)
    refused = command("shelves", BFF_PORT=port, BFF_ADMIN_TOKEN="another-token-of-20")
    assert refused.exit_code == 1
    assert "nothing is known to be purged" in refused.stderr
    assert titles(screen)["/best"] == "Hat"
    done = command("shelves", "product:1", BFF_PORT=port, BFF_ADMIN_TOKEN=TOKEN)
    assert (done.exit_code, done.stdout) == (0, "0 purged\n")
    assert titles(screen) == {"/best": "Cap", "/parts/1": "Cap", "/parts/9": "Hat"}


@pytest.fixture(scope="module")
def redis() -> Iterator[RedisServer]:
    with RedisServer() as server:
        yield server


def test_command_purges_in_redis_and_every_worker_hears_of_it(
    screens: Screens, redis: RedisServer
) -> None:
    redis.empty()
    settings = Settings(log_level="warning", admin_token=TOKEN, redis_url=redis.url)
    screen = shop(screens, settings)
    until(lambda: screen.get("/best"), lambda _: len(redis.all_keys()) >= 3)
    other_project = command("product:1", BFF_REDIS_URL=redis.url)
    assert (other_project.exit_code, other_project.stdout) == (0, "0 purged\n")
    done = command("product:1", "--project", str(screen.folder), BFF_REDIS_URL=redis.url)
    assert (done.exit_code, done.stdout) == (0, "2 purged\n")
    (line,) = read_lines(done.stderr)
    assert (line["event.action"], line["event.outcome"]) == ("purge", "success")
    assert (line["bff.tags"], line["bff.entries"]) == ("product:1", 2)
    assert (line["user.id"], line["client.address"]) == (getpass.getuser(), socket.gethostname())
    until(lambda: screen.get("/best"), lambda each: each.json()["best"][0]["title"] == "Cap")
    until(lambda: screen.get("/parts/1"), lambda each: each.json()["it"]["title"] == "Cap")
    assert titles(screen)["/parts/9"] == "Hat"
    assert purge(screen, b'{"tags": ["asked:9"]}').json() == {"purged": 1}
    assert titles(screen)["/parts/9"] == "Cap"
