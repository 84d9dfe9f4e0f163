"""A head is read as if it were alone, whatever came before it on its connection."""

from itertools import product

import pytest

from bff.settings import Settings
from bff.web.hosts.http1.framing import Head, read_head

_LINES = (b"GET /a?b=1", b"POST /a", b"GET http://a/b", b"GET http://other/b", b"BREW /a")
_VERSIONS = (b"HTTP/1.1", b"HTTP/1.0", b"HTTP/2.0")
_FIELDS = (
    b"Host: a",
    b"Host: a\r\nConnection: close",
    b"Host: a\r\nConnection: keep-alive",
    b"Host: a\r\nTransfer-Encoding: chunked",
    b"Host: a\r\nContent-Length: 7",
    b"Host: a\r\nExpect: 100-continue",
    b"Host: a\r\nX-A: 1 ",
    b"Host: a\r\nX-A : 1",
    b"Host: a\r\nContent-Length: 7\r\nContent-Length: 7",
)
HEADS = [b"%b %b\r\n%b\r\n\r\n" % each for each in product(_LINES, _VERSIONS, _FIELDS)]


@pytest.mark.parametrize("before", [each for each in HEADS if each.startswith(b"GET /a?")])
def test_head_before_changes_nothing(before: bytes) -> None:
    """Neither a version nor a framing is carried over with fields that are the same."""
    settings = Settings()
    known = read_head(before, settings, None)
    if isinstance(known, Head):
        for head in HEADS:
            assert read_head(head, settings, known) == read_head(head, settings, None)


def test_fields_that_come_again_are_not_read_again() -> None:
    settings = Settings()
    first, second = (b"%b HTTP/1.1\r\nHost: a\r\nX-A: 1\r\n\r\n" % line for line in _LINES[:2])
    known = read_head(first, settings, None)
    assert isinstance(known, Head)
    again = read_head(second, settings, known)
    assert isinstance(again, Head)
    assert (again.line.method, again.line.path, again.line.query) == ("POST", "/a", "")
    assert again.fields is known.fields
