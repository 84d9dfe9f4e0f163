"""What clients get when something is wrong, the same from both hosts behind real servers."""

from collections.abc import Iterator

import pytest

from tests.support.gateway.hosts import HOSTS, Host
from tests.support.gateway.shop_host import problem, shop_host


@pytest.fixture(params=HOSTS, scope="module")
def host(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Host]:
    with shop_host(request.param, tmp_path_factory.mktemp("shop")) as served:
        yield served


def test_view_that_is_named_twice_is_refused(host: Host) -> None:
    document = problem(host.get("/home/1?view=short&view=short"))
    assert (document["status"], document["reason"]) == (400, "view_twice")


@pytest.mark.parametrize(
    ("media_type", "body", "status", "reason"),
    [
        ("text/plain", b"{}", 415, "media_type"),
        ("application/x-www-form-urlencoded", b"user_id=1", 415, "media_type"),
        (None, b"{}", 415, "media_type"),
        ("application/json", b"{", 400, "bad_params"),
        ("application/json", b"[]", 400, "bad_params"),
        ("application/json", b'{"user_id": 0}', 400, "bad_params"),
        ("application/json", b"", 400, "bad_params"),
        ("Application/JSON; charset=utf-8", b'{"user_id": "1"}', 400, "bad_params"),
        ("application/json", b" " * (1024 * 1024 + 1), 413, "body_too_large"),
        ("application/json", [b" " * 1024] * 1025, 413, "body_too_large"),
    ],
)
def test_body_that_can_not_be_used_is_refused_before_any_step(
    host: Host, media_type: str | None, body: bytes | list[bytes], status: int, reason: str
) -> None:
    headers = [] if media_type is None else [("Content-Type", media_type)]
    document = problem(host.request("POST", "/buy", headers, body))
    assert (document["status"], document["reason"]) == (status, reason)


def test_compressed_body_is_refused(host: Host) -> None:
    headers = [("Content-Type", "application/json"), ("Content-Encoding", "gzip")]
    document = problem(host.request("POST", "/buy", headers, b"\x1f\x8b"))
    assert (document["status"], document["reason"]) == (415, "content_coding")


@pytest.mark.parametrize(
    ("method", "target", "status", "reason"),
    [
        ("GET", "/nowhere", 404, "no_such_path"),
        ("GET", "/", 404, "no_such_path"),
        ("GET", "/home/1/", 404, "no_such_path"),
        ("GET", "/home", 404, "no_such_path"),
        ("POST", "/nowhere", 404, "no_such_path"),
        ("GET", "/home/%ff", 400, "bad_path"),
        ("GET", "/home/%zz", 400, "bad_path"),
        ("GET", "/home/a%2Fb", 400, "bad_params"),
    ],
)
def test_path_of_nothing_gets_the_gateways_own_problem(
    host: Host, method: str, target: str, status: int, reason: str
) -> None:
    document = problem(host.request(method, target))
    assert (document["status"], document["reason"]) == (status, reason)


def test_wrong_method_is_told_which_are_right(host: Host) -> None:
    for method, target, allow in (
        ("DELETE", "/home/1", "GET, HEAD, OPTIONS"),
        ("GET", "/buy", "OPTIONS, POST"),
    ):
        answer = host.request(method, target)
        assert problem(answer)["reason"] == "wrong_method"
        assert (answer.status, answer.header("allow")) == (405, allow)
