"""A request as the handlers see it, made by either host."""

import re
from typing import Any

import pytest
from werkzeug.test import EnvironBuilder

from bff.web.hosts import behind
from bff.web.hosts.asgi import messages as asgi
from bff.web.hosts.flask import wsgi
from bff.web.http.requests import GatewayRequest, raw_path_in, without_underscores

MADE = re.compile(rb"[0-9a-f]{32}")


def request(*headers: tuple[bytes, bytes]) -> GatewayRequest:
    return GatewayRequest("GET", "/", "", headers)


def test_request_ids_are_made_anew_for_each_request() -> None:
    first, second = request().request_id, request().request_id
    assert MADE.fullmatch(first)
    assert first != second


def test_header_that_came_twice_gives_both_values_in_order() -> None:
    twice = request((b"x-tag", b"a"), (b"other", b"b"), (b"x-tag", b"\xe9"))
    assert twice.header_values("x-tag") == ["a", "é"]
    assert twice.header_values("absent") == []


def test_header_names_with_underscores_are_dropped_before_names_are_folded() -> None:
    headers = [(b"x_user", b"root"), (b"x-user", b"ann")]
    assert without_underscores(headers) == [(b"x-user", b"ann")]
    scope = {"headers": headers, "query_string": b"q=\xc3\xa9&x=%20"}
    handed = behind.scope_for_app(request((b"x-request-id", b"id-1")), scope, None)
    assert handed["headers"] == [(b"x-user", b"ann"), (b"x-request-id", b"id-1")]
    assert handed["query_string"] == b"q=%C3%A9&x=%20"


def scope(**changes: Any) -> dict[str, Any]:
    plain = {
        "method": "GET", "path": "/a/b", "raw_path": b"/a%2Fb", "query_string": b"x=%20",
        "headers": [(b"host", b"h")], "scheme": "http", "http_version": "1.1",
        "client": ("10.0.0.1", 5),
    }  # fmt: skip
    return {**plain, **changes}


def test_scope_gives_the_raw_path_and_query() -> None:
    made = asgi.request_of(scope())
    assert (made.raw_path, made.raw_query, made.client_host) == ("/a%2Fb", "x=%20", "10.0.0.1")


def test_scope_without_raw_path_or_client_is_served_too() -> None:
    made = asgi.request_of(scope(raw_path=None, path="/a é", client=None))
    assert (made.raw_path, made.client_host) == ("/a%20%C3%A9", None)


@pytest.mark.parametrize(
    ("changes", "has_body"),
    [
        ({}, False),
        ({"headers": [(b"content-length", b"0")]}, False),
        ({"headers": [(b"content-length", b"3")]}, True),
        ({"headers": [(b"transfer-encoding", b"chunked")]}, True),
        ({"http_version": "2"}, False),
        ({"http_version": "2", "method": "POST"}, True),
        ({"http_version": "2", "method": "POST", "headers": [(b"content-length", b"0")]}, False),
    ],
)
def test_scope_tells_whether_a_body_follows(changes: dict[str, Any], has_body: bool) -> None:
    announced = scope(**changes)
    assert asgi.has_body(asgi.request_of(announced), announced) is has_body


def environ(path: str, **changes: Any) -> dict[str, Any]:
    return {**EnvironBuilder(path, headers={"X-Tag": "é"}).get_environ(), **changes}


@pytest.mark.parametrize("path", ["/a%2Fb", "/a/b/", "/%C3%A9", "/a%20b", "/%2e%2e/x"])
def test_environ_gives_the_path_as_it_came(path: str) -> None:
    assert wsgi.request_of(environ(path + "?x=%20")).raw_path == path
    assert wsgi.request_of(environ(path + "?x=%20")).raw_query == "x=%20"


@pytest.mark.parametrize(
    ("changes", "raw_path"),
    [
        ({"RAW_URI": "http://host/a%2Fb?x"}, "/a%2Fb"),
        ({"RAW_URI": "/m%2Fn/a%2Fb", "SCRIPT_NAME": "/m/n", "PATH_INFO": "/a/b"}, "/a%2Fb"),
        ({"RAW_URI": "/else", "PATH_INFO": "/a b/é".encode().decode("latin-1")}, "/a%20b/%C3%A9"),
        ({"RAW_URI": "", "REQUEST_URI": ""}, "/a/b"),
        ({"RAW_URI": "*", "PATH_INFO": "*"}, "*"),
    ],
)
def test_environ_whose_target_is_not_its_path_is_still_served(
    changes: dict[str, Any], raw_path: str
) -> None:
    assert wsgi.request_of(environ("/a%2Fb", **changes)).raw_path == raw_path


def test_environ_gives_headers_by_their_wire_names() -> None:
    made = wsgi.request_of(environ("/", CONTENT_TYPE="text/x", CONTENT_LENGTH="3"))
    assert made.header_values("content-type") == ["text/x"]
    assert made.header_values("content-length") == ["3"]
    assert made.header_values("x-tag") == ["é"]


@pytest.mark.parametrize(
    ("raw_path", "root", "path"),
    [
        (b"/bff/home/1", "/bff", "/home/1"),
        (b"/b%20f/home/a%2Fb", "/b f", "/home/a%2Fb"),
        (b"/home/1", "/bff", "/home/1"),
        (b"/home/1", "", "/home/1"),
    ],
)
def test_path_is_below_the_mount_point_of_the_server(raw_path: bytes, root: str, path: str) -> None:
    assert raw_path_in({"path": "", "raw_path": raw_path, "root_path": root}) == path
