"""What `bff call` shows in a terminal and a pipe, of services that answer well and badly."""

import json
from collections.abc import Iterator
from pathlib import Path
from textwrap import dedent
from urllib.parse import quote

import pytest

from tests.support.gateway.called_shop import SECRET, USER, Shop, called_shop, let
from tests.support.redis.server import RedisServer
from tests.support.upstream.wire import Exchange
from tests.support.upstream.wire_scripts import json_reply, never, reply


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    with called_shop(tmp_path) as shop:
        yield shop


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
