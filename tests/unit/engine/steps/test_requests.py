"""What a step's values look like on the wire, and what is refused before it gets there."""

import json
from dataclasses import replace

import pytest

from bff import __version__
from bff.engine.steps.requests import compile_renderer
from bff.engine.values.limits import FORM_BYTES, Budget
from bff.errors import TooLargeError
from tests.support.plan.engine_runs import run
from tests.support.plan.plans import compose, operation, param, step
from tests.support.upstream.scripted_transport import json_reply


def rendered(of, values, budget=1_000_000):
    return compile_renderer(of)(values, Budget(budget, "requests"))


def target(request, values, *params):
    return rendered(operation(request, *params), values).target


def sent_headers(values, *params):
    return as_texts(rendered(operation("GET /x", *params), values))


def as_texts(request):
    return {name.decode(): value.decode() for name, value in request.headers}


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (7, "7"),
        (-7, "-7"),
        (10**20, "100000000000000000000"),
        (True, "true"),
        (False, "false"),
        (0.1, "0.1"),
        (5.0, "5.0"),
        (1e22, "10000000000000000000000"),
        (1e-7, "0.0000001"),
        (-2.5e-9, "-0.0000000025"),
        ("abc-._~", "abc-._~"),
        ("a b&c=d/e?f#g+h%i,j;k:l@m", "a%20b%26c%3Dd%2Fe%3Ff%23g%2Bh%25i%2Cj%3Bk%3Al%40m"),
        ("ü€😀", "%C3%BC%E2%82%AC%F0%9F%98%80"),
        ("\r\n\0", "%0D%0A%00"),
    ],
)
def test_scalars_have_one_text_form(value, text):
    assert target("GET /x", {"q": value}, param("q")) == f"/x?q={text}"


@pytest.mark.parametrize("value", [{"a": 1}, None, float("inf"), float("nan"), "\ud800", [[1]]])
def test_what_has_no_text_form_is_refused(value):
    with pytest.raises(ValueError):  # noqa: PT011  (each has its own words)
        target("GET /x", {"q": value}, param("q"))


def test_params_stand_in_declared_order_and_those_without_a_value_are_left_out():
    params = [param("b"), param("a"), param("c d")]
    assert target("GET /x", {"a": 1, "b": 2, "c d": 3}, *params) == "/x?b=2&a=1&c%20d=3"
    assert target("GET /x", {"a": 1}, *params) == "/x?a=1"
    assert target("GET /x", {}, *params) == "/x"


def test_empty_text_is_sent_as_such():
    assert target("GET /x", {"q": ""}, param("q")) == "/x?q="


def test_lists_are_repeated_or_separated_by_commas():
    assert target("GET /x", {"q": [1, "b c"]}, param("q", is_list=True)) == "/x?q=1&q=b%20c"
    comma = param("q", is_list=True, style="comma")
    assert target("GET /x", {"q": [1, "b c"]}, comma) == "/x?q=1,b%20c"


def test_element_that_holds_a_comma_is_refused_where_commas_separate():
    with pytest.raises(ValueError, match="comma"):
        target("GET /x", {"q": ["1,2"]}, param("q", is_list=True, style="comma"))


@pytest.mark.parametrize("style", ["repeat", "comma", "space", "pipe"])
def test_empty_list_is_left_out_where_optional_and_refused_where_required(style):
    optional = param("q", is_list=True, style=style, required=False)
    assert target("GET /x", {"q": []}, optional) == "/x"
    with pytest.raises(ValueError, match="empty list"):
        target("GET /x", {"q": []}, param("q", is_list=True, style=style))


@pytest.mark.parametrize(
    ("value", "segment"),
    [
        (7, "7"),
        ("a b", "a%20b"),
        ("...a", "...a"),
        (".hidden", ".hidden"),
        ("a%2Fb", "a%252Fb"),
        ("?#;", "%3F%23%3B"),
        (["a", 2], "a,2"),
    ],
)
def test_path_values_are_encoded(value, segment):
    assert target("GET /x/{id}/y", {"id": value}) == f"/x/{segment}/y"


@pytest.mark.parametrize(
    "value",
    [
        "",
        ".",
        "..",
        "...",
        "a/b",
        "/",
        "a\\b",
        "..\\",
        "%2e",
        "%2E%2e",
        "%252e%252e",
        "..%2f..",
        "%2e%2e%5cetc",
        [],
        ["a", ".."],
        ["a/b"],
        ["a", ""],
    ],
)
def test_path_value_that_would_be_another_path_is_refused(value):
    with pytest.raises(ValueError, match=r"slash|dots|empty"):
        target("GET /x/{id}", {"id": value})


def test_slashes_go_through_where_the_operation_says_so():
    slash = param("key", "path", slash=True)
    assert target("GET /x/{key}", {"key": "a b/c"}, slash) == "/x/a%20b/c"


@pytest.mark.parametrize("value", ["a/../b", "../a", "a/.", "a//b", "/a", "a/", "a/%2e%2e/b", ""])
def test_dots_and_empty_segments_are_refused_even_where_slashes_may_be(value):
    with pytest.raises(ValueError, match="dots"):
        target("GET /x/{key}", {"key": value}, param("key", "path", slash=True))


