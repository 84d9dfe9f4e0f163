"""The address that `bff serve` listens at: taken before a worker starts, or refused."""

import errno
import os
import socket
import sys

import pytest

from bff.cli.serving.listening import (
    OF_GATEWAY,
    OF_METRICS,
    CannotListen,
    is_of_this_machine,
    listen,
    refuse_connections,
    shown,
    why,
)
from tests.support.ports import free_port


def refusal(host: str, port: int) -> str:
    with pytest.raises(CannotListen) as refused:
        listen(host, port, 1).close()
    return refused.value.message


def test_port_that_is_listened_at_is_refused() -> None:
    with listen("127.0.0.1", 0, 1) as listener:
        port = listener.getsockname()[1]
        assert refusal("127.0.0.1", port) == (
            f"cannot listen at 127.0.0.1:{port}: the port is taken."
            " Stop what listens there, or choose another with --port or BFF_PORT."
        )
        assert "the port is taken" in refusal("0.0.0.0", port)


def test_port_for_metrics_is_refused_by_its_own_name() -> None:
    with listen("127.0.0.1", 0, 1) as listener:
        port = listener.getsockname()[1]
        with pytest.raises(CannotListen, match="choose another with BFF_METRICS_PORT"):
            listen("127.0.0.1", port, 1, OF_METRICS)
    with pytest.raises(CannotListen, match="Choose one with BFF_METRICS_HOST: "):
        listen("gateway.invalid", port, 1, OF_METRICS)


@pytest.mark.parametrize(("host", "is_ours"), [("127.0.0.1", True), ("0.0.0.0", False)])
def test_address_that_others_can_reach_is_known(host: str, is_ours: bool) -> None:
    with listen(host, 0, 1) as listener:
        assert is_of_this_machine(listener) is is_ours


def test_port_is_refused_though_its_listener_would_share_it() -> None:
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        assert "the port is taken" in refusal("127.0.0.1", listener.getsockname()[1])


def test_connections_that_linger_from_before_do_not_make_a_port_taken() -> None:
    listener = listen("127.0.0.1", 0, 1)
    port = listener.getsockname()[1]
    with socket.create_connection(("127.0.0.1", port), timeout=10) as client:
        taken, _ = listener.accept()
        listener.close()
        taken.close()  # who closes first keeps the connection in TIME_WAIT
        assert client.recv(1) == b""
    with socket.socket() as strict, pytest.raises(OSError, match="in use"):
        strict.bind(("127.0.0.1", port))  # it lingers
    listen("127.0.0.1", port, 1).close()


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere tests hold no port")
def test_port_that_a_test_holds_is_for_its_own_server_alone() -> None:
    port = free_port()
    with socket.socket() as other, pytest.raises(OSError, match="in use"):
        other.bind(("127.0.0.1", port))
    with listen("127.0.0.1", port, 1):
        socket.create_connection(("127.0.0.1", port), timeout=10).close()


@pytest.mark.skipif(sys.platform != "linux", reason="a filter of Linux's")
def test_who_waits_is_accepted_though_nobody_may_connect_any_more() -> None:
    with listen("127.0.0.1", 0, 8) as listener:
        address = listener.getsockname()
        with socket.create_connection(address, timeout=10) as waiting:
            refuse_connections(listener)
            waiting.sendall(b"hello")
            with pytest.raises(TimeoutError):
                socket.create_connection(address, timeout=0.3)
            accepted, _ = listener.accept()
            with accepted:
                assert accepted.recv(5) == b"hello"


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
def test_host_is_listened_at_by_its_numeric_address(host: str, address: str) -> None:
    with listen(host, 0, 1) as listener:
        assert listener.getsockname()[0] == address


@pytest.mark.skipif(not os.path.exists("/proc/net/if_inet6"), reason="not Linux, or no IPv6")
def test_ipv6_is_listened_at_too() -> None:
    with listen("::1", 0, 1) as listener:
        port = listener.getsockname()[1]
        assert listener.getsockname()[0] == "::1"
        assert refusal("::1", port).startswith(f"cannot listen at [::1]:{port}: ")


@pytest.mark.parametrize(
    ("number", "message"),
    [
        (errno.EADDRINUSE, "another with --port or BFF_PORT."),
        (errno.EACCES, "may not listen at that port. Choose one from 1024 on with --port"),
        (errno.EPERM, "may not listen at that port. Choose one from 1024 on with --port"),
        (errno.EADDRNOTAVAIL, "no address of this machine. Choose one with --host or BFF_HOST"),
        (errno.EAFNOSUPPORT, "no address of this machine. Choose one with --host or BFF_HOST"),
        (errno.ENOBUFS, "No buffer space available. Choose another address with --host or"),
    ],
)
def test_each_reason_says_how_to_mend_it(number: int, message: str) -> None:
    assert message in why(OSError(number, os.strerror(number)), OF_GATEWAY)


@pytest.mark.parametrize(
    ("host", "text"), [("127.0.0.1", "127.0.0.1:80"), ("::1", "[::1]:80"), ("shop", "shop:80")]
)
def test_address_is_shown_as_in_a_url(host: str, text: str) -> None:
    assert shown(host, 80) == text
