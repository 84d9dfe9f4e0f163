"""One structured line a request, from both hosts, without what may be secret."""

import json
from pathlib import Path
from typing import Any

import pytest

from bff.settings import Settings
from tests.support.hosts import HOSTS, serving
from tests.support.projects import HOME, SHOP_SERVICE, write_project
from tests.support.wire import WireServer
from tests.support.wire_scripts import head, json_reply, reply, then_reset

GATEWAY = "routes: {/raw: {service: shop, strip: true}}"

SOFT = """
endpoint: GET /soft
steps:
  user: {call: shop.get_user, with: {id: 2}, on_failure: optional}
"""

SCRIPTS = {
    "/users/1": json_reply('{"id": 1, "first_name": "Ann"}'),
    "/users/2": reply(503),
    "/x": reply(200, [], b"raw"),
    "/none": then_reset(head(200, [("Content-Length", "100000")])),
    "/half": then_reset(head(200, [("Content-Length", "100000")]) + b"half"),
}


@pytest.fixture(params=HOSTS)
def lines(
    request: pytest.FixtureRequest, tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]
) -> list[dict[str, Any]]:
    """What the log says of a number of requests, one of each kind."""
    with WireServer(SCRIPTS) as upstream:
        services = {"shop": SHOP_SERVICE.replace("http://127.0.0.1:9", upstream.url)}
        compositions = {"home": HOME + "cache: {ttl: 30s}\n", "soft": SOFT}
        write_project(tmp_path, compositions, services=services, gateway=GATEWAY)
        with serving(request.param, tmp_path, settings=Settings()) as host:
            secret = {"authorization": "Bearer hush", "cookie": "session=hush"}
            host.get("/home/1?token=hush", x_request_id="miss", **secret)
            host.get("/home/1?token=hush", x_request_id="hit", **secret)
            host.get("/home/x", x_request_id="bad")
            host.get("/soft", x_request_id="soft")
            host.get("/nowhere/" + "n" * 500, x_request_id="nowhere")
            host.get("/raw/x", x_request_id="raw")
            host.get("/raw/none", x_request_id="none")
            with pytest.raises(Exception):  # noqa: B017, PT011 - each client has its own
                host.get("/raw/half", x_request_id="half")
    return [json.loads(line) for line in capfdbinary.readouterr().out.splitlines()]


def test_each_request_has_one_line_that_says_what_it_came_to(lines: list[dict[str, Any]]) -> None:
    by_id = {line["request_id"]: line for line in lines}
    # In any order: a line is written once the reply has gone out, and the client has it by then.
    assert sorted(line["request_id"] for line in lines) == [
        "bad", "half", "hit", "miss", "none", "nowhere", "raw", "soft",
    ]  # fmt: skip
    assert {line["event"] for line in lines} == {"request"}
    assert [by_id[each]["status"] for each in ("miss", "bad", "nowhere", "raw")] == [
        200, 400, 404, 200,
    ]  # fmt: skip
    for line in lines:
        assert line["duration_ms"] > 0
        assert line["timestamp"].endswith("Z")
    miss, hit = by_id["miss"], by_id["hit"]
    assert (miss["composition"], miss["cache"], miss["steps"]) == (
        "home", "miss; stored", {"user": "ok"},
    )  # fmt: skip
    assert (hit["composition"], hit["cache"]) == ("home", "hit")
    assert miss["bytes"] == hit["bytes"] > 0
    assert (by_id["bad"]["composition"], by_id["bad"]["reason"]) == ("home", "bad_params")
    assert by_id["soft"]["steps"] == {"user": "failed"}
    (failure,) = by_id["soft"]["failures"]
    assert (failure["step"], failure["reason"], failure["status"]) == ("user", "status", 503)
    assert (by_id["raw"]["route"], by_id["raw"]["bytes"]) == ("/raw", 3)
    none = by_id["none"]  # a head, and not a byte of its body
    assert (none["status"], none["route"], none["reason"]) == (502, "/raw", "incomplete")
    assert by_id["half"]["broken"] == "upstream broke off"


def test_no_line_holds_a_query_or_a_header_and_paths_are_cut(lines: list[dict[str, Any]]) -> None:
    assert "hush" not in json.dumps(lines)
    assert max(len(line["path"]) for line in lines) == 200


@pytest.mark.parametrize("name", HOSTS)
def test_warning_level_leaves_request_lines_out(
    name: str, tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    with serving(name, write_project(tmp_path), settings=Settings(log_level="warning")) as host:
        host.get("/nowhere")
    assert capfdbinary.readouterr().out == b""
