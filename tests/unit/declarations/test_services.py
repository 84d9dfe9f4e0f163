"""What a service file may say, and what is told about one that says it wrong."""

import pytest

from bff.declarations.documents import read_document
from bff.declarations.models.service import ServiceFile
from bff.errors import Problem
from tests.support.marks import without_mark


def problems_of(text: str) -> list[Problem]:
    return list(read_document("services/shop.yaml", text.encode(), ServiceFile).problems)


def read(text: str) -> ServiceFile:
    found = read_document("services/shop.yaml", text.encode(), ServiceFile)
    assert found.document is not None
    assert found.problems == ()
    return found.document.model


def with_param(param: str, request: str = "GET /users") -> str:
    return (
        "base: http://h\noperations:\n  one:\n"
        f"    request: {request}\n    params: {param}\n    returns: schemas.a:B\n"
    )


ADDRESSES = {
    # the file's first line or lines: what is said, part of the remedy
    "no address": ("▶timeout: 1s", "needs an address", "base: http"),
    "both": ("base: http://h\n▶instances: [http://g]", "one too many", "Keep one"),
    "no instance": ("instances: ▶[]", "no instance", "at least one"),
    "instance twice": ("instances: [http://h, ▶http://h/]", "http://h is there twice", "Keep one"),
    "no scheme": ("base: ▶localhost:9102", "this is no http address", "http://127.0.0.1:9102"),
    "another scheme": ("base: ▶ftp://h", "this is no http address", ""),
    "no host": ("base: ▶http:///x", "this is no http address", ""),
    "bad port": ("base: ▶http://h:99999", "this is no http address", ""),
    "empty port": ("base: ▶'http://h:'", "this is no http address", ""),
    "a blank": ("base: ▶http://h/a b", "this is no http address", ""),
    "not ascii": ("base: ▶http://hé", "this is no http address", ""),
    "a user": ("base: ▶http://me:secret@h", "an address with a user or a password", "`auth`"),
    "a query": ("base: ▶http://h/?a=1", "an address with a query or a fragment", ""),
    "a fragment": ("base: ▶http://h/#a", "an address with a query or a fragment", ""),
    "dots": ("base: ▶http://h/a/%2E./b", "an address with `.` or `..` in its path", ""),
    "timeout without a unit": ("base: http://h\ntimeout: ▶1", "a duration has a unit", "1s"),
    "timeout of nothing": ("base: http://h\ntimeout: ▶0s", "more than nothing", ""),
    "timeout of more than a day": ("base: http://h\ntimeout: ▶25h", "24h at most", ""),
    "no timeout at all": ("base: http://h\ntimeout: ▶soon", "this is no duration", "800ms"),
    "tls over http": ("base: http://h\n▶tls: {ca: a.pem}", "beside an address of http", "https"),
    "tls over http for one of two": (
        "instances: [https://h, http://g]\n▶tls: {ca: a.pem}", "beside an address of http", "https",
    ),
    "tls of nothing": ("base: https://h\n▶tls: {}", "names no file", "Name ca"),
    "certificate alone": ("base: https://h\ntls: {cert: ▶a.pem}", "without its key", "key: "),
    "key alone": ("base: https://h\ntls: {key: ▶a.pem}", "without its certificate", "cert: "),
    "unknown key of tls": ("base: https://h\ntls: {▶ca_file: a.pem}", "unknown key 'ca_file'", ""),
    "tls that is no mapping": ("base: https://h\ntls: ▶on", "'on' is not a mapping", ""),
    "proxy over TLS": ("base: http://h\nproxy: ▶https://p:1", "no address of an HTTP", "plain"),
    "proxy of SOCKS": ("base: http://h\nproxy: ▶socks5://p:1", "no address of an HTTP", "http://"),
    "proxy without a scheme": ("base: http://h\nproxy: ▶p:3128", "no address of an HTTP", ""),
    "proxy with a path": ("base: http://h\nproxy: ▶http://p/a", "no address of an HTTP", ""),
    "compression by a coding": ("base: http://h\ncompression: ▶gzip", "'gzip' means nothing", "on"),
    "compression by a boolean": ("base: http://h\ncompression: ▶true", "true means nothing", "on"),
    "unknown key": ("▶bse: http://h\ntimeout: 1s", "unknown key 'bse'", "Did you mean 'base'?"),
}  # fmt: skip


@pytest.mark.parametrize("case", ADDRESSES)
def test_mistake_in_a_services_address_is_told_at_its_place(case: str) -> None:
    head, what, mend = ADDRESSES[case]
    marked = f"{head}\noperations: {{one: {{request: GET /, returns: 'a:B'}}}}\n"
    text, line, column = without_mark(marked)
    (problem,) = problems_of(text)
    assert (problem.place.line, problem.place.column) == (line, column), str(problem)
    assert what in problem.what
    assert mend in problem.mend


@pytest.mark.parametrize(
    "fault",
    ["https://me:hunter2@p:1", "http://me:hunter2@p:1/path", "p:hunter2", "http://a:hunter2@p:1"],
)
def test_what_is_refused_of_a_proxy_is_not_repeated(fault: str) -> None:
    text = (
        f"base: http://h\nproxy: {fault}\noperations: {{o: {{request: GET /, returns: 'a:B'}}}}\n"
    )
    (problem,) = problems_of(text)
    assert problem.path == "proxy"
    assert "hunter2" not in str(problem)


