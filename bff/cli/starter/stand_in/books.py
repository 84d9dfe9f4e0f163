"""A stand-in for the books service, so that the project runs before the real one is at hand.

`python -m stand_in.books` serves it on port 9101. Delete this folder when you have the service.
"""

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

_BOOKS = {
    1: {"id": 1, "title": "The Sea at Night", "author_id": 7, "year": 1998, "pages": 212},
    2: {"id": 2, "title": "A Shorter Winter", "author_id": 8, "year": 2011, "pages": None},
}
_AUTHORS = {
    7: {"id": 7, "name": "Mara Lind", "country": "SE", "email": "not for screens"},
    8: {"id": 8, "name": "Tomás Reyes", "country": "CL", "email": "not for screens"},
}
_REVIEWS = {
    1: [{"rating": 5, "text": "Read it twice."}, {"rating": 4, "text": "The end is slow."}],
    2: [{"rating": 3, "text": "Cold."}],
}


def find(path: str) -> Any:
    """The document at a path such as `/books/1/reviews`, or None."""
    match path.partition("?")[0].strip("/").split("/"):
        case ["books", number] if number.isdigit():
            return _BOOKS.get(int(number))
        case ["books", number, "reviews"] if number.isdigit():
            return _REVIEWS.get(int(number))
        case ["authors", number] if number.isdigit():
            return _AUTHORS.get(int(number))
    return None


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1  # head and body go out together; else a reply waits 40 ms for the client's TCP

    def do_GET(self) -> None:
        found = find(self.path)
        body = json.dumps(found if found is not None else {"detail": "not found"}).encode()
        self.send_response(200 if found is not None else 404)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


class _SilentHandler(_Handler):
    """For tests: a line that comes late would stand among their own."""

    def log_message(self, format: str, *args: object) -> None:
        """Print nothing."""


class _Server(ThreadingHTTPServer):
    def handle_error(self, request: Any, client_address: Any) -> None:
        """Print nothing where the client has left: a screen that is not found ends its calls."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


@contextmanager
def started(port: int = 0) -> Iterator[str]:
    """Serve on a thread, and give the address; port 0 takes a free one."""
    server = _Server(("127.0.0.1", port), _SilentHandler)
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


def serve(port: int) -> None:
    """Serve until Ctrl+C."""
    with _Server(("127.0.0.1", port), _Handler) as server:
        print(f"the stand-in for books serves on http://127.0.0.1:{port}; Ctrl+C ends it")
        with suppress(KeyboardInterrupt):
            server.serve_forever()


if __name__ == "__main__":
    serve(9101)
