"""The address that `bff serve` listens at, claimed before anything is started.

Each of granian's workers has a socket of its own at one port (SO_REUSEPORT). So a second gateway
would start beside the first, and each would get a share of the requests. A port that another
program holds would fail in the workers. granian takes no socket that is bound already, so:

1. An exclusive socket is bound as a test, and closed. It fails beside any socket that listens.
2. Until the gateway ends, a socket that does not listen holds the port beside the workers', so that
   the first step of another gateway fails even while these workers have not started.

Between the two lies the moment in which two gateways could start at once: some microseconds.
"""

import errno
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import click


class CannotListen(click.ClickException):
    """The address can't be listened at: which, why, and how to mend it."""

    def __init__(self, host: str, port: int, why: str) -> None:
        super().__init__(f"cannot listen at {shown(host, port)}: {why}")


@contextmanager
def claimed(host: str, port: int) -> Iterator[str]:
    """Hold the port, and give the numeric address of `host`, the only kind that granian takes.

    Raises `CannotListen`.
    """
    family, address = _resolved(host, port)
    try:
        with socket.socket(family) as test:
            # Connections of a gateway that has just ended linger, and do not make its port taken.
            test.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            test.bind(address)
    except OSError as error:
        raise CannotListen(host, port, why(error)) from None
    with socket.socket(family) as claim:
        # Elsewhere a socket that does not listen could keep granian's from binding.
        if sys.platform == "linux":
            claim.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            # Without SO_REUSEADDR, which would let the test of another gateway pass. It fails where
            # connections of another program linger at the port; then the test was all.
            with suppress(OSError):
                claim.bind(address)
        yield str(address[0])


def shown(host: str, port: int) -> str:
    """`127.0.0.1:8080`, `[::1]:8080`."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def why(error: OSError) -> str:
    """Why an address could not be bound, and how to mend it."""
    match error.errno:
        case errno.EADDRINUSE:
            return (
                "the port is taken. Stop what listens there, or choose another with --port or"
                " BFF_PORT."
            )
        case errno.EACCES | errno.EPERM:
            return (
                "this user may not listen at that port. Choose one from 1024 on with --port or"
                " BFF_PORT."
            )
        case errno.EADDRNOTAVAIL | errno.EAFNOSUPPORT:
            return f"that is no address of this machine. {_CHOOSE_HOST}"
        case _:
            return f"{error.strerror}. Choose another address with --host and --port."


_CHOOSE_HOST = "Choose one with --host or BFF_HOST: 127.0.0.1, or 0.0.0.0 for every network."


def _resolved(host: str, port: int) -> tuple[socket.AddressFamily, tuple[Any, ...]]:
    """The family and the socket address of a host; IPv4 where it has both."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except (socket.gaierror, UnicodeError):
        raise CannotListen(host, port, f"no such host is known. {_CHOOSE_HOST}") from None
    family, _, _, _, address = min(found, key=lambda each: each[0] != socket.AF_INET)
    if address[2:] not in ((), (0, 0)):
        raise CannotListen(host, port, f"an address with a zone can't be used. {_CHOOSE_HOST}")
    return family, address
