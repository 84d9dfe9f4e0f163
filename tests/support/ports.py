"""Free ports: for servers that get theirs before they listen, and where nobody is to listen.

What is found free and let go may be another's by the time that a server has started. So a port is
held: bound, and not listened at. Linux gives such a port to nobody who asks for any, and lets in
who asks for this one and shares addresses (`SO_REUSEADDR` or `SO_REUSEPORT`), as servers do.
"""

import socket
import sys
from collections import deque

_MOST_HELD = 64  # of a process; the oldest are long in use, or over

_held: deque[socket.socket] = deque()


def free_port() -> int:
    """A port of 127.0.0.1 that nobody listens at, for a server of one's own."""
    held = socket.socket()
    held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    held.bind(("127.0.0.1", 0))
    port: int = held.getsockname()[1]
    if sys.platform != "linux":  # elsewhere a held port lets nobody in
        held.close()
        return port
    _held.append(held)
    if len(_held) > _MOST_HELD:
        _held.popleft().close()
    return port
