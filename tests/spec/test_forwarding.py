"""What a composition sends upstream: only what is declared, byte for byte."""

import pytest

from bff.version import __version__
from tests.support.gateway.screens import Screens, value_reply
from tests.support.upstream.wire_scripts import refusing_url

LOOSE = {"/look": value_reply({"value": 1})}

SEARCH = """
    endpoint: GET /screen
    params:
      text: {type: string, required: false}
      whole: {type: integer, required: false}
      part: {type: number, required: false}
      flag: {type: boolean, required: false}
      tags: {type: array, items: {type: string}, required: false}
    steps:
      look:
        call: shop.look
        with:
          text: ${params.text}
          whole: ${params.whole}
          part: ${params.part}
          flag: ${params.flag}
          tags: ${params.tags}
    """


def test_request_on_the_wire_has_the_declared_param_and_the_gateways_headers_alone(
    screens: Screens,
) -> None:
    """Whatever the client sends; identity, cookies and forwarding headers among it."""
    screen = screens(SEARCH, LOOSE)
    answer = screen.request(
        "GET",
        "/screen?text=a&undeclared=1",
        [
            ("Authorization", "Bearer hush"),
            ("Cookie", "session=hush"),
            ("X-Tenant", "evil"),
            ("X_Tenant", "evil"),
            ("X-Forwarded-For", "1.2.3.4"),
            ("X-Request-ID", "r-1"),
            ("Accept", "text/html"),
            ("Accept-Encoding", "gzip"),
            ("User-Agent", "browser"),
            ("Forwarded", "for=1.2.3.4"),
            ("If-None-Match", '"x"'),
            ("Range", "bytes=0-1"),
            ("traceparent", "00-0-0-00"),
        ],
    )
    assert answer.status == 200
    (request,) = screen.upstream.requests
    assert request.head == (
        b"GET /look?text=a HTTP/1.1\r\n"
        b"host: 127.0.0.1:%d\r\n"
        b"accept: application/json\r\n"
        b"accept-encoding: identity\r\n"
        b"user-agent: bff/%s\r\n"
        b"x-request-id: r-1\r\n"
        b"traceparent: %b\r\n\r\n"
        % (
            screen.upstream.port,
            __version__.encode(),
            (request.header("traceparent") or "").encode(),
        )
    )
    assert request.body == b""


def test_header_goes_on_only_through_a_declared_param(screens: Screens) -> None:
    screen = screens(
        """
        endpoint: GET /screen
        params: {X-Tenant: {in: header, type: string}}
        steps:
          first: {call: shop.look, with: {X-Tenant: '${params."X-Tenant"}'}}
          second: {call: shop.look, with: {whole: 2}, after: first}
        """,
        LOOSE,
    )
    assert screen.get(x_tenant="acme  co").status == 200
    first, second = screen.upstream.requests
    assert first.header("x-tenant") == "acme  co"
    assert second.header("x-tenant") is None


def test_header_value_with_a_line_break_is_never_sent(screens: Screens) -> None:
    screen = screens(
        """
        endpoint: GET /screen
        params: {text: {type: string}}
        steps: {look: {call: shop.look, with: {X-Tenant: '${params.text}'}}}
        """,
        LOOSE,
    )
    for text in ("a%0d%0aX-Evil:1", "a%0a", "a%7f"):
        answer = screen.get(f"/screen?text={text}")
        assert (answer.status, answer.json()["reason"]) == (400, "bad_params")
    assert screen.calls() == []
    assert screen.get("/screen?text=a").status == 200


def test_values_are_rendered_in_one_strict_form(screens: Screens) -> None:
    screen = screens(SEARCH, LOOSE)
    for query, sent in (
        ("whole=7", "?whole=7"),
        ("whole=-9223372036854775808", "?whole=-9223372036854775808"),
        ("part=1e21", "?part=1000000000000000000000"),
        ("part=1e-7", "?part=0.0000001"),
        ("flag=true", "?flag=true"),
        ("tags=a&tags=b&tags=a", "?tags=a&tags=b&tags=a"),
        ("tags=a,b", "?tags=a%2Cb"),
        ("text=a+b%26c%3Dd%23%3F%2F", "?text=a%20b%26c%3Dd%23%3F%2F"),
        ("text=%C3%A9%F0%9F%98%80", "?text=%C3%A9%F0%9F%98%80"),
        ("text=%2525", "?text=%2525"),
        ("text=a%0Ab", "?text=a%0Ab"),
        ("text=!*'()~._-", "?text=%21%2A%27%28%29~._-"),
        ("", ""),
    ):
        assert screen.get(f"/screen?{query}").status == 200
        assert screen.calls()[-1] == f"GET /look{sent}"


def test_params_stand_in_the_order_that_the_operation_declares(screens: Screens) -> None:
    screen = screens(SEARCH, LOOSE)
    screen.get("/screen?tags=z&flag=true&whole=1&text=a&part=2")
    assert screen.calls() == ["GET /look?text=a&whole=1&part=2&flag=true&tags=z"]


