"""The first lines of requests: what is behind an instance's base URL stays behind it."""

import pytest

from bff.engine.ports import ServiceCall
from bff.engine.values.outcomes import Failed, Reason
from bff.upstream.http1.requests import Requests


@pytest.mark.parametrize(
    ("base", "target", "line"),
    [
        ("http://shop.test", "/a?b=%2F", b"GET /a?b=%2F HTTP/1.1"),
        ("http://shop.test", "", b"GET / HTTP/1.1"),
        ("http://shop.test/v1", "/a", b"GET /v1/a HTTP/1.1"),
        ("http://shop.test/v1", "", b"GET /v1 HTTP/1.1"),
    ],
)
def test_target_stands_behind_the_path_of_the_base(base: str, target: str, line: bytes) -> None:
    rendered = Requests(base, None).render(ServiceCall("shop", "GET", target))
    assert isinstance(rendered, bytes)
    assert rendered.split(b"\r\n")[:2] == [line, b"host: shop.test"]


@pytest.mark.parametrize(
    ("base", "target"),
    [
        ("http://shop.test", ".evil.test/"),
        ("http://shop.test", "@evil.test/"),
        ("http://shop.test", "?a=1"),
        ("http://shop.test", "/a b"),
        ("http://shop.test", "/../a"),
        ("http://shop.test/v1", "/..;/a"),
        ("http://sh op.test", "/a"),
        ("http://shop.test/../v1", "/a"),
    ],
)
def test_target_that_leaves_its_base_is_never_sent(base: str, target: str) -> None:
    refused = Requests(base, None).render(ServiceCall("shop", "GET", target))
    assert isinstance(refused, Failed)
    assert (refused.reason, refused.was_sent) == (Reason.BAD_INPUT, False)
