"""`bff serve` by TLS: its files, what it speaks, and clients that take their time."""

import os
import socket
import ssl
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from http.client import HTTPSConnection
from pathlib import Path

import pytest
import trustme
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    load_pem_private_key,
)

from bff.cli.serving.tls import server_context
from bff.errors import SettingsError
from bff.settings import Settings
from tests.support.gateway.hosts import WAIT_BUDGET_SECONDS
from tests.support.gateway.serving import Serve, Serving, gateways


class Files:
    """A certificate for localhost with its key, and files that are something else."""

    def __init__(self, folder: Path) -> None:
        authority = trustme.CA()
        ours, other = authority.issue_cert("localhost"), authority.issue_cert("localhost")
        self.authority = authority
        self.cert, self.key = folder / "cert.pem", folder / "key.pem"
        self.both, self.other_key = folder / "both.pem", folder / "other.pem"
        self.locked_key, self.junk = folder / "locked.pem", folder / "junk.pem"
        ours.cert_chain_pems[0].write_to_path(self.cert)
        ours.private_key_pem.write_to_path(self.key)
        ours.private_key_and_cert_chain_pem.write_to_path(self.both)
        other.private_key_pem.write_to_path(self.other_key)
        key = load_pem_private_key(self.key.read_bytes(), None)
        self.locked_key.write_bytes(
            key.private_bytes(
                Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"password")
            )
        )
        self.junk.write_text("junk")


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Files:
    return Files(tmp_path_factory.mktemp("tls"))


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Serve]:
    with gateways(tmp_path) as start:
        yield start


def served(serve: Serve, files: Files) -> Serving:
    serving = serve("--certfile", str(files.cert), "--keyfile", str(files.key))
    serving.wait_for(lambda: answers(serving, files))
    return serving


def client_context(files: Files) -> ssl.SSLContext:
    context = ssl.create_default_context()
    files.authority.configure_trust(context)
    return context


def answers(serving: Serving, files: Files) -> bool:
    client = HTTPSConnection("localhost", serving.port, timeout=10, context=client_context(files))
    try:
        client.request("GET", "/healthz")
        return client.getresponse().status == 200
    except ConnectionRefusedError:
        return False
    finally:
        client.close()


