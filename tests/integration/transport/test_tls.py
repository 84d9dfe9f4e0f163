"""A service's own TLS files: whom the gateway trusts, and what it shows of itself."""

import time
from pathlib import Path

import pytest
import trustme

from bff.engine.ports import UpstreamReply
from bff.engine.values.outcomes import Failed, Reason
from bff.plan.model.service import Link
from bff.tls import TlsFiles
from bff.upstream.ports import Transport
from bff.upstream.transports import TransportName
from tests.support.upstream.requests import UpstreamRequest
from tests.support.upstream.tls_servers import ca_file, client_files, tls_server
from tests.support.upstream.transports import NAMES, fetched, run

every_transport = pytest.mark.parametrize("name", NAMES)


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture(scope="module")
def other() -> trustme.CA:
    return trustme.CA()


async def ask(
    transport: Transport, port: int, files: TlsFiles | None, host: str = "127.0.0.1"
) -> UpstreamReply | Failed:
    link = None if files is None else Link(files)
    request = UpstreamRequest("GET", f"https://{host}:{port}/", link=link)
    return await fetched(transport, request, timeout_seconds=5, byte_cap=9)


@every_transport
@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_service_of_an_own_authority_is_verified_by_its_name_or_address(
    name: TransportName, authority: trustme.CA, tmp_path: Path, host: str
) -> None:
    files = TlsFiles(ca_file(tmp_path, authority))

    async def scenario(transport: Transport) -> None:
        async with tls_server(authority, host) as server:
            outcome = await ask(transport, server.port, files, host)
            assert isinstance(outcome, UpstreamReply), outcome
        async with tls_server(authority, "127.0.0.2" if host[0] == "1" else "other") as server:
            outcome = await ask(transport, server.port, files, host)
            assert isinstance(outcome, Failed)
            assert (outcome.reason, outcome.was_sent) == (Reason.PROTOCOL, False)

    run(name, scenario)


@every_transport
def test_own_authority_is_trusted_instead_of_others_and_for_its_service_alone(
    name: TransportName, authority: trustme.CA, other: trustme.CA, tmp_path: Path
) -> None:
    mine = TlsFiles(ca_file(tmp_path, authority))
    others = TlsFiles(ca_file(tmp_path, other, "other.pem"))

    async def scenario(transport: Transport) -> None:
        async with tls_server(authority, "127.0.0.1") as server:
            assert isinstance(await ask(transport, server.port, mine), UpstreamReply)
            for files in (others, None):
                outcome = await ask(transport, server.port, files)
                assert isinstance(outcome, Failed)
                assert (outcome.reason, outcome.was_sent) == (Reason.PROTOCOL, False)

    run(name, scenario)


@every_transport
def test_certificate_is_shown_to_the_service_that_it_is_for(
    name: TransportName, authority: trustme.CA, other: trustme.CA, tmp_path: Path
) -> None:
    files = client_files(tmp_path, authority, other, "gateway")

    async def scenario(transport: Transport) -> None:
        async with tls_server(authority, "127.0.0.1", wants=other) as server:
            assert isinstance(await ask(transport, server.port, files), UpstreamReply)
            assert server.peers == ["gateway"]

    run(name, scenario)


@every_transport
@pytest.mark.parametrize("shows", [True, False])
def test_failure_says_that_the_service_may_refuse_the_certificate(
    name: TransportName, authority: trustme.CA, other: trustme.CA, tmp_path: Path, shows: bool
) -> None:
    """With TLS 1.3 the refusal comes after the request, and the connection ends without a byte."""
    files = client_files(tmp_path, authority, authority, "gateway")

    async def scenario(transport: Transport) -> None:
        async with tls_server(authority, "127.0.0.1", wants=other) as server:
            outcome = await ask(transport, server.port, files if shows else TlsFiles(files.ca))
            assert isinstance(outcome, Failed)
            assert outcome.reason is Reason.DISCONNECTED
            assert "the service may refuse, or want, a certificate" in outcome.detail

    run(name, scenario)


@every_transport
def test_files_that_changed_hold_for_the_next_connections(
    name: TransportName, authority: trustme.CA, other: trustme.CA, tmp_path: Path
) -> None:
    files = client_files(tmp_path, authority, other, "before")

    async def scenario(transport: Transport) -> None:
        async with tls_server(authority, "127.0.0.1", wants=other) as server:
            await ask(transport, server.port, files)
            client_files(tmp_path, authority, other, "after")
            gives_up_at = time.monotonic() + 10
            while server.peers[-1] == "before" and time.monotonic() < gives_up_at:
                assert isinstance(await ask(transport, server.port, files), UpstreamReply)
            assert server.peers[-1] == "after"

    run(name, scenario)


@every_transport
def test_files_that_were_never_there_are_a_failure_and_nothing_was_sent(
    name: TransportName, authority: trustme.CA, tmp_path: Path
) -> None:
    async def scenario(transport: Transport) -> None:
        async with tls_server(authority, "127.0.0.1") as server:
            outcome = await ask(transport, server.port, TlsFiles(str(tmp_path / "none.pem")))
            assert isinstance(outcome, Failed)
            assert (outcome.reason, outcome.was_sent) == (Reason.PROTOCOL, False)
            assert "tls.ca: there is no file" in outcome.detail

    run(name, scenario)
