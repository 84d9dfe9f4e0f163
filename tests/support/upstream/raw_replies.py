"""Replies as bytes, well-formed and not, and what becomes of each. After the bytes, the upstream
closes the connection in good order.

`Row.expected` is a `Whole` reply, or the reason of the failure. `Whole.reusable` is whether the
connection could serve another request, had the upstream not closed it.
"""

from typing import NamedTuple

from bff.engine.values.outcomes import Reason


class Whole(NamedTuple):
    status: int
    body: bytes = b""
    reusable: bool = True


class Row(NamedTuple):
    name: str
    data: bytes
    expected: Whole | Reason
    method: str = "GET"


OK = b"HTTP/1.1 200 OK\r\n"
LENGTH_2 = OK + b"Content-Length: 2\r\n"
CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n"
CODING = b"Transfer-Encoding: "
CHUNKS = b"\r\n\r\n2\r\n12\r\n0\r\n\r\n"
ONE_HEADER = b"X: y\r\n"
LONG = b"x" * 33_000


OK_2 = Whole(200, b"12")
UNTIL_CLOSE = Whole(200, b"12", reusable=False)
SURPLUS = Whole(200, b"12", reusable=False)

NOT_REUSABLE_204 = Whole(204, reusable=False)
NOT_REUSABLE_304 = Whole(304, reusable=False)
NO_BODY = b"HTTP/1.1 204 No\r\n"
NOT_MODIFIED = b"HTTP/1.1 304 No\r\n"
CONTINUE = b"HTTP/1.1 100 Continue\r\n"
LENGTH_2_OLD = b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n"