def test_gateway_serves_by_tls_and_is_purged_by_tls(
    serve: Serve, files: Files, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BFF_ADMIN_TOKEN", "0123456789abcdef")
    serving = served(serve, files)
    purged = subprocess.run(
        [sys.executable, "-m", "bff.cli", "purge", "user:1"],
        env={**os.environ, "BFF_PORT": str(serving.port), "BFF_CERTFILE": str(files.cert)},
        capture_output=True,
        text=True,
    )
    assert purged.stdout == "0 purged\n", purged.stderr
    serving.terminate()
    out = serving.said()
    assert serving.process.returncode == 0
    assert f"https://127.0.0.1:{serving.port}" in out


def test_silent_and_slow_clients_are_left_and_others_served_meanwhile(
    serve: Serve, files: Files, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BFF_HEAD_SECONDS", "1")
    serving = served(serve, files)
    with ExitStack() as stack:
        address = ("127.0.0.1", serving.port)
        silent = [
            stack.enter_context(socket.create_connection(address, WAIT_BUDGET_SECONDS))
            for _ in range(3)
        ]
        silent[1].sendall(b"\x16")  # a handshake's first byte
        silent[2].sendall(b"GET / HTTP/1.1\r\n\r\n")
        assert answers(serving, files)
        for client in silent:
            assert b"HTTP" not in b"".join(iter(lambda client=client: client.recv(100), b""))  # type: ignore[misc]


def test_handshakes_beyond_the_bound_of_connections_are_closed(
    serve: Serve, files: Files, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BFF_CONNECTIONS", "1")
    serving = served(serve, files)
    with ExitStack() as stack:
        address = ("127.0.0.1", serving.port)
        clients = [
            stack.enter_context(socket.create_connection(address, WAIT_BUDGET_SECONDS))
            for _ in range(1 + 64 + 1)
        ]
        assert clients[-1].recv(1) == b""


def test_what_is_older_than_tls_1_2_is_refused_and_1_2_and_1_3_are_spoken(
    serve: Serve, files: Files
) -> None:
    serving = served(serve, files)
    for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
        context = client_context(files)
        context.minimum_version = context.maximum_version = version
        context.set_alpn_protocols(["h2", "http/1.1"])
        with (
            socket.create_connection(("127.0.0.1", serving.port), WAIT_BUDGET_SECONDS) as raw,
            context.wrap_socket(raw, server_hostname="localhost") as client,
        ):
            assert client.selected_alpn_protocol() == "http/1.1"
    for version, type_of_answer in ((b"\3\3", b"\x16"), (b"\3\1", b"")):
        hello = client_hello(files)
        with socket.create_connection(("127.0.0.1", serving.port), WAIT_BUDGET_SECONDS) as client:
            client.sendall(hello[:9] + version + hello[11:])
            assert client.recv(1) == type_of_answer


def client_hello(files: Files) -> bytes:
    """A handshake's first message, of TLS 1.2 (RFC 5246 §7.4.1.2): its version is at 9."""
    context = client_context(files)
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    sent = ssl.MemoryBIO()
    with suppress(ssl.SSLWantReadError):
        context.wrap_bio(ssl.MemoryBIO(), sent, server_hostname="localhost").do_handshake()
    return sent.read()


@pytest.mark.parametrize(
    ("cert", "key", "message"),
    [
        (
            "missing",
            "key",
            "BFF_CERTFILE: there is no file '{cert}'. Store it there, or name another.",
        ),
        (
            "cert",
            "missing",
            "BFF_KEYFILE: there is no file '{key}'. Store it there, or name another.",
        ),
        ("folder", "key", "BFF_CERTFILE: '{cert}' can't be read: Is a directory. "),
        ("junk", "key", "BFF_CERTFILE: '{cert}' has no certificate in PEM. It needs a line "),
        ("key", "key", "BFF_CERTFILE: '{cert}' has no certificate in PEM. It needs a line "),
        ("cert", "junk", "BFF_KEYFILE: '{key}' has no private key in PEM. It needs a line "),
        ("cert", None, "BFF_CERTFILE without BFF_KEYFILE: '{cert}' has no private key in PEM. "),
        ("cert", "locked_key", "BFF_KEYFILE: the key in '{key}' is under a password. "),
        (
            "cert",
            "other_key",
            "BFF_KEYFILE: '{key}' is not the key of the certificate in '{cert}'. ",
        ),
        (None, "key", "BFF_KEYFILE: needs BFF_CERTFILE, the key's certificate, beside it"),
    ],
)
def test_files_that_cannot_be_used_are_named(
    files: Files, tmp_path: Path, cert: str | None, key: str | None, message: str
) -> None:
    def path(name: str | None) -> Path | None:
        return None if name is None else getattr(files, name, tmp_path / name)

    (tmp_path / "folder").mkdir()
    with pytest.raises(SettingsError) as refused:
        server_context(Settings(certfile=path(cert), keyfile=path(key)))
    assert str(refused.value).startswith(message.format(cert=path(cert), key=path(key)))


def test_file_with_both_needs_no_keyfile(files: Files) -> None:
    assert server_context(Settings(certfile=files.both)) is not None
    assert server_context(Settings()) is None


def test_launcher_reports_files_before_anything_starts(serve: Serve, files: Files) -> None:
    serving = serve("--certfile", str(files.cert), "--keyfile", str(files.other_key))
    assert serving.said().startswith("BFF_KEYFILE: '")
    assert serving.process.returncode == 1
    assert not serving.has_redis()
