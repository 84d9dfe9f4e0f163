"""Who watches the gateway while it is loaded: scrapes its metrics, and receives its traces.

    python -m bench.watcher PORT METRICS_PORT

A scrape every five seconds, three times as often as Prometheus does by default. `GET /` answers
what came so far, so that a run can prove that somebody watched.
"""

import gzip
import json
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Final

import httpx
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

_SCRAPE_SECONDS: Final = 5.0
_MOST_BYTES: Final = 16 * 1024 * 1024


class Totals:
    """What came so far. `requests` is what the last scrape said that the gateway has counted."""

    def __init__(self) -> None:
        self.scrapes = 0
        self.spans = 0
        self.requests = 0.0

    def take_scrape(self, text: str) -> None:
        """Add a scrape."""
        self.scrapes += 1
        self.requests = sum(
            float(line.rpartition(" ")[2])
            for line in text.splitlines()
            if line.startswith("http_server_request_duration_seconds_count")
        )

    def take_traces(self, body: bytes) -> None:
        """Add the spans of an export."""
        message = ExportTraceServiceRequest.FromString(body)
        self.spans += sum(
            len(scope.spans) for each in message.resource_spans for scope in each.scope_spans
        )


def main() -> None:
    """Watch until the process is ended."""
    port, metrics_port = map(int, sys.argv[1:])
    totals = Totals()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self._answer("application/json", json.dumps(vars(totals)).encode())

        def do_POST(self) -> None:
            body = self.rfile.read(min(int(self.headers["Content-Length"]), _MOST_BYTES))
            if self.headers.get("Content-Encoding") == "gzip":
                body = gzip.decompress(body)
            totals.take_traces(body)
            self._answer("application/x-protobuf", b"")

        def _answer(self, kind: str, body: bytes) -> None:
            self.send_response(200)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    with httpx.Client(trust_env=False) as client:
        while True:
            try:
                reply = client.get(f"http://127.0.0.1:{metrics_port}/metrics")
                totals.take_scrape(reply.raise_for_status().text)
            except httpx.HTTPError:
                time.sleep(0.2)  # it has not started yet
                continue
            time.sleep(_SCRAPE_SECONDS)


if __name__ == "__main__":
    main()
