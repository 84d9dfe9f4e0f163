"""What a connection answers in one go: requests from heads, and replies whose body is here."""

from typing import Final

from bff.web.hosts.http1.framing import Head, Refusal
from bff.web.hosts.http1.replies import (
    connection_line,
    has_no_body,
    render_head,
    render_shared_head,
)
from bff.web.hosts.http1.service import Peer, Service, Writer
from bff.web.http.problems import bad_host, problem
from bff.web.http.replies import Reply
from bff.web.http.requests import GatewayRequest
from bff.web.serving.pending import Pending
from bff.web.telemetry.telemetry import Telemetry

_RETRY_SECONDS: Final = b"1"

Begun = Reply | Pending | None


def request_of(head: Head, peer: Peer) -> GatewayRequest:
    """The request that a head announces, without its body."""
    _, line, fields = head
    method, path, query, version, _ = line
    headers, single = fields.headers, fields.single
    client_host = None if peer.client is None else peer.client[0]
    # By position: names cost 0.3 of the 17 µs of a hit.
    return GatewayRequest(
        method, path, query, headers, None, peer.scheme, client_host, version, True, single
    )


def refuse_head(service: Service, writer: Writer, refusal: Refusal) -> None:
    """Answer what is no request, and log it as one without a method and a path."""
    request = GatewayRequest("-", "-", "", [])
    reply = service.gateway.finish(request, problem(request, *refusal))
    answer(service, writer, request, reply, False)


def begin(service: Service, request: GatewayRequest) -> Begun:
    """What the gateway begins for a request; None where the app behind is to answer."""
    service.gateway.locate(request)
    begun = None if service.behind.takes(request) else service.gateway.begin(request)
    if begun is None and not request.has_good_host():
        return service.gateway.finish(request, bad_host(request))
    return begun


def answer(
    service: Service, writer: Writer, request: GatewayRequest, reply: Reply, keeps: bool
) -> None:
    """Write a reply whose body is here, and its line in the log."""
    write_reply(service, writer, request, reply, keeps)
    note_reply(service.gateway.telemetry, writer, request, reply)


# By position, as what it calls: names cost a tenth of a microsecond each time.
def write_reply(
    service: Service, writer: Writer, request: GatewayRequest, reply: Reply, keeps: bool
) -> None:
    """Write a reply whose body is here; the connection lasts where it `keeps`."""
    body, status, date = reply.body, reply.status, service.date.line()
    assert isinstance(body, bytes)  # noqa: S101
    is_empty = has_no_body(request.method, status)
    is_plain = keeps and request.version == "1.1"
    connection = b"" if is_plain else connection_line(request.version, keeps)
    if reply.headers or not reply.shared:
        framing = b"" if is_empty else b"content-length: %d\r\n" % len(body)
        head = render_head(status, reply.lines(), framing, date, connection)
    else:
        head = render_shared_head(reply, date, connection)
    if is_empty or not body:
        writer.write(head)
    else:
        writer.write_both(head, body)


def note_reply(telemetry: Telemetry, writer: Writer, request: GatewayRequest, reply: Reply) -> None:
    """Write the line of a request whose reply was written whole."""
    if writer.is_lost:
        telemetry.broken(request, reply, 0, "client left")
    else:
        telemetry.ended(request, reply, len(reply.body) if isinstance(reply.body, bytes) else 0)


def overloaded(request: GatewayRequest) -> Reply:
    """The answer to one request more than may be at work."""
    return problem(
        request,
        503,
        "overloaded",
        "The gateway has as many such requests at work as it takes.",
        headers=((b"retry-after", _RETRY_SECONDS),),
    )
