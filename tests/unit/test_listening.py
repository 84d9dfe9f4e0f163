"""The address that `bff serve` listens at: claimed before a worker starts, or refused."""

import errno
import os
import socket
import sys
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from bff.cli.serving.listening import CannotListen, claimed, shown, why

on_linux = pytest.mark.skipif(sys.platform != "linux", reason="the claim is held on Linux alone")


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
    return port


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    """A socket that listens, as a granian worker's does: ready to share its port."""
    with socket.socket() as listening:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        yield listening


def refusal(host: str, port: int) -> str:
    with pytest.raises(CannotListen) as refused, claimed(host, port):
        pass
    return refused.value.message


def test_port_that_is_listened_at_is_refused_though_its_listener_would_share_it(
    listener: socket.socket,
) -> None:
    port = listener.getsockname()[1]
    assert refusal("127.0.0.1", port) == (
        f"cannot listen at 127.0.0.1:{port}: the port is taken."
        " Stop what listens there, or choose another with --port or BFF_PORT."
    )


def test_every_network_is_refused_while_one_is_listened_at(listener: socket.socket) -> None:
    assert "the port is taken" in refusal("0.0.0.0", listener.getsockname()[1])


@on_linux
def test_port_is_refused_while_another_gateway_holds_it_whose_workers_do_not_listen_yet() -> None:
    port = free_port()
    with claimed("127.0.0.1", port):
        assert "the port is taken" in refusal("127.0.0.1", port)
    with claimed("127.0.0.1", port):
        pass


def test_workers_listen_beside_the_claim_and_get_every_connection() -> None:
    port = free_port()
    with ExitStack() as stack:
        address = stack.enter_context(claimed("127.0.0.1", port))
        worker = stack.enter_context(socket.socket())
        worker.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        worker.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        worker.bind((address, port))
        worker.listen()
        worker.settimeout(10)
        for _ in range(30):
            client = socket.create_connection((address, port), timeout=10)
            taken, _ = worker.accept()
            client.close()
            taken.close()


def test_connections_that_linger_from_before_do_not_make_a_port_taken(
    listener: socket.socket,
) -> None:
    port = listener.getsockname()[1]
    with socket.create_connection(("127.0.0.1", port), timeout=10) as client:
        taken, _ = listener.accept()
        listener.close()
        taken.close()  # who closes first keeps the connection in TIME_WAIT
        assert client.recv(1) == b""
    with socket.socket() as strict, pytest.raises(OSError, match="in use"):
        strict.bind(("127.0.0.1", port))  # it lingers
    with claimed("127.0.0.1", port):
        pass


@pytest.mark.parametrize("host", ["gateway.invalid", "a" * 70])
def test_host_that_nobody_knows_is_reported(host: str) -> None:
    assert refusal(host, 8080) == (
        f"cannot listen at {host}:8080: no such host is known."
        " Choose one with --host or BFF_HOST: 127.0.0.1, or 0.0.0.0 for every network."
    )


def test_address_of_another_machine_is_reported() -> None:
    assert refusal("192.0.2.1", 8080) == (  # RFC 5737: nobody's
        "cannot listen at 192.0.2.1:8080: that is no address of this machine."
        " Choose one with --host or BFF_HOST: 127.0.0.1, or 0.0.0.0 for every network."
    )


def test_address_with_a_zone_is_reported() -> None:
    (_, loopback), *_ = socket.if_nameindex()
    assert "an address with a zone can't be used" in refusal(f"fe80::1%{loopback}", 8080)


@pytest.mark.parametrize(
    ("host", "address"),
    [("127.0.0.1", "127.0.0.1"), ("localhost", "127.0.0.1"), ("0.0.0.0", "0.0.0.0")],
)
def test_host_is_claimed_at_its_numeric_address(host: str, address: str) -> None:
    with claimed(host, free_port()) as numeric:
        assert numeric == address


@pytest.mark.skipif(not os.path.exists("/proc/net/if_inet6"), reason="not Linux, or no IPv6")
def test_ipv6_is_claimed_too() -> None:
    port = free_port()
    with claimed("::1", port) as numeric:
        assert numeric == "::1"
        assert refusal("::1", port).startswith(f"cannot listen at [::1]:{port}: ")


@pytest.mark.parametrize(
    ("number", "message"),
    [
        (errno.EADDRINUSE, "another with --port or BFF_PORT."),
        (errno.EACCES, "may not listen at that port. Choose one from 1024 on with --port"),
        (errno.EPERM, "may not listen at that port. Choose one from 1024 on with --port"),
        (errno.EADDRNOTAVAIL, "no address of this machine. Choose one with --host or BFF_HOST"),
        (errno.EAFNOSUPPORT, "no address of this machine. Choose one with --host or BFF_HOST"),
        (errno.ENOBUFS, "No buffer space available. Choose another address with --host and"),
    ],
)
def test_each_reason_says_how_to_mend_it(number: int, message: str) -> None:
    assert message in why(OSError(number, os.strerror(number)))


@pytest.mark.parametrize(
    ("host", "text"), [("127.0.0.1", "127.0.0.1:80"), ("::1", "[::1]:80"), ("shop", "shop:80")]
)
def test_address_is_shown_as_in_a_url(host: str, text: str) -> None:
    assert shown(host, 80) == text
