"""What a row of the table of raw requests is, and how rows are written."""

from typing import NamedTuple

# After each row's bytes: it is answered where the gateway knows where the row's request ended.
LAST = b"GET /raw/last HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"

START = b"POST /raw/x HTTP/1.1\r\nHost: a\r\n"


class Seen(NamedTuple):
    """A request as the upstream may see it."""

    method: str
    target: str
    body: bytes


class Row(NamedTuple):
    """Bytes that a client sends, the statuses that it may get for them, in order, and what the
    upstream may see. `goes_on`: `LAST` is answered after them, too."""

    name: str
    sent: bytes
    statuses: tuple[tuple[int, ...], ...]
    seen: tuple[Seen, ...]
    goes_on: bool


def served(name: str, sent: bytes, *seen: Seen, status: int = 200) -> Row:
    """A row whose requests reach the upstream, and after which the connection goes on."""
    return Row(name, sent, ((status,),) * len(seen), seen, True)


def refused(name: str, sent: bytes, *statuses: int) -> Row:
    """A row that is answered with one of these statuses and no more; nothing is forwarded."""
    return Row(name, sent, (statuses or (400,),), (), False)


def answered(name: str, sent: bytes, *statuses: int) -> Row:
    """A row that the gateway answers itself; the connection goes on."""
    return Row(name, sent, (statuses,), (), True)
