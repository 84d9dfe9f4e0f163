"""WebSockets through a route, between a client and a service that others wrote: the library
`websockets`. The client speaks ws:// to our server, once wss://; that speaks wss:// to the service.
"""

import json
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest
import trustme
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.http11 import Request, Response
from websockets.sync.client import ClientConnection, connect
from websockets.sync.server import ServerConnection, serve

from bff.settings import Settings
from bff.web.applications import create_server
from tests.support.gateway.hosts import WAIT_BUDGET_SECONDS, http1_server
from tests.support.gateway.websockets import ORIGIN, live_project
from tests.support.telemetry.log_lines import written

Handler = Callable[[ServerConnection], None]
QUIET = Settings(log_level="error")


@contextmanager
def gateway_before(
    handler: Handler,
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    *,
    scheme: str = "ws",
    settings: Settings = QUIET,
    **options: Any,
) -> Iterator[Callable[..., ClientConnection]]:
    """A function that opens a WebSocket at /live/chat, through our server to a service."""
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(folder / "ca.pem"))
    monkeypatch.setenv("SSL_CERT_FILE", str(folder / "ca.pem"))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)
    tls = context if scheme == "wss" else None
    with serve(handler, "127.0.0.1", 0, ssl=context, **options) as service, ExitStack() as stack:
        thread = threading.Thread(target=service.serve_forever)
        thread.start()
        stack.callback(thread.join, WAIT_BUDGET_SECONDS)
        stack.callback(service.shutdown)
        url = f"https://localhost:{service.socket.getsockname()[1]}"
        made = create_server(live_project(folder, url), settings)
        port = stack.enter_context(http1_server(made, tls=tls))

        def open_one(**wanted: Any) -> ClientConnection:
            wanted = {"origin": ORIGIN, "max_size": None, **wanted}
            url = f"{scheme}://localhost:{port}/live/chat"
            return stack.enter_context(connect(url, **wanted))

        yield open_one


def echo(connection: ServerConnection) -> None:
    for message in connection:
        connection.send(message)


