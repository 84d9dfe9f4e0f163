"""A proxy's reply to CONNECT, in whatever pieces it comes."""

import asyncio
import socket
from collections.abc import Iterable

import pytest

from bff.engine.values.outcomes import Failed, Reason
from bff.plan.model.service import Proxy
from bff.upstream.http1.addresses import Origin
from bff.upstream.http1.tunnels import NoTunnel, connect_request, open_tunnel

SHOP = Origin(True, "shop.test", 8443)
OPEN = b"HTTP/1.1 200 Connection established\r\nX: y\r\n\r\n"
WAIT = b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n"
REFUSED = b"HTTP/1.1 403 No\r\nContent-Length: 4\r\n\r\nnone"


def opened(pieces: Iterable[bytes]) -> Failed | None:
    """Why there is no tunnel, or None; the proxy's connection ends after these pieces."""

    async def main() -> Failed | None:
        loop = asyncio.get_running_loop()
        ours, theirs = socket.socketpair()
        ours.setblocking(False)
        tunnel = loop.create_task(open_tunnel(loop, ours, Proxy("proxy", 3128), SHOP))
        with theirs:
            for piece in pieces:
                theirs.send(piece)
                await asyncio.sleep(0)
                await asyncio.sleep(0)
        try:
            await tunnel
        except NoTunnel as error:
            return error.failure
        assert ours.fileno() >= 0
        ours.close()
        return None

    return asyncio.run(main())


def halves(data: bytes) -> Iterable[list[bytes]]:
    return ([data[:at], data[at:]] for at in range(1, len(data)))


@pytest.mark.parametrize("data", [OPEN, WAIT + OPEN], ids=["200", "103"])
def test_tunnel_opens_wherever_the_reply_is_cut(data: bytes) -> None:
    assert [opened(cut) for cut in halves(data)] == [None] * (len(data) - 1)
    assert opened([data[at : at + 1] for at in range(len(data))]) is None


def test_eight_informational_replies_are_passed_over() -> None:
    assert opened([WAIT * 8 + OPEN]) is None


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (REFUSED, Reason.REFUSED),
        (OPEN[:-1], Reason.DISCONNECTED),
        (WAIT, Reason.DISCONNECTED),
        (OPEN + b"\x16", Reason.PROTOCOL),
        (WAIT * 9 + OPEN, Reason.PROTOCOL),
        (OPEN.replace(b"200", b"099"), Reason.PROTOCOL),
        (OPEN.replace(b"X:", b"X :"), Reason.PROTOCOL),
        (OPEN.replace(b"\r\n", b"\n"), Reason.PROTOCOL),
    ],
)
def test_anything_else_opens_none(data: bytes, reason: Reason) -> None:
    failure = opened([data])
    assert failure is not None
    assert (failure.reason, failure.was_sent) == (reason, False)


@pytest.mark.parametrize(
    ("host", "target"), [("shop.test", b"shop.test:8443"), ("::1", b"[::1]:8443")]
)
def test_request_names_the_origin_twice_and_no_path(host: str, target: bytes) -> None:
    head = connect_request(Proxy("proxy", 3128, "Basic x"), Origin(True, host, 8443))
    line, host_line, *others = head.split(b"\r\n")
    assert (line, host_line) == (b"CONNECT %b HTTP/1.1" % target, b"host: " + target)
    assert b"proxy-authorization: Basic x" in others