REQUESTS = {
    "▶get /users": ("unknown method 'get'", "Did you mean 'GET'?"),
    "▶FETCH /users": ("unknown method 'FETCH'", "Known: DELETE, GET, PATCH, POST, PUT, QUERY."),
    "▶HEAD /users": ("unknown method 'HEAD'", ""),
    "▶/users": ("'/users' is no endpoint", "GET /users/{id}"),
    "▶GET users": ("'GET users' is no endpoint", ""),
    "▶GET  /users": ("'GET  /users' is no endpoint", ""),
    "▶GET /users?a={id}": ("'a={id}' in the query is no constant", "in: query"),
    "▶GET /users?a=1&&b=2": ("'' is no part of a query", "name=value"),
    "▶GET /users?=1": ("'=1' is no part of a query", "name=value"),
    "▶GET /users?a=b c": ("'a=b c' is no part of a query", "name=value"),
    "▶GET /users?": ("'' is no part of a query", "name=value"),
    "▶GET /a//b": ("a path with an empty segment", "Leave the extra"),
    "▶GET /a/../b": ("'..' in a path means another path", ""),
    "▶GET /a/%2e%2E/b": ("'%2e%2E' in a path means another path", ""),
    "▶GET /a b": ("'a b' is no segment of a path", "letters"),
    "▶GET /%zz": ("'%zz' is no segment of a path", "letters"),
    "▶GET /{id": ("'{id' is no segment of a path", "{name}"),
    "▶GET /{}": ("'{}' is no param", ""),
    "▶GET /{a-b}": ("'{a-b}' is no param", ""),
    "▶GET /{id}/{id}": ("'{id}' is in the path twice", ""),
    "▶GET /{id}": ("the path's 'id' is no declared param", "params: {id: {type: …}}"),
}


@pytest.mark.parametrize("marked", REQUESTS)
def test_mistake_in_a_request_is_told(marked: str) -> None:
    what, mend = REQUESTS[marked]
    text, line, column = without_mark(with_param("{}", request=marked))
    (problem,) = problems_of(text)
    assert (problem.place.line, problem.place.column) == (line, column), str(problem)
    assert problem.path == "operations.one.request"
    assert what in problem.what
    assert mend in problem.mend


def test_each_mistake_of_a_request_is_told_once() -> None:
    text = with_param("{}", request="FETCH g//{i-d}//{b/%2e./{a}/{a}?x=/../y&")
    assert [each.what for each in problems_of(text)] == [
        "unknown method 'FETCH'",
        "'FETCH g//{i-d}//{b/%2e./{a}/{a}?x=/../y&' is no endpoint",
        "a path with an empty segment",
        "'{b' is no segment of a path",
        "'{i-d}' is no param",
        "'{a}' is in the path twice",
        "'%2e.' in a path means another path",
        "'' is no part of a query",
    ]


@pytest.mark.parametrize(
    ("request_line", "location"),
    [
        ("GET /", "query"),
        ("DELETE /", "query"),
        ("POST /", "body"),
        ("PUT /", "body"),
        ("PATCH /", "body"),
        ("QUERY /", "body"),
        ("GET /a/{q}.json", "path"),
        ("POST /a/x{q}/", "path"),
    ],
)
def test_location_left_out_is_the_path_the_query_or_the_body(
    request_line: str, location: str
) -> None:
    operation = read(with_param("{q: {type: string}}", request_line)).operations["one"]
    assert operation.locations() == {"q": location}


@pytest.mark.parametrize(
    ("written", "urls"),
    [
        ("base: http://127.0.0.1:9102/", ("http://127.0.0.1:9102",)),
        ("base: https://h.example/api/v1/", ("https://h.example/api/v1",)),
        ("instances: ['http://[::1]:80', http://b]", ("http://[::1]:80", "http://b")),
    ],
)
def test_instances_are_addresses_without_a_last_slash(written: str, urls: object) -> None:
    text = f"{written}\noperations: {{one: {{request: GET /, returns: 'a:B'}}}}\n"
    assert read(text).instance_urls == urls


@pytest.mark.parametrize(
    ("written", "seconds"),
    [("800ms", 0.8), ("1s", 1.0), ("1.5s", 1.5), ("5m", 300.0), ("1h", 3600.0)],
)
def test_duration_is_read_in_seconds(written: str, seconds: float) -> None:
    text = f"base: http://h\ntimeout: {written}\n"
    text += "operations: {o: {request: GET /, returns: 'a:B'}}\n"
    assert read(text).timeout == pytest.approx(seconds)


def test_default_that_is_given_differs_from_none() -> None:
    params = read(with_param("{a: {type: integer, default: 0}, b: {type: integer}}"))
    declared = params.operations["one"].params
    assert (declared["a"].has_default, declared["a"].is_required) == (True, False)
    assert (declared["b"].has_default, declared["b"].is_required) == (False, True)


def test_service_for_routes_alone_needs_no_operations() -> None:
    assert read("base: http://h\n").operations == {}


def test_operations_without_any_are_told() -> None:
    (problem,) = problems_of("base: http://h\noperations: {}\n")
    assert problem.path == "operations"
    assert problem.what == "is empty"


def test_every_mistake_of_a_file_is_told_at_once() -> None:
    text = with_param("{q: {type: int}, r: {type: string, minimum: 1}}", "get /").replace(
        "http://h", "h"
    )
    assert sorted(problem.path for problem in problems_of(text)) == [
        "base",
        "operations.one.params.q.type",
        "operations.one.params.r.minimum",
        "operations.one.request",
    ]