ROWS = [
    # ------------------------------------------------------------------ lengths
    Row("length", LENGTH_2 + b"\r\n12", OK_2),
    Row("length of zero", OK + b"Content-Length: 0\r\n\r\n", Whole(200)),
    Row("length with zeros before", OK + b"Content-Length: 002\r\n\r\n12", OK_2),
    Row("length with blanks around", OK + b"Content-Length: \t 2 \t\r\n\r\n12", OK_2),
    Row("length, then less", LENGTH_2 + b"\r\n1", Reason.INCOMPLETE),
    Row("length, then nothing", LENGTH_2 + b"\r\n", Reason.INCOMPLETE),
    Row("length, then more", LENGTH_2 + b"\r\n12more", SURPLUS),
    Row("length, then a second reply", (LENGTH_2 + b"\r\n12") * 2, SURPLUS),
    Row("length twice", LENGTH_2 + b"Content-Length: 2\r\n\r\n12", Reason.PROTOCOL),
    Row("two lengths", LENGTH_2 + b"content-length: 3\r\n\r\n12!", Reason.PROTOCOL),
    Row("list of lengths", OK + b"Content-Length: 2, 2\r\n\r\n12", Reason.PROTOCOL),
    Row("length with a sign", OK + b"Content-Length: +2\r\n\r\n12", Reason.PROTOCOL),
    Row("negative length", OK + b"Content-Length: -2\r\n\r\n12", Reason.PROTOCOL),
    Row("length in hex", OK + b"Content-Length: 0x2\r\n\r\n12", Reason.PROTOCOL),
    Row("length with a point", OK + b"Content-Length: 2.0\r\n\r\n12", Reason.PROTOCOL),
    Row("length with a blank inside", OK + b"Content-Length: 2 2\r\n\r\n12", Reason.PROTOCOL),
    Row("length of nothing", OK + b"Content-Length:\r\n\r\n12", Reason.PROTOCOL),
    Row("length of a word", OK + b"Content-Length: two\r\n\r\n12", Reason.PROTOCOL),
    Row("length in other digits", OK + b"Content-Length: \xc2\xb2\r\n\r\n12", Reason.PROTOCOL),
    Row("length of 10^22", OK + b"Content-Length: 1" + b"0" * 22 + b"\r\n\r\n12", Reason.PROTOCOL),
    Row("length of 10^18", OK + b"Content-Length: 1" + b"0" * 18 + b"\r\n\r\n12", Reason.PROTOCOL),
    # ------------------------------------------------------------------ chunks
    Row("chunks", CHUNKED + b"1\r\n1\r\n1\r\n2\r\n0\r\n\r\n", OK_2),
    Row("chunks of nothing", CHUNKED + b"0\r\n\r\n", Whole(200)),
    Row("coding in capitals", OK + b"Transfer-Encoding: CHUNKED\r\n\r\n0\r\n\r\n", Whole(200)),
    Row("chunk size with zeros", CHUNKED + b"0002\r\n12\r\n000\r\n\r\n", OK_2),
    Row("chunk extension", CHUNKED + b'2;a=b;c="d"\r\n12\r\n0;e\r\n\r\n', OK_2),
    Row("trailers", CHUNKED + b"2\r\n12\r\n0\r\nX: y\r\nSet-Cookie: a\r\n\r\n", OK_2),
    Row("length in a trailer", CHUNKED + b"0\r\nContent-Length: 9\r\n\r\n", Reason.PROTOCOL),
    Row("chunks, then more", CHUNKED + b"2\r\n12\r\n0\r\n\r\nmore", SURPLUS),
    Row("chunks without the last", CHUNKED + b"2\r\n12\r\n", Reason.INCOMPLETE),
    Row("chunks without the last line", CHUNKED + b"2\r\n12\r\n0\r\n", Reason.INCOMPLETE),
    Row("half a chunk", CHUNKED + b"2\r\n1", Reason.INCOMPLETE),
    Row("no chunk", CHUNKED, Reason.INCOMPLETE),
    Row("chunk longer than its size", CHUNKED + b"1\r\n12\r\n0\r\n\r\n", Reason.PROTOCOL),
    Row("chunk size of a word", CHUNKED + b"zz\r\n12\r\n0\r\n\r\n", Reason.PROTOCOL),
    Row("chunk size with 0x", CHUNKED + b"0x2\r\n12\r\n0\r\n\r\n", Reason.PROTOCOL),
    Row("chunk size with a sign", CHUNKED + b"+2\r\n12\r\n0\r\n\r\n", Reason.PROTOCOL),
    Row("negative chunk size", CHUNKED + b"-2\r\n12\r\n0\r\n\r\n", Reason.PROTOCOL),
    Row("chunk size of nothing", CHUNKED + b"\r\n12\r\n0\r\n\r\n", Reason.PROTOCOL),
    Row("blank before a chunk size", CHUNKED + b" 2\r\n12\r\n0\r\n\r\n", Reason.PROTOCOL),
    Row("blank after a chunk size", CHUNKED + b"2 \r\n12\r\n0\r\n\r\n", Reason.PROTOCOL),
    Row("chunk size of 2^68", CHUNKED + b"f" * 17 + b"\r\n12\r\n", Reason.PROTOCOL),
    Row("chunk lines with bare LF", CHUNKED + b"2\n12\n0\n\n", Reason.PROTOCOL),
    Row("chunk size with bare CR", CHUNKED + b"2\r12\r\n0\r\n\r\n", Reason.PROTOCOL),
    Row("control in a chunk extension", CHUNKED + b"2;a\0\r\n12\r\n0\r\n\r\n", Reason.PROTOCOL),
    Row("long chunk extension", CHUNKED + b"2;" + LONG * 2, Reason.PROTOCOL),
    Row("long trailer", CHUNKED + b"0\r\nX: " + LONG * 2, Reason.PROTOCOL),
    Row("trailer without a colon", CHUNKED + b"0\r\nX\r\n\r\n", Reason.PROTOCOL),
    # ------------------------------------------------------------------ codings
    Row("gzip, chunked", OK + CODING + b"gzip, chunked" + CHUNKS, Reason.PROTOCOL),
    Row("gzip alone", OK + CODING + b"gzip\r\n\r\n12", Reason.PROTOCOL),
    Row("identity", OK + CODING + b"identity\r\n\r\n12", Reason.PROTOCOL),
    Row("coding of nothing", OK + CODING + b"\r\n\r\n12", Reason.PROTOCOL),
    Row("chunked twice", OK + CODING + b"chunked, chunked" + CHUNKS, Reason.PROTOCOL),
    Row("two codings", OK + (CODING + b"chunked\r\n") * 2 + CHUNKS[2:], Reason.PROTOCOL),
    Row("chunked, identity", OK + CODING + b"chunked, identity" + CHUNKS, Reason.PROTOCOL),
    Row("coding with a tab", OK + CODING + b"chun\tked" + CHUNKS, Reason.PROTOCOL),
    Row("quoted coding", OK + CODING + b'"chunked"' + CHUNKS, Reason.PROTOCOL),
    Row("coding with a parameter", OK + CODING + b"chunked;a=b" + CHUNKS, Reason.PROTOCOL),
    Row("length, chunked", LENGTH_2 + CODING + b"chunked" + CHUNKS, Reason.PROTOCOL),
    Row("chunked, length", OK + CODING + b"chunked\r\nContent-Length: 2" + CHUNKS, Reason.PROTOCOL),
    Row("length, gzip", LENGTH_2 + CODING + b"gzip\r\n\r\n12", Reason.PROTOCOL),
    Row("chunked in 1.0", b"HTTP/1.0 200 OK\r\n" + CODING + b"chunked" + CHUNKS, Reason.PROTOCOL),
    # ------------------------------------------------------------------ the connection's end
    Row("until the end", OK + b"\r\n12", UNTIL_CLOSE),
    Row("until the end, 1.0", b"HTTP/1.0 200 OK\r\n\r\n12", UNTIL_CLOSE),
    Row("until the end, empty", OK + b"\r\n", Whole(200, reusable=False)),
    Row("close", LENGTH_2 + b"Connection: close\r\n\r\n12", SURPLUS),
    Row("close, then more", LENGTH_2 + b"Connection: close\r\n\r\n12more", SURPLUS),
    Row("close among others", LENGTH_2 + b"Connection: x, Close\r\n\r\n12", SURPLUS),
    Row("1.0 with a length", LENGTH_2_OLD + b"\r\n12", SURPLUS),
    Row("1.0 that stays", LENGTH_2_OLD + b"Connection: keep-alive\r\n\r\n12", OK_2),
    Row("nothing", b"", Reason.DISCONNECTED),
    Row("half a line", b"HTTP/1.1 20", Reason.DISCONNECTED),
    Row("half a head", LENGTH_2, Reason.DISCONNECTED),
    # ------------------------------------------------------------------ no body
    Row("HEAD", OK + b"Content-Length: 10\r\n\r\n", Whole(200), "HEAD"),
    Row("HEAD, chunked", CHUNKED, Whole(200), "HEAD"),
    Row("HEAD with a body", LENGTH_2 + b"\r\n12", Whole(200, reusable=False), "HEAD"),
    Row("HEAD with chunks", CHUNKED + b"0\r\n\r\n", Whole(200, reusable=False), "HEAD"),
    Row("HEAD without framing", OK + b"\r\n", Whole(200, reusable=False), "HEAD"),
    Row("204", NO_BODY + b"\r\n", Whole(204)),
    Row("204 with a length", NO_BODY + b"Content-Length: 2\r\n\r\n12", NOT_REUSABLE_204),
    Row("204 with chunks", NO_BODY + CODING + b"chunked" + CHUNKS, NOT_REUSABLE_204),
    Row("304 with a length", NOT_MODIFIED + b"Content-Length: 10\r\n\r\n", Whole(304)),
    Row("304 with a body", NOT_MODIFIED + b"Content-Length: 2\r\n\r\n12", NOT_REUSABLE_304),
    Row("205 with a body", LENGTH_2.replace(b"200", b"205") + b"\r\n12", Whole(205, b"12")),
    # ------------------------------------------------------------------ informational replies
    Row("100 before", b"HTTP/1.1 100 Continue\r\n\r\n" + LENGTH_2 + b"\r\n12", OK_2),
    Row("103 before", b"HTTP/1.1 103 Early\r\nLink: x\r\n\r\n" + LENGTH_2 + b"\r\n12", OK_2),
    Row("199 before", b"HTTP/1.1 199 Some\r\n\r\n" + LENGTH_2 + b"\r\n12", OK_2),
    Row("100 with a length", CONTINUE + b"Content-Length: 0\r\n\r\n" + LENGTH_2 + b"\r\n12", OK_2),
    Row("eight before", b"HTTP/1.1 102 Wait\r\n\r\n" * 8 + LENGTH_2 + b"\r\n12", OK_2),
    Row("nine before", b"HTTP/1.1 102 Wait\r\n\r\n" * 9 + LENGTH_2 + b"\r\n12", Reason.PROTOCOL),
    Row("100 alone", b"HTTP/1.1 100 Continue\r\n\r\n", Reason.DISCONNECTED),
    Row("101", b"HTTP/1.1 101 Switch\r\nUpgrade: x\r\n\r\nxyz", Reason.PROTOCOL),
    Row("101 without Upgrade", b"HTTP/1.1 101 Switch\r\n\r\n", Reason.PROTOCOL),
    Row("100, then 101", b"HTTP/1.1 100 C\r\n\r\nHTTP/1.1 101 S\r\n\r\n", Reason.PROTOCOL),
    Row("Upgrade beside 200", LENGTH_2 + b"Upgrade: h2c\r\nConnection: upgrade\r\n\r\n12", OK_2),
    # ------------------------------------------------------------------ status lines
    Row("999", LENGTH_2.replace(b"200", b"999") + b"\r\n12", Whole(999, b"12")),
    Row("099", LENGTH_2.replace(b"200", b"099") + b"\r\n12", Reason.PROTOCOL),
    Row("000", LENGTH_2.replace(b"200", b"000") + b"\r\n12", Reason.PROTOCOL),
    Row("status of two digits", LENGTH_2.replace(b"200", b"20") + b"\r\n12", Reason.PROTOCOL),
    Row("status of four digits", LENGTH_2.replace(b"200", b"2000") + b"\r\n12", Reason.PROTOCOL),
    Row("status of a word", LENGTH_2.replace(b"200", b"abc") + b"\r\n12", Reason.PROTOCOL),
    Row("no reason", b"HTTP/1.1 200\r\nContent-Length: 2\r\n\r\n12", OK_2),
    Row("empty reason", b"HTTP/1.1 200 \r\nContent-Length: 2\r\n\r\n12", OK_2),
    Row("reason above ASCII", b"HTTP/1.1 200 \xe9t\xe9\r\nContent-Length: 2\r\n\r\n12", OK_2),
    Row("HTTP/2.0", LENGTH_2.replace(b"1.1", b"2.0") + b"\r\n12", Reason.PROTOCOL),
    Row("HTTP/0.9", LENGTH_2.replace(b"1.1", b"0.9") + b"\r\n12", Reason.PROTOCOL),
    Row("HTTP/1.2", LENGTH_2.replace(b"1.1", b"1.2") + b"\r\n12", Reason.PROTOCOL),
    Row("HTTP/2", b"HTTP/2 200 OK\r\nContent-Length: 2\r\n\r\n12", Reason.PROTOCOL),
    Row("http/1.1", LENGTH_2.replace(b"HTTP", b"http") + b"\r\n12", Reason.PROTOCOL),
    Row("ICE/1.0", b"ICE/1.0 200 OK\r\nContent-Length: 2\r\n\r\n12", Reason.PROTOCOL),
    Row("RTSP/1.0", b"RTSP/1.0 200 OK\r\nContent-Length: 2\r\n\r\n12", Reason.PROTOCOL),
    Row("a request", b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", Reason.PROTOCOL),
    Row("HTML", b"<html>no HTTP</html>", Reason.PROTOCOL),
    Row("TLS", b"\x15\x03\x01\x00\x02\x02\x46", Reason.PROTOCOL),
    Row("blank line before", b"\r\n" + LENGTH_2 + b"\r\n12", Reason.PROTOCOL),
    # ------------------------------------------------------------------ header lines
    Row("bare LF", OK.replace(b"\r", b"") + b"Content-Length: 2\n\n12", Reason.PROTOCOL),
    Row("bare LF after a header", OK + b"Content-Length: 2\n\r\n12", Reason.PROTOCOL),
    Row("bare CR in a value", LENGTH_2 + b"X: a\rb\r\n\r\n12", Reason.PROTOCOL),
    Row("folded line", LENGTH_2 + b"X: a\r\n b\r\n\r\n12", Reason.PROTOCOL),
    Row("folded with a tab", LENGTH_2 + b"X: a\r\n\tb\r\n\r\n12", Reason.PROTOCOL),
    Row("folded first line", OK + b" X: a\r\n\r\n12", Reason.PROTOCOL),
    Row("blank before the colon", LENGTH_2 + b"X : a\r\n\r\n12", Reason.PROTOCOL),
    Row("blank in a name", LENGTH_2 + b"X Y: a\r\n\r\n12", Reason.PROTOCOL),
    Row("name above ASCII", LENGTH_2 + b"X\xe9: a\r\n\r\n12", Reason.PROTOCOL),
    Row("no name", LENGTH_2 + b": a\r\n\r\n12", Reason.PROTOCOL),
    Row("no colon", LENGTH_2 + b"X\r\n\r\n12", Reason.PROTOCOL),
    Row("NUL in a value", LENGTH_2 + b"X: a\0b\r\n\r\n12", Reason.PROTOCOL),
    Row("NUL in a name", LENGTH_2 + b"X\0: a\r\n\r\n12", Reason.PROTOCOL),
    Row("control in a value", LENGTH_2 + b"X: a\x01b\r\n\r\n12", Reason.PROTOCOL),
    Row("DEL in a value", LENGTH_2 + b"X: a\x7fb\r\n\r\n12", Reason.PROTOCOL),
    Row("tab in a value", LENGTH_2 + b"X: a\tb\r\n\r\n12", OK_2),
    Row("bytes above ASCII in a value", LENGTH_2 + b"X: \xe9\xff\x80\r\n\r\n12", OK_2),
    Row("empty value", LENGTH_2 + b"X:\r\nY: \r\n\r\n12", OK_2),
    # ------------------------------------------------------------------ sizes
    Row("a hundred headers", LENGTH_2 + ONE_HEADER * 99 + b"\r\n12", OK_2),
    Row("a hundred and one headers", LENGTH_2 + ONE_HEADER * 100 + b"\r\n12", Reason.PROTOCOL),
    Row("long value", LENGTH_2 + b"X: " + LONG + b"\r\n\r\n12", Reason.PROTOCOL),
    Row("long name", LENGTH_2 + LONG + b": x\r\n\r\n12", Reason.PROTOCOL),
    Row("value without an end", LENGTH_2 + b"X: " + LONG * 2, Reason.PROTOCOL),
    Row("reason without an end", b"HTTP/1.1 200 " + LONG * 2, Reason.PROTOCOL),
]  # fmt: skip
