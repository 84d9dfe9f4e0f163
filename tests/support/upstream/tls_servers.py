"""Servers over TLS on the running loop, and the files that clients of theirs need."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import trustme

from bff.tls import TlsFiles


@dataclass(slots=True)
class TlsServer:
    """A server that answers each request with `12` and closes the connection; `peers` are the
    names in the certificates that its clients showed, None where there was none; `heads` are those
    of the requests."""

    port: int = 0
    peers: list[str | None] = field(default_factory=list)
    heads: list[bytes] = field(default_factory=list)


@asynccontextmanager
async def tls_server(
    issuer: trustme.CA, name: str, *, wants: trustme.CA | None = None
) -> AsyncIterator[TlsServer]:
    """A server whose certificate is for `name`; it `wants` certificates of this authority."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    issuer.issue_cert(name).configure_cert(context)
    if wants is not None:
        context.verify_mode = ssl.CERT_REQUIRED
        wants.configure_trust(context)
    seen = TlsServer()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            seen.heads.append(await reader.readuntil(b"\r\n\r\n"))
            seen.peers.append(_peer_name(writer.get_extra_info("ssl_object")))
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\n12")
            await writer.drain()
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0, ssl=context)
    seen.port = server.sockets[0].getsockname()[1]
    try:
        yield seen
    finally:
        server.close()


def ca_file(folder: Path, authority: trustme.CA, name: str = "ca.pem") -> str:
    """The authority's certificate as a file."""
    authority.cert_pem.write_to_path(str(folder / name))
    return str(folder / name)


def client_files(folder: Path, trusted: trustme.CA, issuer: trustme.CA, name: str) -> TlsFiles:
    """Files that trust one authority, and show a certificate that another has issued for `name`.
    They replace those of an earlier call."""
    made = issuer.issue_cert(name)
    for file, content in (
        ("client.pem", b"".join(each.bytes() for each in made.cert_chain_pems)),
        ("client.key", made.private_key_pem.bytes()),
    ):
        (folder / f"{file}.new").write_bytes(content)
        (folder / f"{file}.new").rename(folder / file)
    paths = (str(folder / "client.pem"), str(folder / "client.key"))
    return TlsFiles(ca_file(folder, trusted), *paths)


def _peer_name(tls: ssl.SSLObject) -> str | None:
    found = tls.getpeercert()
    return found["subjectAltName"][0][1] if found else None  # type: ignore[index,return-value]
