"""`bff call`, as a terminal and a pipe see it, over services that answer well and badly."""

import json
import os
import pty
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from textwrap import dedent
from urllib.parse import quote

import pytest
from click.testing import CliRunner, Result

from bff.cli import bff
from tests.support.projects import SHOP_SERVICE, write_project
from tests.support.redis_server import RedisServer
from tests.support.wire import Exchange, WireServer
from tests.support.wire_scripts import json_reply, never, reply

SECRET = 'hush/7 "c1"'
USER = json_reply('{"id": 1, "first_name": "Ann"}')
ORDERS = json_reply('{"orders": []}')
HOME = """
endpoint: GET /home/{id}
access: public
params: {id: {type: integer, minimum: 1}}
steps:
  user: {call: shop.get_user, with: {id: "${params.id}"}}
  orders: {call: shop.list_orders, with: {user_id: "${user.id}"}, on_failure: optional}
views: {small: [user.firstName]}
cache: {ttl: 30s}
"""
FIXED = (
    "{endpoint: GET /home/all, access: public, steps: {user: {call: shop.get_user, with: {id: 1}}}}"
)
ORDER = """
endpoint: POST /orders
access: public
params: {user_id: {type: integer}}
steps:
  order: {call: shop.create_order, with: {user_id: "${params.user_id}"}}
"""
STORED = """
endpoint: GET /stored
access: public
steps:
  user: {call: shop.get_user, with: {id: 1}}
"""
TWINS = """
endpoint: GET /twins
access: public
steps:
  orders: {call: shop.list_orders, with: {user_id: 1}}
joins: [{into: orders.orders, as: twin, from: "${orders.orders}", match: {total: total}}]
"""


class Shop:
    """A project over a scripted service, and the command in it."""

    def __init__(self, folder: Path, server: WireServer) -> None:
        self.folder = folder
        self.server = server

    def call(self, *words: str, **environ: str) -> Result:
        known = {"REDIS_URL": None, "BFF_REDIS_URL": None, "SHOP_KEY": SECRET}
        arguments = ["call", *words, "--project", str(self.folder)]
        return CliRunner().invoke(bff, arguments, env={**known, **environ})

    def asked(self) -> list[str]:
        return [f"{each.method} {each.target}" for each in self.server.requests]


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    with WireServer({"/users/1": USER, "/orders": ORDERS}) as server:
        service = SHOP_SERVICE.replace("http://127.0.0.1:9", server.url)
        service += 'timeout: 400ms\nquery: {key: "${secret.SHOP_KEY}"}\n'
        service = service.replace(
            "returns: schemas.shop:User", "returns: schemas.shop:User\n    cache: {ttl: 1m}"
        )
        compositions = {"home": HOME, "home_all": FIXED, "order": ORDER, "stored": STORED}
        compositions["twins"] = TWINS
        write_project(tmp_path, compositions, services={"shop": service})
        yield Shop(tmp_path, server)


def let(shop: Shop, path: str, script: object) -> None:
    assert isinstance(shop.server.script, dict)
    shop.server.script[path] = script


def lines(text: str) -> list[str]:
    return [line.rstrip() for line in text.splitlines()]


def test_payload_goes_to_standard_output_and_what_happened_to_standard_error(shop: Shop) -> None:
    result = shop.call("home", "--param", "id=1")
    assert result.exit_code == 0
    assert json.loads(result.stdout)["user"]["firstName"] == "Ann"
    shown = lines(result.stderr)
    assert shown[0].startswith("GET /home/1  →  200  in ")
    (user, orders) = [line for line in shown if "━" in line or "╸" in line or "╺" in line]
    assert (user.split()[0], orders.split()[0]) == ("user", "orders")
    (first, second) = [line.split() for line in shown if line.startswith("GET http")]
    assert first[1:3] == [f"{shop.server.url}/users/1?key=•••", "200"]
    assert second[1] == f"{shop.server.url}/orders?user_id=1&limit=10&key=•••"
    assert first[5:] == ["30", "B"]
    assert any(line.startswith("Cache-Status: bff; fwd=miss; stored; ttl=") for line in shown)
    assert shop.asked()[0] == f"GET /users/1?key={quote(SECRET, safe='')}"


