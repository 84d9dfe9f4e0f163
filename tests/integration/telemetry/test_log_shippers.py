"""Lines of a running gateway, of every kind, as Filebeat and Fluent Bit read them, by the
configurations that the docs have."""

import logging
import re
from collections import defaultdict
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import reduce
from typing import Any

import pytest
import yaml
from flask import Flask

from bff import Gateway
from bff.engine.values.results import Degradation, StepTiming
from bff.plan.compiler.project import compile_project
from bff.plan.model.service import Dropped
from bff.settings import Settings
from bff.telemetry.logs.events import AuditEntry
from bff.telemetry.logs.fields import DATASETS, FIELDS
from bff.telemetry.logs.repeats import COUNT
from bff.web import gateway as core
from bff.web.http.destination import Destination
from bff.web.http.replies import Account, Reply
from bff.web.http.requests import GatewayRequest
from bff.web.logs.log import Log, log_of
from tests.observability import PAGE
from tests.support.gateway.hosts import serving
from tests.support.projects import HOME, SHOP_SERVICE, write_project
from tests.support.telemetry.log_lines import Line, is_of_type, of, read_lines
from tests.support.telemetry.log_shippers import READ_AT, container, filebeat, fluent_bit
from tests.support.telemetry.log_streams import Recorder
from tests.support.upstream.wire import WireServer
from tests.support.upstream.wire_scripts import drip, head, json_reply, refusing_url, reply

DAN = b'{"id": 4, "first_name": "Dan"}'
LENGTH = [("Content-Length", str(len(DAN)))]
SCRIPTS = {
    "/users/1": json_reply('{"id": 1, "first_name": "Ann"}'),
    "/users/2": reply(503),
    "/users/3": json_reply('{"id": 3, "first_name": {"secret": "hush"}}'),
    "/users/4": drip(head(200, LENGTH) + DAN[:-1], DAN[-1:], 0.15),
    "/x": reply(200, [], b"raw"),
}
SOFT = HOME.replace("/home/", "/soft/") + "    on_failure: optional\n"
OWN = HOME.replace("/home/", "/own/") + "access: authenticated\n"
GATEWAY = "routes: {/raw: {service: shop, strip: true}}"


