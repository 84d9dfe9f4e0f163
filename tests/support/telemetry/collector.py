"""A collector of spans, made from OTLP's published proto: what it gets, it decodes and holds.

    with Collector() as collector:
        ...                                  # something sends to collector.settings(...)
        spans = collector.trace(4)           # waits for so many spans of one trace

`answers` are what it answers before its 200s: (status, headers, body) each. While `gate` is
cleared, it hangs.
"""

import gzip
import threading
from collections import deque
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, NamedTuple, Self

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from bff.settings import load_settings
from bff.telemetry.traces.settings import TraceSettings
from tests.support.gateway.hosts import WAIT_BUDGET_SECONDS

Answer = tuple[int, Mapping[str, str], bytes]

_KINDS = {1: "internal", 2: "server", 3: "client"}


class ReceivedSpan(NamedTuple):
    """A span as it came: ids in hexadecimal digits, times in nanoseconds since the epoch."""

    trace_id: str
    span_id: str
    parent_id: str
    flags: int
    state: str
    name: str
    kind: str
    started_at: int
    ended_at: int
    attributes: dict[str, Any]
    is_error: bool
    events: list[tuple[str, int, dict[str, Any]]]
    links: list[tuple[str, str, int, str]]
    resource: dict[str, Any]


class Collector:
    """Receives on a free port of this machine."""

    def __init__(self) -> None:
        self.spans: list[ReceivedSpan] = []
        self.requests: list[tuple[str, dict[str, str]]] = []  # path, headers in lower case
        self.answers: deque[Answer] = deque()
        self.gate = threading.Event()
        self.gate.set()
        self._changed = threading.Condition()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._server.daemon_threads = True

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.gate.set()
        self._server.shutdown()
        self._server.server_close()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    def settings(self, **variables: str) -> TraceSettings:
        """Settings that send here, without delay."""
        environ = {
            "OTEL_EXPORTER_OTLP_ENDPOINT": self.url,
            "OTEL_BSP_SCHEDULE_DELAY": "20",
            **variables,
        }
        traces = load_settings(environ).traces
        assert traces is not None
        return traces

    def wait(self, condition: Any) -> None:
        """Wait until the condition holds, which is looked at after each request."""
        with self._changed:
            held = self._changed.wait_for(condition, WAIT_BUDGET_SECONDS)
        assert held, [(span.name, span.trace_id) for span in self.spans]

    def trace(self, name: str, count: int) -> list[ReceivedSpan]:
        """The spans of the last trace with a span of this name, once there are so many."""

        def found() -> list[ReceivedSpan]:
            ids = [span.trace_id for span in self.spans if span.name == name]
            return [span for span in self.spans if ids and span.trace_id == ids[-1]]

        self.wait(lambda: len(found()) >= count)
        spans = found()
        assert len(spans) == count, [span.name for span in spans]
        return spans

    def take(self, path: str, headers: dict[str, str], body: bytes) -> Answer:
        """A request came."""
        self.gate.wait(WAIT_BUDGET_SECONDS)
        with self._changed:
            self.requests.append((path, headers))
            answer = self.answers.popleft() if self.answers else (200, {}, b"")
            if answer[0] == 200:
                if headers.get("content-encoding") == "gzip":
                    body = gzip.decompress(body)
                self.spans += decoded(body)
            self._changed.notify_all()
        return answer


def decoded(body: bytes) -> list[ReceivedSpan]:
    """The spans of a request's body."""
    return [
        ReceivedSpan(
            span.trace_id.hex(),
            span.span_id.hex(),
            span.parent_span_id.hex(),
            span.flags,
            span.trace_state,
            span.name,
            _KINDS[span.kind],
            span.start_time_unix_nano,
            span.end_time_unix_nano,
            _values(span.attributes),
            span.status.code == 2,
            [(each.name, each.time_unix_nano, _values(each.attributes)) for each in span.events],
            [
                (each.trace_id.hex(), each.span_id.hex(), each.flags, each.trace_state)
                for each in span.links
            ],
            _values(of_resource.resource.attributes),
        )
        for of_resource in ExportTraceServiceRequest.FromString(body).resource_spans
        for of_scope in of_resource.scope_spans
        for span in of_scope.spans
    ]


def _values(attributes: Any) -> dict[str, Any]:
    found = {each.key: getattr(each.value, each.value.WhichOneof("value")) for each in attributes}
    assert len(found) == len(attributes)
    return found


def _handler(collector: Collector) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            headers = {name.lower(): value for name, value in self.headers.items()}
            status, more, reply = collector.take(self.path, headers, body)
            self.send_response(status)
            for name, value in more.items():
                self.send_header(name, value)
            self.send_header("content-length", str(len(reply)))
            self.end_headers()
            self.wfile.write(reply)

        def log_message(self, *_: object) -> None:
            pass

    return Handler
