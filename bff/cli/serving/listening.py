"""The address that `bff serve` listens at, taken before anything is started.

The launcher makes one socket, and each worker accepts from it. It listens from the beginning:
another program, or another gateway, can't have the port from then on, and who connects while the
workers start waits in the socket's queue.
"""

import ctypes
import errno
import socket
import struct
import sys
from contextlib import suppress
from typing import Any

import click

_SO_ATTACH_FILTER = 26  # asm-generic/socket.h; Python has no name for it


class CannotListen(click.ClickException):
    """The address can't be listened at: which, why, and how to mend it."""

    def __init__(self, host: str, port: int, why: str) -> None:
        super().__init__(f"cannot listen at {shown(host, port)}: {why}")


def listen(host: str, port: int, backlog: int) -> socket.socket:
    """A socket that listens at the address, with so many connections in its queue.

    Raises `CannotListen`.
    """
    family, address = _resolved(host, port)
    listener = socket.socket(family)
    try:
        # Connections of a gateway that has just ended linger, and do not make its port taken.
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(backlog)
    except OSError as error:
        listener.close()
        raise CannotListen(host, port, why(error)) from None
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