def test_every_request_has_the_fixed_headers_and_no_others():
    assert sent_headers({}) == {
        "accept": "application/json",
        "accept-encoding": "identity",
        "user-agent": f"bff/{__version__}",
    }


def test_header_param_is_sent_and_replaces_a_fixed_one():
    named = operation(
        "GET /x",
        param("x-tenant", "header"),
        param("accept", "header"),
        param("x-absent", "header", required=False),
    )
    headers = rendered(named, {"x-tenant": " blue \t", "accept": "text/plain"}).headers
    assert sorted(headers) == [
        (b"accept", b"text/plain"),
        (b"accept-encoding", b"identity"),
        (b"user-agent", f"bff/{__version__}".encode()),
        (b"x-tenant", b"blue"),
    ]


def test_list_in_a_header_is_repeated_or_separated_by_commas():
    repeated = operation("GET /x", param("h", "header", is_list=True))
    assert rendered(repeated, {"h": [1, True]}).headers[-2:] == ((b"h", b"1"), (b"h", b"true"))
    comma = param("h", "header", is_list=True, style="comma")
    assert sent_headers({"h": [1, "b"]}, comma)["h"] == "1,b"


@pytest.mark.parametrize("value", ["a\r\nx: y", "a\nb", "a\0b", "a\x7f", "\x1b[0m"])
def test_header_value_that_no_header_may_hold_is_refused(value):
    with pytest.raises(ValueError, match="no header may hold"):
        sent_headers({"h": value}, param("h", "header"))


@pytest.mark.parametrize("text", ["Zürich", "5 €", "😀"])
def test_header_value_goes_out_in_utf_8_as_header_params_are_read(text):
    request = rendered(operation("GET /x", param("h", "header")), {"h": text})
    assert (b"h", text.encode()) in request.headers


def test_body_params_make_one_json_object():
    create = operation(
        "POST /orders/{id}", param("note", "body"), param("items", "body"), param("gift", "body")
    )
    values = {"id": 1, "items": [{"n": 1.5, "x": None}], "note": "ü", "gift": True}
    sent = rendered(create, values)
    assert sent.target == "/orders/1"
    assert json.loads(sent.body) == {
        "note": "ü",
        "items": [{"n": 1.5, "x": None}],
        "gift": True,
    }
    assert as_texts(sent)["content-type"] == "application/json"


def test_body_without_a_value_is_an_empty_object():
    create = operation("POST /x", param("note", "body", required=False))
    assert rendered(create, {}).body == b"{}"


def test_request_without_body_params_has_no_body_and_no_content_type():
    sent = rendered(operation("POST /x", param("q")), {"q": 1})
    assert sent.body is None
    assert "content-type" not in as_texts(sent)


def test_number_that_json_does_not_have_is_refused_in_a_body():
    with pytest.raises(ValueError, match="finite"):
        rendered(operation("POST /x", param("n", "body")), {"n": [float("inf")]})


@pytest.mark.parametrize(("method", "writes"), [("GET", False), ("POST", False), ("POST", True)])
def test_call_is_marked_to_change_nothing_where_its_operation_reads(method, writes):
    """So that a transport may send it once more, whatever its method."""
    called = replace(operation(f"{method} /x"), writes=writes)
    ended = run(compose(step("x", called), writes=writes), {f"{method} /x": json_reply(1)})
    assert [each.reads for each in ended.transport.requests] == [not writes]


# ------------------------------------------------------------------------------ forms


def form(values, *params):
    return rendered(operation("POST /x", *params), values)


def test_form_params_are_pairs_in_declared_order():
    a, b = param("a b", "form"), param("c", "form", is_list=True, style="space")
    sent = form({"c": ["x&", "y"], "a b": "1 +"}, a, b)
    assert sent.body == b"a%20b=1%20%2B&c=x%26%20y"
    assert as_texts(sent)["content-type"] == "application/x-www-form-urlencoded"


def test_form_without_a_value_is_empty():
    assert form({}, param("a", "form", required=False)).body == b""


@pytest.mark.parametrize("value", ["x" * (FORM_BYTES + 1), ["x"] * (FORM_BYTES + 1)])
def test_param_of_a_form_has_a_bound(value):
    with pytest.raises(ValueError, match=f"more than {FORM_BYTES} characters"):
        form({"a": value}, param("a", "form", is_list=True))


def test_form_is_taken_from_the_budget():
    of = operation("POST /x", param("a", "form"))
    with pytest.raises(TooLargeError):
        rendered(of, {"a": "x" * 100}, budget=50)


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("a", "is no object"),
        ({}, "has no field to be sent"),
        ({"a": None, "b": {}}, "has no field to be sent"),
        ({"a]": 1}, "whose name is empty or holds a bracket"),
        ({"": 1}, "whose name is empty or holds a bracket"),
        ({"a": [{"b": 1}]}, "only texts, numbers and booleans"),
    ],
)
def test_object_that_can_not_be_written_field_by_field_is_refused(value, said):
    with pytest.raises(ValueError, match=said):
        target("GET /x", {"f": value}, param("f", style="deep_object"))
