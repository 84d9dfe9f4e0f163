"""A head is read as if it were alone, whatever came before it on its connection; and what is wrong
with it is seen as soon as it has come."""

from itertools import product

import pytest

from bff.settings import Settings
from bff.web.hosts.http1.framing import (
    LARGE_HEAD,
    LONG_LINE,
    MALFORMED,
    Head,
    Refusal,
    read_head,
    refuse_beginning,
)

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


LIMITS = Settings(request_line_bytes=100, header_bytes=200)
LINE = b"GET /a HTTP/1.1\r\n"
LONGEST = b"GET /%b HTTP/1.1\r\n" % (b"a" * 86)


@pytest.mark.parametrize(
    ("beginning", "refusal"),
    [
        (b"GET /a HTTP/1.1\nHost: a\n\n", MALFORMED),
        (b"\n", MALFORMED),
        (LINE + b"Host: a\n\n", MALFORMED),
        (LINE + b"Host: a\rX", MALFORMED),
        (LINE + b"X: \0", MALFORMED),
        (b"GET /a#b HTTP/1.1\r\n", MALFORMED),
        (b"GET /%b" % (b"a" * 96), LONG_LINE),
        (LONGEST[:-2] + b"a\r\n", LONG_LINE),
        (b"a" * 101 + b"\n", LONG_LINE),
        (LINE + b"X: " + b"x" * 200, LARGE_HEAD),
        (LINE + b"X: " + b"x" * 200 + b"\0", LARGE_HEAD),
        (LINE + b"X: \0" + b"x" * 200, MALFORMED),
    ],
)
def test_beginning_is_refused_once_for_all_wherever_it_is_cut(
    beginning: bytes, refusal: Refusal
) -> None:
    """Nobody waits for the end of a head that is refused anyway."""
    refusals = [
        refuse_beginning(beginning[:length], LIMITS) for length in range(1, len(beginning) + 1)
    ]
    assert refusals[-1] == refusal
    assert set(refusals) <= {None, refusal}
    whole = beginning + b"\r\n\r\n"
    assert read_head(whole, LIMITS, None) == refusal


@pytest.mark.parametrize(
    ("line", "status"), [(b"BREW /a HTTP/1.1\r\n", 501), (b"PRI /a HTTP/2.0\r\n", 505)]
)
def test_line_that_is_refused_is_refused_before_the_lines_after_it(
    line: bytes, status: int
) -> None:
    refusal = refuse_beginning(line, LIMITS)
    assert refusal is not None
    assert refusal.status == status


@pytest.mark.parametrize(
    "head", [LONGEST + b"Host: a\r\n\r\n", LINE + b"X:" + b"x" * 196 + b"\r\n\r\n"]
)
def test_head_within_the_limits_is_refused_at_no_byte(head: bytes) -> None:
    assert isinstance(read_head(head, LIMITS, None), Head)
    for length in range(1, len(head)):
        assert refuse_beginning(head[:length], LIMITS) is None
