"""What WSGI brings: a request out of an environ, and a reply as a Flask response.

A WSGI environ has folded the headers' names already, and may have decoded the path; where the
server passes the raw target on, that is used.
"""

from collections.abc import Callable, Iterable
from typing import Any
from urllib.parse import quote_from_bytes, unquote, unquote_to_bytes

import flask
from werkzeug.datastructures import Headers
from werkzeug.wsgi import get_input_stream

from bff.web.http.replies import RawHeader, Reply
from bff.web.http.requests import BEHIND_EDGE, LOGGED, GatewayRequest

Environ = dict[str, Any]


def request_of(environ: Environ) -> GatewayRequest:
    """The request that an environ announces, without its body."""
    return GatewayRequest(
        environ["REQUEST_METHOD"],
        raw_path_of(environ),
        environ.get("QUERY_STRING", ""),
        _headers(environ),
        scheme=environ["wsgi.url_scheme"],
        client_host=environ.get("REMOTE_ADDR"),
        version=environ.get("SERVER_PROTOCOL", "HTTP/1.0").removeprefix("HTTP/"),
    )


def is_behind_edge(environ: Environ) -> bool:
    """Whether the ASGI host handed this over: the app's guards hold, or the app has a view."""
    return BEHIND_EDGE in environ.get("asgi.scope", ())


def mark_logged(environ: Environ) -> None:
    """Note that this host logs the request, so that the ASGI host before it does not."""
    if is_behind_edge(environ):
        environ["asgi.scope"][LOGGED] = True


def body_reader(environ: Environ) -> Callable[[int], bytes] | None:
    """The server's blocking read of the body; None where there is no body."""
    if environ.get("CONTENT_LENGTH") in (None, "", "0") and "HTTP_TRANSFER_ENCODING" not in environ:
        return None
    return get_input_stream(environ).read


def raw_path_of(environ: Environ) -> str:
    """The path below the mount point as it came, percent-encoded.

    Behind the ASGI host the scope has it; an adapter decodes it on the way to `PATH_INFO`.
    gunicorn, werkzeug and its test client keep the target. Where it isn't what `PATH_INFO` was
    made from (a middleware rewrote that), `PATH_INFO` is encoded anew.
    """
    target: str
    if is_behind_edge(environ):
        target = environ["asgi.scope"].get("raw_path", b"").decode("latin-1")
    else:
        target = environ.get("RAW_URI") or environ.get("REQUEST_URI") or ""
    path, _, _ = target.partition("?")
    if not path.startswith("/"):
        _, _, rest = path.partition("://")
        path = rest[rest.find("/") :] if "/" in rest else ""
    script_name = environ.get("SCRIPT_NAME", "").encode("latin-1")
    path_info = environ.get("PATH_INFO", "").encode("latin-1")
    # werkzeug's server decodes to text on the way, which spoils bytes that are not UTF-8.
    readings = (unquote_to_bytes(path.encode("latin-1")), unquote(path).encode())
    if script_name + path_info not in readings:
        return quote_from_bytes(path_info, safe="/!$&'()*+,;=:@~-._")
    # The mount point may itself be percent-encoded, and each escape is three characters long.
    while script_name:
        step = 3 if path.startswith("%") else 1
        path, script_name = path[step:], script_name[1:]
    return path


class GatewayResponse(flask.Response):
    """A response whose headers go out as they are."""

    default_mimetype = None

    def get_wsgi_headers(self, environ: Environ) -> Headers:
        """Nothing is added, changed or taken away, as werkzeug's own would."""
        return self.headers


def response_of(reply: Reply, body: bytes | Iterable[bytes]) -> GatewayResponse:
    """The reply as a Flask response."""
    # In a list, since for plain bytes werkzeug sets a Content-Length of its own.
    parts = [body] if isinstance(body, bytes) else body
    return GatewayResponse(parts, status=reply.status, headers=_text(reply.all_headers))


def _headers(environ: Environ) -> list[RawHeader]:
    headers = [
        (key[5:].replace("_", "-").lower().encode("latin-1"), value.encode("latin-1"))
        for key, value in environ.items()
        if key.startswith("HTTP_")
    ]
    headers.extend(
        (key.replace("_", "-").lower().encode(), environ[key].encode("latin-1"))
        for key in ("CONTENT_TYPE", "CONTENT_LENGTH")
        if environ.get(key)
    )
    return headers


def _text(headers: list[RawHeader]) -> list[tuple[str, str]]:
    return [(name.decode("latin-1"), value.decode("latin-1")) for name, value in headers]