def test_what_a_schema_prints_is_no_part_of_the_payload(shop: Shop) -> None:
    schemas = shop.folder / "schemas/shop.py"
    noisy = "User.model_post_init = lambda self, _: print('made')\nprint('loaded')\n"
    schemas.write_text(f"{schemas.read_text()}\n{noisy}")
    result = shop.call("home", "--param", "id=1")
    assert json.loads(result.stdout)["user"]["id"] == 1
    assert "loaded" in result.stderr


def test_view_and_headers_are_those_of_the_callers_request(shop: Shop) -> None:
    result = shop.call("home", "--param", "id=1", "--view", "small", "--header", "X-A: b")
    assert json.loads(result.stdout) == {"user": {"firstName": "Ann"}}


def test_json_holds_all_of_it_for_programs(shop: Shop) -> None:
    let(shop, "/orders", json_reply('{"fault": "' + "x" * 2000 + '"}', 500))
    result = shop.call("home", "--param", "id=1", "--format", "json")
    assert (result.exit_code, result.stderr) == (0, "")
    found = json.loads(result.stdout)
    assert (found["status"], found["payload"]["orders"]) == (200, None)
    assert [each["outcome"] for each in found["steps"]] == ["ok", "failed"]
    assert [(each["operation"], each["status"]) for each in found["requests"]] == [
        ("shop.get_user", 200),
        ("shop.list_orders", 500),
    ]
    (failure,) = found["failures"]
    assert (failure["what"], failure["reason"], failure["status"]) == ("step orders", "status", 500)
    assert failure["words"].startswith('{"fault": "xxx')
    assert len(failure["words"]) < 700


def test_failure_names_the_field_and_the_services_own_words(shop: Shop) -> None:
    let(shop, "/users/1", json_reply('{"id": "one", "first_name": "\u202e"}'))
    result = shop.call("home", "--param", "id=1")
    assert result.exit_code == 1
    assert json.loads(result.stdout)["reason"] == "invalid"
    failure = lines(result.stderr)[-3:]
    assert failure[0] == "✗ step user: invalid 200"
    assert failure[1].startswith("  id: ")
    assert failure[2] == ('  the service\'s own words: {"id": "one", "first_name": "\\u202e"}')


def test_join_whose_source_has_a_key_twice_is_named(shop: Shop) -> None:
    order = '{"id": 1, "total": 9.5, "items": []}'
    let(shop, "/orders", json_reply(f'{{"orders": [{order}, {order}]}}'))
    result = shop.call("twins")
    said = "! join orders.orders.twin: a key of its source comes more than once"
    assert said in result.stderr, result.stderr
    result = shop.call("twins", "--format", "json")
    assert json.loads(result.stdout)["ambiguous_matches"] == {"orders.orders.twin": 1}


def test_control_characters_of_a_service_are_escaped(shop: Shop) -> None:
    let(shop, "/users/1", reply(500, [], b"\x1b[2J\r\nfault: 7\x9b"))
    result = shop.call("home", "--param", "id=1")
    assert "own words: \\x1b[2J\\r\\nfault: 7\ufffd" in result.stderr


def test_secret_is_hidden_in_each_form_in_which_a_service_repeats_it(shop: Shop) -> None:
    def repeat(exchange: Exchange) -> None:
        forms = [SECRET, quote(SECRET), json.dumps(SECRET), SECRET.replace('"', "&quot;")]
        body = f"no key like {' or '.join(forms)}".encode()
        reply(401, [], body)(exchange)

    let(shop, "/users/1", repeat)
    for form in ("text", "json"):
        result = shop.call("home", "--param", "id=1", "--format", form)
        assert result.exit_code == 1
        assert "hush" not in result.output
        assert "no key like" in result.output


