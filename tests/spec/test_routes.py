"""What routes pass beside the usual: named headers and cookies, and addresses behind a prefix."""

from tests.support.gateway.screens import Screen, Screens
from tests.support.upstream.wire import Exchange, RecordedRequest
from tests.support.upstream.wire_scripts import reply

PAGE = "https://app.example"
SCREEN = "{endpoint: GET /screen, steps: {user: {call: shop.get_user, with: {id: 1}}}}"
GATEWAY = f"""
routes:
  /shop:
    service: shop
    forward: [X-Api-Key]
    return: [X-Powered-By]
    cookies: [cart]
    expose: [Link, X-Total-Count]
  /kept: {{service: shop, strip: false}}
  /all: {{service: shop}}
cors: {{origins: ["{PAGE}"]}}
"""


def redirecting(exchange: Exchange) -> None:
    """As frameworks do: a slash is added by a redirect, with what the request says of the host."""
    request = exchange.request
    path, host = request.target, request.header("host")
    if path.endswith("/"):
        reply(body=path.encode())(exchange)
    elif path.endswith("/whole"):
        reply(302, [("Location", f"http://{host}{path}/"), ("Content-Location", "/a")])(exchange)
    elif path.endswith("/knowing"):
        prefix = request.header("x-forwarded-prefix") or ""
        reply(308, [("Location", f"{prefix}{path}/")])(exchange)
    else:
        reply(307, [("Location", f"{path}/")])(exchange)


def followed(screen: Screen, target: str) -> tuple[str | None, bytes]:
    """Where a redirect leads, and what is there."""
    location = screen.get(target).header("location")
    assert location is not None
    return location, screen.get(location).body


def test_redirect_behind_a_stripped_prefix_leads_back_through_it(screens: Screens) -> None:
    screen = screens(SCREEN, redirecting, gateway=GATEWAY)
    for path in ("items", "items/whole", "knowing"):
        expected = f"/shop/{path}/", f"/{path}/".encode()
        assert followed(screen, f"/shop/{path}") == expected
    whole = screen.get("/shop/whole")
    assert whole.header("content-location") == "/shop/a"
    assert "127.0.0.1" not in str(whole.headers)


def test_redirect_of_a_route_that_keeps_its_prefix_names_no_inner_host(screens: Screens) -> None:
    screen = screens(SCREEN, redirecting, gateway=GATEWAY)
    for path in ("items", "items/whole", "knowing"):
        assert followed(screen, f"/kept/{path}") == (f"/kept/{path}/", f"/kept/{path}/".encode())


def test_service_is_told_of_what_was_stripped_and_slashes_stay(screens: Screens) -> None:
    screen = screens(SCREEN, reply(body=b"ok"), gateway=GATEWAY)

    def sent(target: str) -> RecordedRequest:
        assert screen.get(target, x_forwarded_prefix="/evil").status == 200
        return screen.upstream.requests[-1]

    for target, inner in (("/shop", "/"), ("/shop/", "/"), ("/shop/a/", "/a/"), ("/shop/a", "/a")):
        request = sent(target)
        assert (request.target, request.header("x-forwarded-prefix")) == (inner, "/shop")
    assert sent("/kept/a/").header("x-forwarded-prefix") is None


def test_prefix_alone_asks_for_the_path_of_the_base(screens: Screens) -> None:
    base = {"based": "base: {shop}/api/v1\noperations: {get: {request: GET /, returns: none}}\n"}
    routes = "routes: {/based: {service: based}}"
    screen = screens(SCREEN, reply(body=b"ok"), gateway=routes, services=base)
    for target in ("/based", "/based?a=1", "/based/", "/based/x"):
        assert screen.get(target).status == 200
    assert screen.calls() == [
        "GET /api/v1", "GET /api/v1?a=1", "GET /api/v1/", "GET /api/v1/x",
    ]  # fmt: skip


def test_named_headers_and_cookies_pass_and_others_do_not(screens: Screens) -> None:
    cookies = [("Set-Cookie", f"{name}=1; Path=/; Domain=shop.example") for name in ("cart", "sid")]
    screen = screens(
        SCREEN, reply(200, [("X-Powered-By", "shop/1"), *cookies], b"ok"), gateway=GATEWAY
    )
    headers = [("X-Api-Key", "k"), ("X-Other", "o"), ("Cookie", "sid=2; cart=3; __Host-bff=4")]
    answers = {path: screen.request("GET", path, headers) for path in ("/shop/x", "/all/x")}
    named, unnamed = screen.upstream.requests
    assert (named.header("x-api-key"), named.header("cookie")) == ("k", "cart=3")
    assert (unnamed.header("x-api-key"), unnamed.header("cookie")) == (None, None)
    assert named.header("x-other") is None
    set_cookies = {
        path: [value for name, value in answer.headers if name.lower() == "set-cookie"]
        for path, answer in answers.items()
    }
    assert set_cookies == {"/shop/x": ["cart=1; Path=/shop"], "/all/x": []}
    assert answers["/shop/x"].header("x-powered-by") == "shop/1"
    assert answers["/all/x"].header("x-powered-by") is None


def test_pages_may_read_what_a_route_exposes_of_its_own_replies(screens: Screens) -> None:
    screen = screens(
        SCREEN, reply(200, [("Link", "</2>"), ("X-Total-Count", "7")]), gateway=GATEWAY
    )
    exposed = {
        path: screen.get(path, origin=PAGE).header("access-control-expose-headers") or ""
        for path in ("/shop/x", "/all/x")
    }
    assert exposed["/shop/x"] == exposed["/all/x"] + ", Link, X-Total-Count"
    stranger = screen.get("/shop/x", origin="https://evil.example")
    assert stranger.header("access-control-expose-headers") is None
    assert stranger.header("vary") == "Origin"
    asked = [("Origin", PAGE), ("Access-Control-Request-Method", "GET")]
    asked.append(("Access-Control-Request-Headers", "x-api-key, x-evil"))
    preflight = screen.request("OPTIONS", "/shop/x", asked)
    assert preflight.header("access-control-allow-headers") == "x-api-key"
