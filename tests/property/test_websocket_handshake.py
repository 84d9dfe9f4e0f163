"""No bytes of a handshake raise anything, and nothing passes that was not offered."""

from collections import deque

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bff.upstream.http1.replies import BadReply, ReplyReader
from bff.upstream.passthrough.handshake import (
    Disagreement,
    Handshake,
    accept_of,
    agree,
    offers_websocket,
    read_handshake,
)
from bff.upstream.passthrough.passthrough import Refused

KEY = b"dGhlIHNhbXBsZSBub25jZQ=="
RIGHT = {
    b"connection": b"upgrade",
    b"upgrade": b"websocket",
    b"sec-websocket-version": b"13",
    b"sec-websocket-key": KEY,
    b"sec-websocket-accept": accept_of(KEY),
    b"sec-websocket-protocol": b"chat",
    b"sec-websocket-extensions": b"x-meter; a=1",
    b"origin": b"https://shop.example",
}
VALUES = st.one_of(
    st.sampled_from(sorted({*RIGHT.values(), b"", b"close", b"h2c", b"other"})),
    st.text("aAzZ019!#-_ \t,;=\"'/+%", max_size=20).map(str.encode),
    st.binary(max_size=20),
)
HEADERS = st.lists(
    st.one_of(
        st.sampled_from(sorted(RIGHT.items())), st.tuples(st.sampled_from(sorted(RIGHT)), VALUES)
    ),
    max_size=12,
)


@given(HEADERS, st.sampled_from(["GET", "POST"]), st.sampled_from(["1.1", "1.0"]))
def test_request_is_a_handshake_with_all_that_it_needs_or_is_refused(
    headers: list[tuple[bytes, bytes]], method: str, version: str
) -> None:
    offers_websocket(headers)
    read = read_handshake(method, version, headers, {RIGHT[b"origin"]})
    if isinstance(read, Refused):
        assert read.status in (400, 403, 426)
        return
    assert (method, version) == ("GET", "1.1")
    for name in (b"sec-websocket-key", b"sec-websocket-version", b"origin"):
        assert [value for key, value in headers if key == name] == [
            RIGHT[name] if name != b"sec-websocket-key" else read.key
        ]
    for _, value in read.headers():
        assert not {b"\r", b"\n", b"\0"} & {value[at : at + 1] for at in range(len(value))}


@given(HEADERS)
def test_answer_that_is_agreed_to_has_the_right_accept_and_nothing_unoffered(
    headers: list[tuple[bytes, bytes]],
) -> None:
    agreed = agree(Handshake(KEY, (b"chat",), (b"x-meter",)), headers)
    if isinstance(agreed, Disagreement):
        return
    assert (b"sec-websocket-accept", RIGHT[b"sec-websocket-accept"]) in agreed
    passed = dict(agreed)
    assert passed.get(b"sec-websocket-protocol", b"chat") == b"chat"
    for extension in passed.get(b"sec-websocket-extensions", b"x-meter").split(b","):
        assert extension.partition(b";")[0].strip() == b"x-meter"


ANSWER = (
    b"HTTP/1.1 103 Early Hints\r\nLink: <a>\r\n\r\n"
    b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n"
)


@given(st.integers(1, len(ANSWER)), st.binary(max_size=50))
def test_switch_is_read_wherever_it_is_cut_and_what_follows_stays_unread(
    cut: int, early: bytes
) -> None:
    reader = ReplyReader()
    reader.begin("GET")
    reader.expect_switch()
    for piece in (ANSWER[:cut], ANSWER[cut:] + early):
        if piece and not reader.ended:
            reader.feed(piece)
    assert (reader.status, reader.ended, reader.is_reusable) == (101, True, False)
    assert reader.surplus == (b"" if cut == len(ANSWER) else early)
    assert (b"upgrade", b"websocket") in reader.headers


@given(st.integers(1, len(ANSWER)))
def test_switch_that_nobody_offered_is_no_reply_wherever_it_is_cut(cut: int) -> None:
    reader = ReplyReader()
    reader.begin("GET")
    pieces = [ANSWER[:cut], ANSWER[cut:]] if cut < len(ANSWER) else [ANSWER]
    with pytest.raises(BadReply) as bad:
        deque(map(reader.feed, pieces), maxlen=0)
    assert bad.value.failure.status == 101