def test_token_of_the_gateway_is_a_request_and_is_hidden(shop: Shop) -> None:
    let(shop, "/token", json_reply('{"access_token": "hushtoken", "expires_in": 60}'))
    let(shop, "/users/1", lambda exchange: reply(403, [], exchange.request.head)(exchange))
    service = shop.folder / "services/shop.yaml"
    auth = "{token_url: SHOP/token, client_id: a, client_secret: '${secret.SHOP_KEY}'}"
    auth = auth.replace("SHOP/", f"{shop.server.url}/")
    text = service.read_text().partition("query: {key")[0]
    service.write_text(f"{text}auth: {{client_credentials: {auth}}}\n")
    result = shop.call("home", "--param", "id=1")
    assert result.exit_code == 1
    assert "hush" not in result.output
    assert f"POST {shop.server.url}/token" in result.stderr
    assert "•••" in result.stderr
    let(shop, "/token", json_reply('{"error": "invalid_client"}', 401))
    result = shop.call("home", "--param", "id=1")
    assert '"error": "invalid_client"' in result.stderr


def test_slow_service_is_a_timeout_and_bad_params_are_named(shop: Shop) -> None:
    let(shop, "/users/1", never())
    result = shop.call("home", "--param", "id=1")
    assert "✗ step user: timeout" in result.stderr
    result = shop.call("home", "--param", "id=0")
    assert (result.exit_code, json.loads(result.stdout)["status"]) == (1, 400)
    assert "no request to a service" in result.stderr
    assert "✗ param id: bad_params" in result.stderr
    assert "must be at least 1" in result.stderr


def test_many_requests_are_fifty_lines_and_all_in_json(shop: Shop) -> None:
    each = """
    endpoint: GET /many
    access: public
    steps:
      users:
        for_each: {over: "${items}", as: id, max: 100}
        call: shop.get_user
        with: {id: "${id}"}
    """.replace("${items}", "${`" + str(list(range(1, 61))) + "`}")
    (shop.folder / "compositions/many.yaml").write_text(dedent(each))
    for number in range(1, 61):
        let(shop, f"/users/{number}", USER)
    shown = shop.call("many").stderr
    assert shown.count("GET http") == 50
    assert "… and 10 more; --format json has all" in shown
    assert len(json.loads(shop.call("many", "--format", "json").stdout)["requests"]) == 60


# ---------------------------------------------------------------------------- what writes


def test_composition_that_writes_is_not_called_where_nobody_can_be_asked(shop: Shop) -> None:
    result = shop.call("order", "--param", "user_id=1")
    assert (result.exit_code, shop.asked()) == (1, [])
    assert result.stderr == (
        "Error: order writes: shop.create_order (POST /orders)."
        " Nobody can be asked here: --yes calls it\n"
    )
    let(shop, "/orders", json_reply('{"id": 5, "total": 1, "items": []}'))
    result = shop.call("order", "--param", "user_id=1", "--yes")
    assert (result.exit_code, len(shop.asked())) == (0, 1)
    assert json.loads(result.stdout)["order"]["id"] == 5


@pytest.mark.parametrize(("answer", "calls"), [("y", 1), ("n", 0)])
def test_person_at_a_terminal_is_asked_before_a_write(shop: Shop, answer: str, calls: int) -> None:
    let(shop, "/orders", json_reply('{"id": 5, "total": 1, "items": []}'))
    terminal, typed = pty.openpty()
    words = ["call", "order", "--param", "user_id=1", "--project", str(shop.folder)]
    try:
        os.write(terminal, f"{answer}\n".encode())
        done = subprocess.run(
            [sys.executable, "-m", "bff.cli", *words],
            stdin=typed,
            capture_output=True,
            env={**os.environ, "SHOP_KEY": SECRET},
            timeout=60,
        )
    finally:
        os.close(terminal)
        os.close(typed)
    assert (done.returncode == 0, len(shop.asked())) == (calls == 1, calls)
    assert b"order writes: shop.create_order (POST /orders). Call it?" in done.stderr