@pytest.fixture(scope="module")
def text(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """What a gateway wrote of requests of many kinds, and of what seldom happens."""
    folder = tmp_path_factory.mktemp("shippers")
    stream = Recorder()
    with WireServer(SCRIPTS) as upstream, refusing_url() as nobody:
        base = f"instances: [{nobody}, {upstream.url}]"
        services = {"shop": SHOP_SERVICE.replace("base: http://127.0.0.1:9", base)}
        compositions = {"home": HOME + "cache: {ttl: 30s}\n", "soft": SOFT, "own": OWN}
        write_project(folder, compositions, services=services, gateway=GATEWAY)
        settings = Settings(log_level="debug", slow_seconds=0.1, service_name="shop-front")
        log = log_of(settings, stream)
        app = Flask("logged", static_folder=None)
        Gateway().attach(app, core.Gateway(compile_project(folder), settings, log=log))
        with serving("http1", folder, app=app) as host:
            for target in ("/home/1", "/home/1", "/home/x", "/soft/2", "/soft/3", "/soft/3"):
                host.get(target)
            for target in ("/soft/4", "/own/1", "/raw/x", "/raw/none", "/nowhere"):
                host.get(target)
            write_seldom_ones(log)
    log.flush()
    return b"".join(stream.pieces)


def write_seldom_ones(log: Log) -> None:
    """What takes a reader that stalls, a bug, a browser or a command, by the gateway's own log."""
    request = GatewayRequest("GET", "/account/7", "", (), client_host="10.0.0.7")
    failed = Degradation("b", "timeout", "http_response_timeout")
    timings = (
        StepTiming("a", 0.0, 1.0, 1, "ok", Dropped(2, "0.price: missing")),
        StepTiming("b", 0.0, 1.0, 1, "failed"),
        StepTiming("c", 0.0, 1.0, 1, "cancelled"),
        StepTiming("d", 0.0, 0.0, 0, "skipped"),
    )
    account = Account("phone", "miss", "failed", timings, (failed,), (("orders.user", 2),))
    facts = {
        "bff.step": "b",
        "error.message": "a value",
        "bff.purged": "everything that has tags",
        "bff.not_stored": "more than 1000 tags",
        "bff.broken": "client left",
    }
    log.request(request, Reply(502, [], facts=facts, account=account), 0)
    tunnel = {"bff.received_bytes": 5, "bff.closed_by": "client"}
    log.request(request, Reply(101, [], facts=tunnel), 10)
    request.destination = Destination("app", release="r1")
    log.request(request, Reply(200, []), 10)
    try:
        raise ZeroDivisionError("x" * 20_000)
    except ZeroDivisionError as error:
        log.bug(request, error)
    log.take_library_lines()
    logging.getLogger("bff.cache.cache").warning("home: not stored", extra={COUNT: 7})
    log.leave_library_lines()
    log.audit(AuditEntry("logout", "done", "ann", "10.0.0.7", {"bff.sessions": 2}))
    log.audit(AuditEntry("key added", "failed", "root", "host-1", {"bff.key": "p1"}))
    tags = {"bff.tags": "product:42", "bff.entries": 3}
    log.audit(AuditEntry("purge", "done", "admin token", "10.0.0.7", tags))
    log.audit(AuditEntry("purge", "done", None, None, {"bff.tags": Unwritable()}))


class Unwritable:
    def __str__(self) -> str:
        raise ValueError


@pytest.fixture(scope="module")
def lines(text: bytes) -> list[Line]:
    return read_lines(text)


def configuration(name: str) -> Any:
    """A configuration that the docs have, by the name in its first line."""
    match = re.search(rf"^```yaml\n# {re.escape(name)}\n(.*?)^```$", PAGE.read_text(), re.M | re.S)
    assert match is not None
    return yaml.safe_load(match[1])


def test_every_kind_and_every_field_of_the_docs_is_in_the_lines(lines: list[Line]) -> None:
    assert {line["event.dataset"] for line in lines} == {*DATASETS}
    assert {name for line in lines for name in line} == {field.name for field in FIELDS}
    for field in FIELDS:
        found = {line["event.dataset"] for line in lines if field.name in line}
        assert found <= {f"bff.{each}" for each in field.datasets} or not field.datasets


def test_field_has_one_type_in_all_lines(lines: list[Line]) -> None:
    types = defaultdict(set)
    for line in lines:
        for name, value in line.items():
            types[name].add(type(value))
    assert {name for name, found in types.items() if len(found) > 1} == set()


def test_filebeat_finds_every_field_with_its_type(text: bytes, lines: list[Line]) -> None:
    (source,) = configuration("filebeat.yml")["filebeat.inputs"]
    assert (source["type"], len(source["parsers"])) == ("filestream", 1)
    events = filebeat(text, **source["parsers"][0]["ndjson"])
    assert len(events) == len(lines)
    for event, line in zip(events, lines, strict=True):
        assert event.get("error", {}).get("type") != "json"
        assert event["log"]["file"]["path"]  # Filebeat's own is beside the line's
        assert event["@timestamp"] == datetime.fromisoformat(line["@timestamp"])
        for field in FIELDS:
            if field.name != "@timestamp":
                value = reduce(part_of, field.name.split("."), event)
                assert value == line.get(field.name)
                assert value is None or is_of_type(field, value), field.name


def part_of(place: Any, name: str) -> Any:
    return place.get(name) if isinstance(place, Mapping) else None


def test_filebeat_keeps_a_line_that_is_no_json_and_says_so() -> None:
    (source,) = configuration("filebeat.yml")["filebeat.inputs"]
    (event,) = filebeat(b"6 compositions at http://\n", **source["parsers"][0]["ndjson"])
    assert (event["message"], event["error"]["type"]) == ("6 compositions at http://", "json")
    assert event["@timestamp"] == READ_AT


def test_fluent_bit_finds_every_field_with_its_type_and_the_time(
    text: bytes, lines: list[Line]
) -> None:
    found = configuration("fluent-bit.yaml")
    (parser,), (source,) = found["parsers"], found["pipeline"]["inputs"]
    names = ("buffer_chunk_size", "buffer_max_size", "skip_long_lines")
    assert (source["name"], source["parser"]) == ("tail", parser["name"])
    records = fluent_bit(text, parser, **{name: source[name] for name in names})
    assert [record for _, record in records] == lines
    now = datetime.now(UTC)
    for moment, record in records:
        assert 0 <= (now - moment).total_seconds() < 600
        assert all(
            is_of_type(field, record[field.name]) for field in FIELDS if field.name in record
        )


def test_no_line_is_cut_by_a_runtime_or_by_the_buffers_that_tail_has_by_itself(
    text: bytes,
) -> None:
    assert max(map(len, text.splitlines())) > 8 * 1024  # a traceback is among them
    assert len([*container(text)]) == text.count(b"\n")
    (parser,) = configuration("fluent-bit.yaml")["parsers"]
    assert len(fluent_bit(text, parser)) == text.count(b"\n")


def test_failed_attempt_is_counted_beside_the_one_that_came_through(lines: list[Line]) -> None:
    first = next(line for line in of("access", lines) if line.get("url.path") == "/home/1")
    assert (first["bff.attempts"], first["bff.failed_attempts"]) == (2, 1)


def test_slow_step_and_broken_schema_are_reported_at_once_and_then_with_their_number(
    lines: list[Line],
) -> None:
    first_break, slow, later_breaks = of("fault", lines)  # the last at the end of the gateway
    assert (slow["event.action"], slow["bff.count"]) == ("slow step", 1)
    assert (slow["bff.composition"], slow["bff.step"]) == ("soft", "user")
    assert slow["event.duration"] >= 100_000_000
    for line in (first_break, later_breaks):
        assert (line["event.action"], line["bff.operation"]) == ("schema break", "shop.get_user")
        assert (line["bff.field"], line["error.type"]) == ("first_name", "string_type")
        assert line["bff.count"] == 1
    assert "hush" not in str(lines)
    (warning,) = of("library", lines)
    assert (warning["message"], warning["bff.count"]) == ("home: not stored", 7)


def test_lines_of_a_request_have_one_trace(lines: list[Line]) -> None:
    by_trace = defaultdict(set)
    for line in lines:
        if "trace.id" in line:
            by_trace[line["trace.id"]].add(line["event.dataset"])
    assert {"bff.access", "bff.upstream"} in by_trace.values()
    assert {"bff.access", "bff.audit"} in by_trace.values()
    assert {line["service.name"] for line in lines} == {"shop-front"}
