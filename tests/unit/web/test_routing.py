"""Which composition or route takes a path; the rules at the top of `bff.web.serving.routing`."""

import sys
from types import SimpleNamespace
from typing import Any

import pytest

from bff.web.serving.matches import BadPath, NoMatch, ToComposition, ToRoute, WrongMethod
from bff.web.serving.routing import EVERY_METHOD, RoutingTable
from tests.support.upstream.routes import declared_route


def composition(endpoint: str) -> Any:
    """What the table reads of a composition; the endpoint's text is its name."""
    method, path_text = endpoint.split(" ")
    path = tuple(
        SimpleNamespace(name=segment[1:-1].removesuffix("..."), is_rest=segment.endswith("...}"))
        if segment.startswith("{")
        else segment
        for segment in path_text[1:].split("/")
        if segment
    )
    return SimpleNamespace(name=endpoint, method=method, path=path)


def table(*endpoints: str, routes: tuple[str, ...] = ()) -> RoutingTable:
    return RoutingTable(
        [composition(endpoint) for endpoint in endpoints],
        [declared_route(prefix, "shop") for prefix in routes],
    )


FILES = "GET /files/{path...}"
FILE = "GET /files/{name}"
META = "GET /files/{name}/meta"
PUBLIC = "GET /files/public/{path...}"
HOME = "GET /screens/home/{user_id}"
MINE = "GET /screens/home/mine"
ITEMS = "GET /screens/{kind}/items"


@pytest.mark.parametrize(
    ("path", "name", "params"),
    [
        ("/screens/home/5", HOME, {"user_id": "5"}),
        ("/screens/home/mine", MINE, {}),
        ("/screens/home/min%65", MINE, {}),
        ("/screens/home/Mine", HOME, {"user_id": "Mine"}),
        ("/screens/home/items", HOME, {"user_id": "items"}),
        ("/screens/cart/items", ITEMS, {"kind": "cart"}),
        ("/screens/home/a%2Fb", HOME, {"user_id": "a/b"}),
        ("/screens/home/a%252Fb", HOME, {"user_id": "a%2Fb"}),
        ("/screens/home/%C3%A9", HOME, {"user_id": "é"}),
        ("/screens/home/\xc3\xa9", HOME, {"user_id": "é"}),
        ("/screens/home/a+b;c=d", HOME, {"user_id": "a+b;c=d"}),
        ("/screens/home/%2e%2e", HOME, {"user_id": ".."}),
    ],
)
def test_path_goes_to_its_composition(path: str, name: str, params: dict[str, str]) -> None:
    assert table(HOME, MINE, ITEMS).match("GET", path) == ToComposition(name, params)


@pytest.mark.parametrize(
    "path",
    [
        "/", "", "*", "/screens", "/screens/home", "/screens/home/", "/screens//home/5",
        "//screens/home/5", "/screens/home/5/", "/screens/home/mine/", "/Screens/home/5",
        "/screens%2Fhome/5", "/screens/../screens/home/5", "http://a/screens/home/5",
    ],
)  # fmt: skip
def test_path_of_nothing_is_not_redirected_or_repaired(path: str) -> None:
    assert table(HOME, MINE).match("GET", path) == NoMatch()


@pytest.mark.parametrize("path", ["/home/%", "/home/%2", "/home/%zz", "/home/%ff", "/home/%+1"])
def test_broken_percent_encoding_is_a_bad_path(path: str) -> None:
    assert table("GET /home/{id}").match("GET", path) == BadPath()


def test_static_segment_that_leads_nowhere_gives_way_to_the_param() -> None:
    routing = table("GET /a/b/d", "GET /a/{x}/c", "GET /a/{x}/{y}")
    assert routing.match("GET", "/a/b/d") == ToComposition("GET /a/b/d", {})
    assert routing.match("GET", "/a/b/c") == ToComposition("GET /a/{x}/c", {"x": "b"})
    assert routing.match("GET", "/a/b/e") == ToComposition("GET /a/{x}/{y}", {"x": "b", "y": "e"})


def test_params_of_one_place_keep_their_own_names() -> None:
    routing = table("GET /a/{x}/c", "GET /a/{y}/d")
    assert routing.match("GET", "/a/1/d") == ToComposition("GET /a/{y}/d", {"y": "1"})


def test_method_that_the_static_path_lacks_is_taken_by_the_param() -> None:
    routing = table("POST /a/b", "GET /a/{x}")
    assert routing.match("GET", "/a/b") == ToComposition("GET /a/{x}", {"x": "b"})
    assert routing.match("POST", "/a/b") == ToComposition("POST /a/b", {})
    allow = ("GET", "HEAD", "OPTIONS", "POST")
    assert routing.match("PUT", "/a/b") == WrongMethod(allow)
    assert routing.allowed_methods("/a/b") == allow


def test_wrong_method_names_the_right_ones() -> None:
    assert table("POST /a/{x}").match("GET", "/a/1") == WrongMethod(("OPTIONS", "POST"))
    own = RoutingTable([], [], own={"/bff/logout": ("GET",)})  # which takes no HEAD
    assert own.match("POST", "/bff/logout") == WrongMethod(("GET", "OPTIONS"))