# ---------------------------------------------------------------------------- what is wrong


def test_words_that_name_nothing_are_errors_with_the_nearest_names(shop: Shop) -> None:
    wrong = {
        ("hom", "--param", "id=1"): "Error: unknown composition 'hom'.",
        ("home", "--param", "idd=1"): "Error: unknown param 'idd'. Known: id. Did you mean 'id'?\n"
        "missing param 'id': integer, --param id=…\n",
        ("home", "--param", "id"): "'id' is not NAME=VALUE.",
        ("home", "--param", "id=1", "--header", "hush"): "a header is 'NAME: VALUE'.",
        ("home", "--param", "id=all"): "with these params GET /home/all leads to 'home_all'",
        ("home", "--param", "id="): "with these params GET /home/ leads nowhere",
    }
    for words, message in wrong.items():
        result = shop.call(*words)
        assert (result.exit_code in (1, 2), result.stdout) == (True, "")
        assert message in result.stderr
        assert "hush" not in result.stderr
    assert shop.asked() == []


def test_missing_secret_and_bad_setting_are_reported_before_anything_is_called(shop: Shop) -> None:
    result = shop.call("home", "--param", "id=1", SHOP_KEY="")
    assert (result.exit_code, result.stdout) == (1, "")
    assert "SHOP_KEY" in result.stderr
    result = shop.call("home", "--param", "id=1", BFF_TRANSPORT="pigeon")
    assert result.stderr.startswith("Error: BFF_TRANSPORT: must be one of")
    assert shop.asked() == []


def test_what_the_cache_has_is_told(shop: Shop) -> None:
    with RedisServer() as redis:
        assert shop.call("stored", BFF_REDIS_URL=redis.url).exit_code == 0
        of_step = shop.call("stored", BFF_REDIS_URL=redis.url)
        assert shop.call("home", "--param", "id=1", BFF_REDIS_URL=redis.url).exit_code == 0
        before = len(shop.asked())
        whole = shop.call("home", "--param", "id=1", BFF_REDIS_URL=redis.url)
    assert "user  its reply came from the cache" in of_step.stderr
    assert len(shop.asked()) == before
    assert "Cache-Status: bff; hit; ttl=" in whole.stderr
    assert "no request to a service" in whole.stderr
    assert json.loads(whole.stdout)["user"]["firstName"] == "Ann"


OWN = """
endpoint: GET /own
access: {scopes: {all: [read]}}
steps: {user: {call: own.get_user, with: {id: 1}}}
"""


def test_call_plays_a_caller(shop: Shop) -> None:
    service = (shop.folder / "services/shop.yaml").read_text("utf-8")
    told = "auth: {relay: true}\ncaller_headers: {X-User: '${claims.sub}'}\n"
    (shop.folder / "services/own.yaml").write_text(service + told, "utf-8")
    (shop.folder / "compositions/own.yaml").write_text(OWN, "utf-8")
    assert shop.call("own").exit_code == 1
    claims = '{"sub": "ann", "scope": "read write"}'
    played = shop.call("own", "--claims", claims, "--token", "t0ken-of-ann")
    assert played.exit_code == 0, played.output
    (sent,) = shop.server.requests
    assert (sent.header("x-user"), sent.header("authorization")) == ("ann", "Bearer t0ken-of-ann")
    assert "t0ken-of-ann" not in played.output
    assert shop.call("own", "--claims", '{"sub": "ann"}', "--token", "t").exit_code == 1
    assert len(shop.server.requests) == 1


@pytest.mark.parametrize("claims", ["ann", "[]", '"ann"'])
def test_claims_that_are_no_object_are_refused(shop: Shop, claims: str) -> None:
    refused = shop.call("home_all", "--claims", claims)
    assert refused.exit_code == 1
    assert "--claims is no JSON object" in refused.output
