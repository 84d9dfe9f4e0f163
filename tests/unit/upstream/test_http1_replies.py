"""Replies from bytes: what each row of `raw_replies` comes to, however it arrives."""

from collections.abc import Iterable
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bff.engine.values.outcomes import Reason
from bff.upstream.http1.replies import BadReply, ReplyReader, idle_seconds_of
from tests.support.upstream.raw_replies import CHUNKED, LENGTH_2, ROWS, Row, Whole

by_name = pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
short_rows = [row for row in ROWS if len(row.data) < 1_000]


def outcome(row: Row, pieces: Iterable[bytes]) -> Whole | Reason:
    """What the row comes to, when it arrives in these pieces and the connection ends."""
    reader = ReplyReader()
    reader.begin(row.method)
    try:
        for piece in pieces:
            if piece and not (reader.ended and not reader.is_reusable):
                reader.feed(piece)
    except BadReply as error:
        return error.failure.reason
    reusable = reader.ended and reader.is_reusable
    if not reader.ended and (failure := reader.end_input()) is not None:
        return failure.reason
    return Whole(reader.status, reader.take_body(), reusable)


@by_name
def test_reply_in_one_piece(row: Row) -> None:
    assert outcome(row, [row.data]) == row.expected


@pytest.mark.parametrize("row", short_rows, ids=lambda row: row.name)
def test_reply_cut_once_at_every_byte(row: Row) -> None:
    """Where it is cut changes nothing."""
    for cut in range(len(row.data) + 1):
        assert outcome(row, [row.data[:cut], row.data[cut:]]) == row.expected, cut


@by_name
def test_reply_in_pieces_of_one_byte(row: Row) -> None:
    assert outcome(row, (row.data[place : place + 1] for place in range(len(row.data)))) == (
        row.expected
    )


@given(st.sampled_from(short_rows), st.lists(st.integers(0, 200), max_size=12))
def test_reply_cut_anywhere(row: Row, cuts: list[int]) -> None:
    places = sorted({0, *(cut for cut in cuts if cut < len(row.data)), len(row.data)})
    pieces = [row.data[start:end] for start, end in pairwise(places)]
    assert outcome(row, pieces) == row.expected


@given(st.binary(max_size=300), st.sampled_from([b"", LENGTH_2, CHUNKED, b"HTTP/1.1 "]))
def test_whatever_bytes_come_end_as_a_reply_or_as_its_fault(noise: bytes, start: bytes) -> None:
    result = outcome(Row("noise", start + noise, Whole(200)), [start + noise])
    assert isinstance(result, Whole) or result in (
        Reason.PROTOCOL,
        Reason.DISCONNECTED,
        Reason.INCOMPLETE,
    )


def test_reader_takes_one_reply_after_the_other() -> None:
    """A reply to HEAD leaves nothing behind, though it declares a body."""
    reader = ReplyReader()
    for method, body in (("GET", b"12"), ("HEAD", b""), ("GET", b"12"), ("HEAD", b"")):
        reader.begin(method)
        reader.feed(LENGTH_2 + b"\r\n" + body)
        assert (reader.ended, reader.is_reusable, reader.take_body()) == (True, True, body)


def test_headers_are_the_bytes_that_came_without_blanks_around() -> None:
    reader = ReplyReader()
    reader.begin("GET")
    reader.feed(LENGTH_2 + b"X-A: \t caf\xe9 \xc3\xa9\t \r\nx-a: 2\r\n\r\n")
    headers = [(b"content-length", b"2"), (b"x-a", b"caf\xe9 \xc3\xa9"), (b"x-a", b"2")]
    assert reader.headers == headers


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("timeout=5", 5.0),
        ("max=100, Timeout = 7 ", 7.0),
        ("timeout=0", 0.0),
        ("timeout=-1", None),
        ("timeout=many", None),
        ("timeout=" + "9" * 400, None),
        ("max=3", None),
        ("", None),
    ],
)
def test_seconds_for_which_an_upstream_keeps_an_idle_connection(
    value: str, seconds: float | None
) -> None:
    assert idle_seconds_of(value.encode()) == seconds