def test_head_goes_where_get_goes() -> None:
    routing = table("GET /a/b", "GET /a/{x}", "POST /c")
    assert routing.match("HEAD", "/a/b") == ToComposition("GET /a/b", {})
    assert routing.match("HEAD", "/a/1") == ToComposition("GET /a/{x}", {"x": "1"})
    assert routing.match("HEAD", "/c") == WrongMethod(("OPTIONS", "POST"))


def test_root_path_can_be_a_composition() -> None:
    assert table("GET /").match("GET", "/") == ToComposition("GET /", {})
    assert table("GET /").match("GET", "//") == NoMatch()


@pytest.mark.parametrize(
    ("path", "prefix", "below"),
    [
        ("/raw", "/raw", ""),
        ("/raw/", "/raw", "/"),
        ("/raw/x/y", "/raw", "/x/y"),
        ("/raw/x%2Fy//z/", "/raw", "/x%2Fy//z/"),
        ("/raw/deep", "/raw/deep", ""),
        ("/raw/deep/x", "/raw/deep", "/x"),
        ("/raw/deeper", "/raw", "/deeper"),
    ],
)
def test_longest_prefix_that_ends_with_a_segment_takes_the_path(
    path: str, prefix: str, below: str
) -> None:
    match = table(routes=("/raw", "/raw/deep")).match("PATCH", path)
    assert match == ToRoute(declared_route(prefix, "shop"), below)


def test_prefix_has_the_one_spelling_that_is_forwarded() -> None:
    routing = table(routes=("/raw", "/ä b"))
    for other in ("/r%61w/x", "/%72aw/", "/%c3%a4%20b/x"):
        assert routing.match("GET", other) == NoMatch()
    match = routing.match("GET", "/%C3%A4%20b/x")
    assert isinstance(match, ToRoute)
    assert (match.route.prefix, match.below) == ("/ä b", "/x")


@pytest.mark.parametrize(
    "path",
    ["/raw/%61dmin/x", "/raw//admin/x", "/raw/%2fadmin/x", "/raw/a/%2e/admin", "/raw/users//7",
     "/raw/us%65rs/7", "/raw%2Fadmin/x"],
)  # fmt: skip
def test_path_that_a_service_may_read_as_another_endpoints_is_no_route(path: str) -> None:
    routing = table("GET /raw/users/{id}", routes=("/raw", "/raw/admin"))
    match = routing.match("GET", path)
    assert not isinstance(match, ToRoute) or match.route.prefix == "/raw", path
    if path not in ("/raw/a/%2e/admin", "/raw/us%65rs/7"):
        assert match in (BadPath(), NoMatch())


@pytest.mark.parametrize("path", ["/raw//x", "/raw/a%2Fb", "/raw/x/", "/raw/%61", "/raw/x//admin"])
def test_path_that_every_service_reads_below_the_same_prefix_is_the_routes(path: str) -> None:
    match = table("GET /raw/users/{id}", routes=("/raw", "/raw/admin")).match("GET", path)
    assert isinstance(match, ToRoute)
    assert match.below == path.removeprefix("/raw")


@pytest.mark.parametrize(
    "path",
    ["/admin;/x", "/admin;a=b/x", "/admin%3b/x", "/;/admin/x", "/admin%5cx", "/%5cadmin/x",
     "/admin\\x", "/users;x/7", "/admin;"],
)  # fmt: skip
def test_params_of_segments_and_backslashes_lead_to_no_other_endpoint(path: str) -> None:
    """A public route before the paths of a private one: servers of Java's cut `;…`, and some take a
    backslash for a slash."""
    routing = table("GET /users/{id}", routes=("", "/admin"))
    assert routing.match("GET", path) == BadPath()
    match = routing.match("GET", f"/admin{path}")
    assert isinstance(match, ToRoute)
    assert match.route.prefix == "/admin"


@pytest.mark.parametrize("path", ["/;v=1/a;b/%20c", "/a;b=c", "/x%5cy"])
def test_params_of_segments_pass_where_they_lead_nowhere_else(path: str) -> None:
    match = table(routes=("/raw", "/raw/a", "/a;b")).match("GET", f"/a;b{path}")
    assert isinstance(match, ToRoute)
    assert (match.route.prefix, match.below) == ("/a;b", path)


def test_url_prefix_stands_before_compositions_and_routes() -> None:
    found = RoutingTable(
        [composition("GET /a/{x}")],
        [declared_route("/raw", "shop")],
        "/api/v1",
    )
    assert found.match("GET", "/api/v1/a/5") == ToComposition("GET /a/{x}", {"x": "5"})
    match = found.match("GET", "/api/v1/raw/5")
    assert isinstance(match, ToRoute)
    assert (match.route.prefix, match.below) == ("/raw", "/5")
    assert found.match("GET", "/a/5") == found.match("GET", "/raw/5") == NoMatch()


@pytest.mark.parametrize("path", ["/", "/rawx", "/raw%2Fx", "/x/raw"])
def test_prefix_ends_at_a_segments_end(path: str) -> None:
    assert table(routes=("/raw",)).match("GET", path) == NoMatch()


