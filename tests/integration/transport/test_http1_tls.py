"""The gateway's own transport over TLS: whom it trusts, and what it takes for a whole reply."""

import asyncio
import ssl
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest
import trustme
import uvloop

from bff.engine.ports import UpstreamReply
from bff.engine.values.outcomes import Failed, Reason
from bff.upstream.http1.pool import Limits
from bff.upstream.http1.transport import Http1Transport
from tests.support.upstream.transports import fetched, get

LIMITS = Limits(connect_seconds=0.5, idle_seconds=4.0)

Run = Callable[[Coroutine[Any, Any, None]], None]


@pytest.fixture(params=[asyncio.run, uvloop.run], ids=["asyncio", "uvloop"])
def run(request: pytest.FixtureRequest) -> Run:
    """Runs a coroutine on each kind of loop."""
    found: Run = request.param
    return found


@pytest.fixture
def authority(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> trustme.CA:
    """A certificate authority that the system trusts."""
    made = trustme.CA()
    made.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
    return made


LENGTH_2 = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
UNTIL_CLOSE = b"HTTP/1.1 200 OK\r\n\r\nok"


async def over_tls(
    issuer: trustme.CA, name: str, data: bytes = LENGTH_2, *, aborts: bool = False
) -> tuple[UpstreamReply | Failed, list[str]]:
    """What a fetch from `localhost` comes to, where the server's certificate is for `name`; and the
    names that the client gave (SNI). The server closes TLS in good order, or `aborts` it."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    issuer.issue_cert(name).configure_cert(context)
    given: list[str] = []
    context.sni_callback = lambda _, server_name, __: given.append(server_name)

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(data)
            await writer.drain()
            if aborts:
                writer.transport.abort()
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0, ssl=context)
    transport = Http1Transport(LIMITS)
    port = server.sockets[0].getsockname()[1]
    outcome = await fetched(
        transport, get(f"https://localhost:{port}/"), timeout_seconds=5, byte_cap=9
    )
    await transport.close()
    server.close()
    return outcome, given


def test_https_is_verified_and_the_server_is_told_the_name(run: Run, authority: trustme.CA) -> None:
    async def main() -> None:
        outcome, given = await over_tls(authority, "localhost")
        assert isinstance(outcome, UpstreamReply), outcome
        assert (outcome.body, given) == (b"ok", ["localhost"])

    run(main())


@pytest.mark.parametrize("aborts", [False, True])
def test_reply_that_ends_with_the_connection_is_whole_where_tls_was_closed_in_good_order(
    run: Run, authority: trustme.CA, aborts: bool
) -> None:
    """Else anybody on the way could cut it off (RFC 9112 §9.8)."""

    async def main() -> None:
        outcome, _ = await over_tls(authority, "localhost", UNTIL_CLOSE, aborts=aborts)
        if aborts:
            assert isinstance(outcome, Failed)
            assert outcome.reason is Reason.INCOMPLETE
        else:
            assert isinstance(outcome, UpstreamReply), outcome
            assert outcome.body == b"ok"

    run(main())


@pytest.mark.parametrize("fault", ["name", "authority"])
def test_certificate_that_does_not_fit_is_refused_before_anything_is_sent(
    run: Run, authority: trustme.CA, fault: str
) -> None:
    async def main() -> None:
        issuer = trustme.CA() if fault == "authority" else authority
        outcome, _ = await over_tls(issuer, "elsewhere" if fault == "name" else "localhost")
        assert isinstance(outcome, Failed)
        assert (outcome.reason, outcome.was_sent) == (Reason.PROTOCOL, False)
        assert "CERTIFICATE_VERIFY_FAILED" in outcome.detail

    run(main())


def test_server_without_tls_is_a_protocol_error_and_nothing_was_sent(run: Run) -> None:
    async def main() -> None:
        async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write(b"HTTP/1.1 400 No TLS here\r\n\r\n")
            writer.close()

        server = await asyncio.start_server(answer, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        transport = Http1Transport(LIMITS)
        outcome = await fetched(
            transport, get(f"https://127.0.0.1:{port}/"), timeout_seconds=5, byte_cap=9
        )
        await transport.close()
        server.close()
        assert isinstance(outcome, Failed)
        assert (outcome.reason, outcome.was_sent) == (Reason.PROTOCOL, False)

    run(main())