def test_path_value_that_would_be_another_path_is_refused_before_anything_is_sent(
    screens: Screens,
) -> None:
    """The value comes in a query, where it may hold anything."""
    screen = screens(
        """
        endpoint: GET /screen
        params: {path: {type: string}}
        steps: {file: {call: shop.get_file, with: {path: '${params.path}'}}}
        """,
        {"/files/x/meta": value_reply({})},
    )
    for segment in (".", "..", "...", "%2e%2e", "%252e%252e", "..%2f..", "a%2fb", "a%5cb", "%2f",
                    "..%5c", "%2e.", ".%252e"):  # fmt: skip
        answer = screen.get(f"/screen?path={segment}")
        assert (answer.status, answer.json()["reason"]) == (400, "bad_params")
        assert answer.json()["detail"].startswith("The step 'file' failed: the param 'path' ")
        (error,) = answer.json()["errors"]
        assert (error["name"], error["in"]) == ("path", "query")
    assert screen.calls() == []
    assert screen.get("/screen?path=x").status == 200


def test_path_values_are_encoded_so_that_they_stay_one_segment(screens: Screens) -> None:
    screen = screens(
        """
        endpoint: GET /screen
        params: {path: {type: string}}
        steps: {file: {call: shop.get_file, with: {path: '${params.path}'}}}
        """,
        value_reply({}),
    )
    for value, sent in (
        ("a%20b", "a%20b"),
        ("a%3Fb%23c", "a%3Fb%23c"),
        ("a%3Bb%3Dc", "a%3Bb%3Dc"),
        (".a", ".a"),
        ("a..b", "a..b"),
        ("%C3%A9", "%C3%A9"),
        ("%25", "%25"),
        ("a%40b%3A1", "a%40b%3A1"),
    ):
        assert screen.get(f"/screen?path={value}").status == 200
        assert screen.calls()[-1] == f"GET /files/{sent}/meta"


def test_slashes_pass_where_the_operation_says_so_and_dots_never(screens: Screens) -> None:
    screen = screens(
        """
        endpoint: GET /screen
        params: {path: {type: string}}
        steps: {file: {call: shop.get_deep_file, with: {path: '${params.path}'}}}
        """,
        value_reply({}),
    )
    assert screen.get("/screen?path=a/b%20c/d").status == 200
    assert screen.calls() == ["GET /deep/a/b%20c/d"]
    for path in ("a/../b", "../a", "a/..", "a/%252e%252e/b", "a//b", "/a", "a/"):
        assert screen.get(f"/screen?path={path}").status == 400
    assert len(screen.calls()) == 1


def test_path_param_from_the_clients_path_is_decoded_once(screens: Screens) -> None:
    screen = screens(
        """
        endpoint: GET /screen/{path}
        params: {path: {type: string}}
        steps: {file: {call: shop.get_file, with: {path: '${params.path}'}}}
        """,
        value_reply({}),
    )
    for target, call in (
        ("/screen/a+b", "GET /files/a%2Bb/meta"),
        ("/screen/a%20b", "GET /files/a%20b/meta"),
        ("/screen/%2525", "GET /files/%2525/meta"),
        ("/screen/%C3%A9", "GET /files/%C3%A9/meta"),
        ("/screen/a;b=c", "GET /files/a%3Bb%3Dc/meta"),
    ):
        assert screen.get(target).status == 200
        assert screen.calls()[-1] == call
    before = len(screen.calls())
    for target in ("/screen/%2e%2e", "/screen/a%2Fb", "/screen/%252e%252e"):
        assert screen.get(target).status == 400
    assert len(screen.calls()) == before


def test_null_in_a_body_goes_out_as_null_and_in_a_query_not_at_all(screens: Screens) -> None:
    screen = screens(
        """
        endpoint: POST /screen
        params: {note: {in: body, type: string, required: false}}
        steps:
          look: {call: shop.look, with: {text: '${params.note}', whole: 1}}
          order: {call: shop.create_order, with: {user_id: 1, note: '${params.note}'}}
        """,
        LOOSE | {"/orders": value_reply({"id": 1, "total": 1, "items": []})},
    )
    assert screen.post({}).status == 200
    assert screen.calls() == ["GET /look?whole=1", "POST /orders"]
    assert screen.upstream.requests[1].body in (b'{"user_id":1,"note":null}', b'{"user_id":1}')


def test_base_with_a_path_is_kept_and_instances_take_turns(screens: Screens) -> None:
    screen = screens(
        """
        endpoint: GET /screen
        steps: {a: {call: two.get}}
        """,
        value_reply({}),
        services={
            "two": """
            instances: ['{shop}/one', '{shop}/two/']
            operations:
              get: {request: GET /x, returns: 'schemas.shop:Loose'}
            """
        },
    )
    assert [screen.get().status for _ in range(3)] == [200, 200, 200]
    assert screen.calls() in (
        ["GET /one/x", "GET /two/x", "GET /one/x"],
        ["GET /two/x", "GET /one/x", "GET /two/x"],
    )


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_service_with_a_dead_instance_answers_every_call_of_steps_and_routes(
    screens: Screens, method: str
) -> None:
    with refusing_url() as dead:
        screen = screens(
            f"""
            endpoint: {method} /screen
            steps:
              a: {{call: two.get}}
              b: {{call: two.get, after: a}}
            """,
            value_reply({}),
            services={
                "two": f"""
                instances: ['{dead}', '{{shop}}']
                operations:
                  get: {{request: {method} /x, returns: 'schemas.shop:Loose'}}
                """
            },
            gateway="routes: {/raw: {service: two}}",
        )
        for target in ("/screen", "/raw/x", "/screen", "/raw/x"):
            assert screen.request(method, target).status == 200