def test_empty_prefix_takes_what_is_left() -> None:
    routing = table("GET /a", routes=("",))
    everything = declared_route("", "shop")
    assert routing.match("GET", "/") == ToRoute(everything, "/")
    assert routing.match("GET", "/b/c") == ToRoute(everything, "/b/c")
    assert routing.match("OPTIONS", "*") == NoMatch()


def test_composition_wins_over_a_route_for_its_own_methods() -> None:
    routing = table("GET /raw/{id}", routes=("/raw",))
    assert routing.match("GET", "/raw/1") == ToComposition("GET /raw/{id}", {"id": "1"})
    assert routing.match("POST", "/raw/1") == ToRoute(declared_route("/raw", "shop"), "/1")
    assert routing.allowed_methods("/raw/1") == EVERY_METHOD


def test_matching_takes_as_many_instructions_among_ten_thousand_as_among_ten() -> None:
    def instructions(count: int) -> int:
        routing = table(*(f"GET /screens/s{index}/{{id}}" for index in range(count)))
        executed = 0

        def trace(frame: Any, event: str, _: Any) -> Any:
            nonlocal executed
            frame.f_trace_opcodes = True
            executed += event == "opcode"
            return trace

        before = sys.gettrace()
        sys.settrace(trace)
        try:
            match = routing.match("GET", "/screens/s7/1")
        finally:
            sys.settrace(before)
        assert match == ToComposition("GET /screens/s7/{id}", {"id": "1"})
        return executed

    few = instructions(10)
    assert few > 0
    assert instructions(10_000) == few


def test_what_was_matched_lately_is_found_again() -> None:
    routing = table("GET /a/{x}", "GET /b", "POST /a/{y}")
    for number in [*range(10_000), 1, 1]:
        match = routing.match("GET", f"/a/{number}")
        assert match == ToComposition("GET /a/{x}", {"x": str(number)})
    assert routing.match("POST", "/a/1") == ToComposition("POST /a/{y}", {"y": "1"})
    assert routing.match("GET", "/b") == ToComposition("GET /b", {})
    assert routing.match("GET", "/a/") == NoMatch()


# ------------------------------------------------------------------------------ the rest of a path


@pytest.mark.parametrize(
    ("path", "name", "params"),
    [
        ("/files/a", FILE, {"name": "a"}),
        ("/files/a/b", FILES, {"path": "a/b"}),
        ("/files/a/b/c.d", FILES, {"path": "a/b/c.d"}),
        ("/files/a/meta", META, {"name": "a"}),
        ("/files/a/meta/b", FILES, {"path": "a/meta/b"}),
        ("/files/public/a/meta", PUBLIC, {"path": "a/meta"}),
        ("/files/public", FILE, {"name": "public"}),
        ("/files/a%2Fb/c", FILES, {"path": "a%2Fb/c"}),
        ("/files/a%2fb/%20%C3%A9", FILES, {"path": "a%2fb/ é"}),
        ("/files/a%252Fb/100%25", FILES, {"path": "a%252Fb/100%"}),
        ("/files/%25%2F/x", FILES, {"path": "%%2F/x"}),
        ("/files/%2E%2E/x", FILES, {"path": "../x"}),
        ("/files/\xc3\xa9/x", FILES, {"path": "é/x"}),
    ],
)
def test_rest_of_a_path_is_one_text_in_which_an_encoded_slash_stays(
    path: str, name: str, params: dict[str, str]
) -> None:
    """Static segments win, then params, then the rest."""
    match = table(FILES, FILE, META, PUBLIC).match("GET", path)
    assert match == ToComposition(name, params)


@pytest.mark.parametrize("path", ["/files", "/files/", "/files//", "/files/a/", "/files/a//b"])
def test_rest_that_is_empty_or_has_an_empty_segment_does_not_match(path: str) -> None:
    assert table(FILES).match("GET", path) == NoMatch()


@pytest.mark.parametrize(
    "path", ["/files/a%252%46b", "/files/a%2%35%32F", "/files/%zz", "/files/%FF"]
)
def test_rest_that_reads_in_two_ways_is_a_bad_path(path: str) -> None:
    """Its text would hold an encoded slash that it did not come with."""
    assert table(FILES).match("GET", path) == BadPath()


def test_rest_takes_the_methods_that_it_has() -> None:
    matcher = table(FILES, "PUT /files/{path...}", routes=("/files",))
    assert matcher.match("PUT", "/files/a/b") == ToComposition(
        "PUT /files/{path...}", {"path": "a/b"}
    )
    assert isinstance(matcher.match("POST", "/files/a/b"), ToRoute)
    without_route = table(FILES)
    assert without_route.match("POST", "/files/a/b") == WrongMethod(("GET", "HEAD", "OPTIONS"))
    assert without_route.allowed_methods("/files/a%252%46/b") == ("GET", "HEAD", "OPTIONS")


def test_path_to_a_route_that_a_rest_would_take_once_decoded_is_refused() -> None:
    matcher = table("GET /raw/files/{path...}", routes=("/raw",))
    assert matcher.match("GET", "/raw/files%2Fa%25") == BadPath()
