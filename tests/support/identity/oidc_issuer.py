"""A small OpenID provider on loopback, for tests: it does as the test says, and notes what it got.

    with OidcIssuer() as issuer:
        issuer.url                          http://localhost:<free port>
        issuer.user = {"sub": "ada"}        who logs in next: claims of the id token
        issuer.token_delay_seconds = 5      how long each answer of the token endpoint takes
        issuer.answer_token_with = (503, b"")   instead of tokens
        issuer.rotate_keys()                from now on it signs with another key
        issuer.token_requests               every form that the token endpoint got

It logs in whoever comes, without a question. It holds its clients to RFC 6749, RFC 7636 and OpenID
Connect: one code has one use, a refresh token has one use, and what does not fit is refused. Under
the name `localhost` it is another site than a gateway at 127.0.0.1.
"""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self
from urllib.parse import parse_qsl, urlsplit

from tests.support.identity.oidc_provider import OidcProvider


class OidcIssuer(OidcProvider):
    """Runs from the start of its context to its end. Its attributes may be set at any time; where
    a claim's value is None, the claim is left out."""

    def __init__(
        self,
        *,
        host: str = "localhost",
        client_id: str = "shop",
        client_secret: str = "s3cret of the +client, which HS256 takes",
    ) -> None:
        self._server = _Server(("127.0.0.1", 0), _Handler)
        self._server.issuer = self
        self.port: int = self._server.server_address[1]
        super().__init__(f"http://{host}:{self.port}", client_id, client_secret)

    def __enter__(self) -> Self:
        serve = self._server.serve_forever
        self._thread = threading.Thread(target=serve, kwargs={"poll_interval": 0.01})
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self.token_gate is not None:
            self.token_gate.set()
        self._server.shutdown()
        self._thread.join(10)
        self._server.server_close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    issuer: OidcIssuer


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = 30
    server: _Server

    def do_GET(self) -> None:
        issuer, parts = self.server.issuer, urlsplit(self.path)
        query = dict(parse_qsl(parts.query, keep_blank_values=True))
        match parts.path:
            case _ if issuer.is_away:
                self.close_connection = True
            case "/.well-known/openid-configuration":
                self._answer(200, issuer.metadata())
            case "/jwks":
                self._answer(200, issuer.key_set())
            case "/authorize":
                location = issuer.authorize(query)
                if location is None:
                    self._answer(400, {"error": "invalid_request"})
                else:
                    self._answer(303, b"", ("Location", location))
            case "/end":
                issuer.ended_sessions.append(query)
                self._answer(303, b"", ("Location", query["post_logout_redirect_uri"]))
            case _:
                self._answer(404, {"error": "nothing here"})

    def do_POST(self) -> None:
        issuer = self.server.issuer
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        form = dict(parse_qsl(body.decode(), keep_blank_values=True))
        authorization = self.headers.get("Authorization")
        match self.path:
            case _ if issuer.is_away:
                self.close_connection = True
            case "/token":
                self._answer(*issuer.give_tokens(form, authorization))
            case "/revoke":
                self._answer(*issuer.revoke(form, authorization))
            case _:
                self._answer(404, {"error": "nothing here"})

    def log_message(self, *_: Any) -> None: ...

    def _answer(self, status: int, body: Any, *headers: tuple[str, str]) -> None:
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(status)
        for name, value in (
            ("Content-Type", "application/json"),
            ("Cache-Control", "no-store"),
            ("Content-Length", str(len(raw))),
            *headers,
        ):
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(raw)