def test_messages_of_every_kind_and_size_pass_both_ways(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with gateway_before(echo, tmp_path, monkeypatch, max_size=None) as open_one:
        client = open_one()
        for message in ("hello", b"\x00\xff" * 10, "", "ö" * 100_000, bytes(5_000_000)):
            client.send(message)
            assert client.recv() == message
        client.send(["in ", "several ", "frames"])
        assert client.recv() == "in several frames"
        assert client.ping().wait(WAIT_BUDGET_SECONDS)


def test_websocket_passes_while_the_log_has_a_line_for_each_call(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    settings = Settings(log_level="debug")
    with gateway_before(echo, tmp_path, monkeypatch, settings=settings) as open_one:
        client = open_one()
        client.send("hello")
        assert client.recv() == "hello"
        client.close()
    (call,) = written(capfdbinary, "upstream")
    assert (call["http.request.method"], call["http.response.status_code"]) == ("GET", 101)


def test_tls_at_both_ends_passes_messages_and_the_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def answer_once(connection: ServerConnection) -> None:
        connection.send(connection.recv())

    with gateway_before(
        answer_once, tmp_path, monkeypatch, scheme="wss", max_size=None
    ) as open_one:
        client = open_one()
        client.send(bytes(2_000_000))
        assert client.recv() == bytes(2_000_000)
        with pytest.raises(ConnectionClosed) as closed:
            client.recv()
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == 1000


def test_service_over_tls_waits_while_the_client_reads_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent: list[int] = []

    def flood(connection: ServerConnection) -> None:
        for number in range(60):
            connection.send(bytes(1_000_000))
            sent.append(number)

    options: dict[str, Any] = {"scheme": "wss", "compression": None}
    with gateway_before(flood, tmp_path, monkeypatch, **options) as open_one:
        client = open_one(max_queue=1)
        before = -1
        while before != len(sent) or not sent:
            before = len(sent)
            threading.Event().wait(0.3)
        assert before < 30, (
            "what all buffers on the way hold is far less than what there is to send"
        )
        for _ in range(60):
            assert len(client.recv()) == 1_000_000


@pytest.mark.parametrize("compression", ["deflate", None])
def test_subprotocol_and_extension_are_agreed_end_to_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, compression: str | None
) -> None:
    with gateway_before(echo, tmp_path, monkeypatch, subprotocols=["chat.v2"]) as open_one:
        client = open_one(subprotocols=["chat.v3", "chat.v2"], compression=compression)
        assert client.subprotocol == "chat.v2"
        names = [extension.name for extension in client.protocol.extensions]
        assert names == (["permessage-deflate"] if compression else [])
        client.send("a" * 10_000)
        assert client.recv() == "a" * 10_000


def test_service_sees_the_page_the_client_and_the_path_and_no_cookie(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def tell(connection: ServerConnection) -> None:
        request = connection.request
        assert request is not None
        seen = {name.lower(): value for name, value in request.headers.raw_items()}
        connection.send(json.dumps({"path": request.path, **seen}))

    with gateway_before(tell, tmp_path, monkeypatch) as open_one:
        wanted = {"Cookie": "a=b", "Authorization": "Bearer x", "X-Forwarded-For": "6.6.6.6"}
        seen = json.loads(open_one(additional_headers=wanted).recv())
    assert seen["path"] == "/chat"
    assert seen["origin"] == ORIGIN
    assert seen["authorization"] == "Bearer x"
    assert seen["x-forwarded-for"] == "127.0.0.1"
    assert seen["x-forwarded-proto"] == "http"
    assert "cookie" not in seen


def test_close_of_the_service_reaches_the_client_with_its_code(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with gateway_before(
        lambda connection: connection.close(4001, "enough"), tmp_path, monkeypatch
    ) as open_one:
        client = open_one()
        with pytest.raises(ConnectionClosed) as closed:
            client.recv()
        assert closed.value.rcvd is not None
        assert (closed.value.rcvd.code, closed.value.rcvd.reason) == (4001, "enough")


def test_close_of_the_client_reaches_the_service_with_its_code(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    closed: list[int] = []
    ended = threading.Event()

    def wait(connection: ServerConnection) -> None:
        try:
            connection.recv()
        except ConnectionClosed as error:
            closed.append(error.rcvd.code if error.rcvd is not None else 0)
            ended.set()

    with gateway_before(wait, tmp_path, monkeypatch) as open_one:
        open_one().close(4002)
        assert ended.wait(WAIT_BUDGET_SECONDS)
        assert closed == [4002]


def test_refusal_of_the_service_passes_as_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(connection: ServerConnection, _: Request) -> Response:
        return connection.respond(401, "Log in first.")

    with (
        gateway_before(echo, tmp_path, monkeypatch, process_request=refuse) as open_one,
        pytest.raises(InvalidStatus) as refused,
    ):
        open_one()
    assert refused.value.response.status_code == 401
    assert refused.value.response.body == b"Log in first."


@pytest.mark.parametrize("origin", [None, "https://evil.example", "null"])
def test_page_of_another_origin_reaches_no_service(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, origin: str | None
) -> None:
    opened: list[ServerConnection] = []
    with (
        gateway_before(opened.append, tmp_path, monkeypatch) as open_one,
        pytest.raises(InvalidStatus) as refused,
    ):
        open_one(origin=origin)
    assert refused.value.response.status_code == 403
    assert json.loads(refused.value.response.body or b"")["reason"] == "origin_not_listed"
    assert opened == []


def test_many_at_once_keep_apart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with gateway_before(echo, tmp_path, monkeypatch) as open_one:
        clients = [open_one() for _ in range(20)]
        for _ in range(3):
            for number, client in enumerate(clients):
                client.send(f"to {number}")
            for number, client in enumerate(clients):
                assert client.recv() == f"to {number}"
