"""One structured line a request, from both hosts, without what may be secret."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from bff.settings import Settings
from tests.support.gateway.hosts import HOSTS, serving
from tests.support.projects import HOME, SHOP_SERVICE, write_project
from tests.support.telemetry.log_lines import written
from tests.support.upstream.wire import WireServer
from tests.support.upstream.wire_scripts import head, json_reply, reply, then_reset

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
            host.get("/home/%zz", x_request_id="path")
            host.post("/soft", {}, x_request_id="method")
            host.get("/healthz", x_request_id="app")
            with pytest.raises(Exception):  # noqa: B017, PT011 - each client has its own
                host.get("/raw/half", x_request_id="half")
    return written(capfdbinary)


def test_each_request_has_one_line_that_says_what_it_came_to(lines: list[dict[str, Any]]) -> None:
    by_id = {line["http.request.id"]: line for line in lines}
    # In any order: a line is written once the reply has gone out, and the client has it by then.
    # A WSGI server's own app has no lines of the gateway's.
    assert sorted(line["http.request.id"] for line in lines if "bff.app" not in line) == [
        "bad", "half", "hit", "method", "miss", "none", "nowhere", "path", "raw", "soft",
    ]  # fmt: skip
    assert {line["event.dataset"] for line in lines} == {"bff.access"}
    statuses = {name: line["http.response.status_code"] for name, line in by_id.items()}
    assert [statuses[each] for each in ("miss", "bad", "nowhere", "raw")] == [200, 400, 404, 200]
    assert min(line["event.duration"] for line in lines) > 0
    miss, hit = by_id["miss"], by_id["hit"]
    assert (miss["bff.composition"], miss["bff.cache"], miss["bff.stored"]) == (
        "home",
        "miss",
        True,
    )
    assert (miss["bff.steps.ok"], miss["bff.attempts"], miss["bff.outcome"]) == (["user"], 1, "ok")
    assert (hit["bff.composition"], hit["bff.cache"], hit["bff.outcome"]) == ("home", "hit", "ok")
    assert miss["http.response.body.bytes"] == hit["http.response.body.bytes"] > 0
    bad = by_id["bad"]
    assert (bad["bff.composition"], bad["error.type"]) == ("home", "bad_params")
    assert (bad["event.outcome"], miss["event.outcome"]) == ("failure", "success")
    soft = by_id["soft"]
    assert (soft["bff.outcome"], soft["bff.steps.failed"]) == ("degraded", ["user"])
    assert soft["bff.degraded"] == ["user:status"]
    (failure,) = soft["bff.failures"]
    assert failure.startswith("user: status 503")
    raw, none = by_id["raw"], by_id["none"]
    assert (raw["bff.route"], raw["http.response.body.bytes"]) == ("/raw", 3)
    # A head, and not a byte of its body.
    assert (none["http.response.status_code"], none["bff.route"]) == (502, "/raw")
    assert none["error.type"] == "incomplete"
    half = by_id["half"]
    assert (half["bff.broken"], half["event.outcome"]) == ("upstream broke off", "failure")


def test_each_line_names_the_release_that_served_it(lines: list[dict[str, Any]]) -> None:
    """Where nothing of the project is, too: its table has said so."""
    (release,) = {line["bff.release"] for line in lines}
    assert release != ""


def test_no_line_holds_a_query_or_a_header_and_paths_are_cut(lines: list[dict[str, Any]]) -> None:
    assert "hush" not in json.dumps(lines)
    assert max(len(line["url.path"]) for line in lines) == 200


@pytest.mark.parametrize("name", HOSTS)
def test_warning_level_leaves_request_lines_out(
    name: str, tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    with serving(name, write_project(tmp_path), settings=Settings(log_level="warning")) as host:
        host.get("/nowhere")
    assert capfdbinary.readouterr().out == b""


def test_text_is_for_people(tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    settings = Settings(log_format="text")
    with serving("http1", write_project(tmp_path), settings=settings) as host:
        host.get("/nowhere")
    (line,) = capfdbinary.readouterr().out.splitlines()
    assert re.fullmatch(
        rb"[\d:.]{12}Z 404 +[\d.]+ ms - {14}GET    /nowhere  error: no_such_path", line
    )


def test_sample_leaves_good_requests_out_and_errors_never(
    tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    with WireServer(SCRIPTS) as upstream:
        services = {"shop": SHOP_SERVICE.replace("http://127.0.0.1:9", upstream.url)}
        write_project(tmp_path, {"home": HOME, "soft": SOFT}, services=services)
        with serving("http1", tmp_path, settings=Settings(log_sample=0.0)) as host:
            for target in ("/home/1", "/home/x", "/soft"):
                host.get(target)
    lines = written(capfdbinary, "access")
    assert {line["url.path"]: line["bff.weight"] for line in lines} == {
        "/home/x": 1.0, "/soft": 1.0,
    }  # fmt: skip
