"""The addresses that `bff serve` listens at, taken before anything is started.

The launcher makes one socket, and each worker accepts from it. It listens from the beginning:
another program, or another gateway, can't have the port from then on, and who connects while the
workers start waits in the socket's queue. The port for metrics is taken in the same way.
"""

import ctypes
import errno
import socket
import struct
import sys
from contextlib import suppress
from ipaddress import ip_address
from typing import Any, Final, NamedTuple

import click

_SO_ATTACH_FILTER = 26  # asm-generic/socket.h; Python has no name for it


class AddressNames(NamedTuple):
    """What the host and the port of an address are set by."""

    host: str
    port: str


OF_GATEWAY: Final = AddressNames("--host or BFF_HOST", "--port or BFF_PORT")
OF_METRICS: Final = AddressNames("BFF_METRICS_HOST", "BFF_METRICS_PORT")


class CannotListen(click.ClickException):
    """The address can't be listened at: which, why, and how to mend it."""

    def __init__(self, host: str, port: int, why: str) -> None:
        super().__init__(f"cannot listen at {shown(host, port)}: {why}")


def listen(host: str, port: int, backlog: int, names: AddressNames = OF_GATEWAY) -> socket.socket:
    """A socket that listens at the address, with so many connections in its queue.

    Raises `CannotListen`.
    """
    family, address = _resolved(host, port, names)
    listener = socket.socket(family)
    try:
        # Connections of a gateway that has just ended linger, and do not make its port taken.
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(backlog)
    except OSError as error:
        listener.close()
        raise CannotListen(host, port, why(error, names)) from None
    return listener


def refuse_connections(listener: socket.socket) -> None:
    """From now on let nobody connect, and leave what waits in the queue to be accepted.

    A socket that closes resets connections that came since it was last empty. So Linux is asked
    before to drop every packet that comes to the socket: a filter of one instruction, which takes 0
    bytes. Elsewhere, and where a sandbox forbids it, nothing happens.
    """
    if sys.platform == "linux":
        take_nothing = ctypes.create_string_buffer(struct.pack("HBBI", 0x06, 0, 0, 0))
        program = struct.pack("HL", 1, ctypes.addressof(take_nothing))
        with suppress(OSError):
            listener.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, program)


def is_of_this_machine(listener: socket.socket) -> bool:
    """Whether no other machine can connect."""
    return ip_address(listener.getsockname()[0]).is_loopback


def shown(host: str, port: int) -> str:
    """`127.0.0.1:8080`, `[::1]:8080`."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def why(error: OSError, names: AddressNames) -> str:
    """Why an address could not be bound, and how to mend it."""
    match error.errno:
        case errno.EADDRINUSE:
            return (
                f"the port is taken. Stop what listens there, or choose another with {names.port}."
            )
        case errno.EACCES | errno.EPERM:
            return (
                f"this user may not listen at that port. Choose one from 1024 on with {names.port}."
            )
        case errno.EADDRNOTAVAIL | errno.EAFNOSUPPORT:
            return f"that is no address of this machine. {_choose_host(names)}"
        case _:
            return f"{error.strerror}. Choose another address with {names.host}, and {names.port}."


def _choose_host(names: AddressNames) -> str:
    return f"Choose one with {names.host}: 127.0.0.1, or 0.0.0.0 for every network."


def _resolved(
    host: str, port: int, names: AddressNames
) -> tuple[socket.AddressFamily, tuple[Any, ...]]:
    """The family and the socket address of a host; IPv4 where it has both."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except (socket.gaierror, UnicodeError):
        raise CannotListen(host, port, f"no such host is known. {_choose_host(names)}") from None
    family, _, _, _, address = min(found, key=lambda each: each[0] != socket.AF_INET)
    if address[2:] not in ((), (0, 0)):
        what = f"an address with a zone can't be used. {_choose_host(names)}"
        raise CannotListen(host, port, what)
    return family, address
