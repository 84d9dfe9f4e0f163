"""Rows about bodies: lengths, codings, chunks, upgrades, pipelines."""

from tests.integration.raw_requests.rows import START, Row, Seen, refused, served

_EMPTY = Seen("POST", "/x", b"")
_HELLO = Seen("POST", "/x", b"hello")
_GET = b"GET /raw/y HTTP/1.1\r\nHost: a\r\n\r\n"
_SEEN_GET = Seen("GET", "/y", b"")


def _length(*lines: bytes, body: bytes = b"hello") -> bytes:
    return START + b"".join(line + b"\r\n" for line in lines) + b"\r\n" + body


def _chunks(body: bytes, *lines: bytes) -> bytes:
    return _length(b"Transfer-Encoding: chunked", *lines, body=body)


LENGTHS = [
    served("length", _length(b"Content-Length: 5"), _HELLO),
    served("length-in-lower-case", _length(b"content-length: 5"), _HELLO),
    served("length-with-blanks-around", _length(b"Content-Length: \t5 \t"), _HELLO),
    served("length-with-zeros", _length(b"Content-Length: 0005"), _HELLO),
    served("length-of-nothing", _length(b"Content-Length: 0", body=b""), _EMPTY),
    served("no-length", _length(body=b""), _EMPTY),
    served(
        "length-whose-body-is-a-request",
        _length(b"Content-Length: %d" % len(_GET), body=_GET),
        Seen("POST", "/x", _GET),
    ),
    served(
        "length-that-connection-names",
        _length(b"Connection: content-length", b"Content-Length: 5"),
        _HELLO,
    ),
    served(
        "length-beside-underscore-length",
        _length(b"Content_Length: 9", b"Content-Length: 5"),
        _HELLO,
    ),
    served(
        "length-beside-dotted-length", _length(b"Content-Length: 5", b"Content.Length: 9"), _HELLO
    ),
    Row(
        "length-in-1.0",
        b"POST /raw/x HTTP/1.0\r\nContent-Length: 5\r\n\r\nhello",
        ((200,),),
        (_HELLO,),
        False,
    ),
    served(
        "head-with-a-body",
        b"HEAD /raw/x HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello",
        Seen("HEAD", "/x", b"hello"),
    ),
    served(
        "delete-with-a-body",
        b"DELETE /raw/x HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello",
        Seen("DELETE", "/x", b"hello"),
    ),
    *(
        refused(f"odd-length-{name}", _length(b"Content-Length: " + length))
        for name, length in {
            "plus": b"+5",
            "minus": b"-5",
            "hex": b"0x5",
            "hex-digit": b"a",
            "point": b"5.0",
            "exponent": b"5e0",
            "empty": b"",
            "list": b"5, 5",
            "list-of-two": b"5, 6",
            "list-ends-empty": b"5,",
            "blank-inside": b"5 5",
            "underscore": b"1_0",
            "quoted": b'"5"',
            "high-digit": "٥".encode(),
            "superscript": b"\xb2",
            "huge": b"9" * 30,
            "beyond-64-bits": b"18446744073709551621",
            "many-digits": b"0" * 20 + b"5",
            "semicolon": b"5;",
        }.items()
    ),
    refused("two-lengths", _length(b"Content-Length: 5", b"Content-Length: 6")),
    refused("the-same-length-twice", _length(b"Content-Length: 5", b"Content-Length: 5")),
    refused("blank-before-colon-of-length", _length(b"Content-Length : 5")),
    refused("folded-length", _length(b"Content-Length:", b" 5")),
    served("underscore-length-is-none", _length(b"Content_Length: 5", body=b""), _EMPTY),
]

CODINGS = [
    served("chunked", _chunks(b"5\r\nhello\r\n0\r\n\r\n"), _HELLO),
    served(
        "chunked-in-upper-case",
        _length(b"TRANSFER-ENCODING: CHUNKED", body=b"5\r\nhello\r\n0\r\n\r\n"),
        _HELLO,
    ),
    served(
        "chunked-after-a-tab", _length(b"Transfer-Encoding:\tchunked", body=b"0\r\n\r\n"), _EMPTY
    ),
    refused("chunked-before-blanks", _length(b"Transfer-Encoding: chunked \t", body=b"0\r\n\r\n")),
    served(
        "chunked-that-connection-names",
        _chunks(b"5\r\nhello\r\n0\r\n\r\n", b"Connection: transfer-encoding"),
        _HELLO,
    ),
    served(
        "chunked-beside-underscore-coding",
        _chunks(b"5\r\nhello\r\n0\r\n\r\n", b"Transfer_Encoding: gzip"),
        _HELLO,
    ),
    served(
        "chunked-beside-te-and-trailer",
        _chunks(b"5\r\nhello\r\n0\r\n\r\n", b"TE: trailers, gzip", b"Trailer: X-A"),
        _HELLO,
    ),
    served(
        "chunked-get",
        b"GET /raw/x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
        b"5\r\nhello\r\n0\r\n\r\n",
        Seen("GET", "/x", b"hello"),
    ),
    refused("chunked-and-length", _chunks(b"5\r\nhello\r\n0\r\n\r\n", b"Content-Length: 5")),
    refused("length-and-chunked", _length(b"Content-Length: 5", b"Transfer-Encoding: chunked")),
    *(
        refused(f"coding-{name}", _length(b"Transfer-Encoding: " + coding, body=b"0\r\n\r\n"))
        for name, coding in {
            "gzip": b"gzip",
            "identity": b"identity",
            "gzip-chunked": b"gzip, chunked",
            "chunked-gzip": b"chunked, gzip",
            "chunked-twice": b"chunked, chunked",
            "chunked-identity": b"chunked, identity",
            "identity-chunked": b"identity, chunked",
            "unknown": b"xchunked",
            "quoted": b'"chunked"',
            "empty": b"",
            "comma-first": b", chunked",
            "comma-last": b"chunked,",
            "parameter": b"chunked;q=1",
            "blank-inside": b"chun ked",
            "vertical-tab": b"\x0bchunked",
            "nul": b"chunked\x00",
            "cow": b"cow",
        }.items()
    ),
    refused("coding-in-two-lines", _chunks(b"0\r\n\r\n", b"Transfer-Encoding: chunked")),
    refused("coding-and-identity-lines", _chunks(b"0\r\n\r\n", b"Transfer-Encoding: identity")),
    refused(
        "blank-before-colon-of-coding", _length(b"Transfer-Encoding : chunked", body=b"0\r\n\r\n")
    ),
    refused("folded-coding", _length(b"Transfer-Encoding:", b" chunked", body=b"0\r\n\r\n")),
    refused(
        "coding-in-1.0", b"POST /raw/x HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
    ),
    served("underscore-coding-is-none", _length(b"Transfer_Encoding: chunked", body=b""), _EMPTY),
]

CHUNKS = [
    served("no-chunks", _chunks(b"0\r\n\r\n"), _EMPTY),
    served("two-chunks", _chunks(b"2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n"), _HELLO),
    served(
        "upper-and-lower-digits",
        _chunks(b"A\r\n0123456789\r\na\r\n0123456789\r\n0\r\n\r\n"),
        Seen("POST", "/x", b"0123456789" * 2),
    ),
    served("leading-zeros", _chunks(b"005\r\nhello\r\n000\r\n\r\n"), _HELLO),
    served("extension", _chunks(b"5;a=b\r\nhello\r\n0;c\r\n\r\n"), _HELLO),
    served("quoted-extension", _chunks(b'5;a="b;c"\r\nhello\r\n0\r\n\r\n'), _HELLO),
    served("trailer", _chunks(b"5\r\nhello\r\n0\r\nX-A: 1\r\n\r\n"), _HELLO),
    served(
        "trailers-that-frame",
        _chunks(b"5\r\nhello\r\n0\r\nContent-Length: 9\r\nHost: b\r\n\r\n"),
        _HELLO,
    ),
    served("crlf-in-data", _chunks(b"4\r\n\r\n\r\n\r\n0\r\n\r\n"), Seen("POST", "/x", b"\r\n\r\n")),
    *(
        refused(f"chunk-{name}", _chunks(body + b"0\r\n\r\n"))
        for name, body in {
            "size-missing": b"\r\nhello\r\n",
            "size-of-no-digits": b"x\r\nhello\r\n",
            "size-with-plus": b"+5\r\nhello\r\n",
            "size-with-minus": b"-5\r\nhello\r\n",
            "size-with-0x": b"0x5\r\nhello\r\n",
            "size-with-underscore": b"0_5\r\nhello\r\n",
            "size-beyond-64-bits": b"10000000000000005\r\nhello\r\n",
            "size-of-many-digits": b"0" * 40 + b"5\r\nhello\r\n",
            "blank-before-size": b" 5\r\nhello\r\n",
            "blank-after-size": b"5 \r\nhello\r\n",
            "tab-after-size": b"5\t\r\nhello\r\n",
            "blank-before-extension": b"5 ;a\r\nhello\r\n",
            "lf-after-size": b"5\nhello\r\n",
            "cr-after-size": b"5\rhello\r\n",
            "cr-cr-lf-after-size": b"5\r\r\nhello\r\n",
            "lf-after-data": b"5\r\nhello\n",
            "nothing-after-data": b"5\r\nhello",
            "data-too-long": b"4\r\nhello\r\n",
            "data-too-short": b"6\r\nhello\r\n",
            "blank-after-data": b"5\r\nhello \r\n",
            "lf-in-extension": b"5;a\nb\r\nhello\r\n",
            "cr-in-extension": b"5;a\rb\r\nhello\r\n",
            "nul-in-extension": b"5;a\x00\r\nhello\r\n",
            "long-extension": b"5;" + b"a" * 5000 + b"\r\nhello\r\n",
            "many-extensions": (b"1;" + b"a" * 900 + b"\r\nh\r\n") * 30,
        }.items()
    ),
    *(
        refused(f"trailer-{name}", _chunks(b"5\r\nhello\r\n0\r\n" + trailer + b"\r\n\r\n"))
        for name, trailer in {
            "without-colon": b"X-A",
            "without-name": b": 1",
            "with-blank-before-colon": b"X-A : 1",
            "folded": b"X-A: 1\r\n 2",
            "with-nul": b"X-A: \x00",
            "with-lf": b"X-A: 1\nX-B: 2",
            "long": b"X-A: " + b"x" * 9000,
            "many": b"\r\n".join([b"X-A: " + b"x" * 500] * 30),
        }.items()
    ),
    refused("last-chunk-with-lf", _chunks(b"5\r\nhello\r\n0\n\r\n")),
    refused("end-with-lf", _chunks(b"5\r\nhello\r\n0\r\n\n")),
]

_H2C = (b"Connection: Upgrade, HTTP2-Settings", b"Upgrade: h2c", b"HTTP2-Settings: AAMAAABkAAQ")
_WEBSOCKET = (b"Connection: Upgrade", b"Upgrade: websocket", b"Sec-WebSocket-Version: 13")

UPGRADES = [
    served("h2c-with-a-body", _length(*_H2C, b"Content-Length: 5"), _HELLO),
    served("h2c-with-chunks", _chunks(b"5\r\nhello\r\n0\r\n\r\n", *_H2C), _HELLO),
    served(
        "h2c-whose-body-is-a-request",
        _length(*_H2C, b"Content-Length: %d" % len(_GET), body=_GET),
        Seen("POST", "/x", _GET),
    ),
    served("h2c-without-a-body", _length(*_H2C, body=b""), _EMPTY),
    # A client that has offered a WebSocket may go on in its protocol: nothing after it is read.
    Row("websocket", _length(*_WEBSOCKET, body=b""), ((200,),), (_EMPTY,), False),
    Row(
        "websocket-with-a-body",
        _length(*_WEBSOCKET, b"Content-Length: 5"),
        ((200,),),
        (_HELLO,),
        False,
    ),
    served("upgrade-without-connection", _length(b"Upgrade: x", b"Content-Length: 5"), _HELLO),
    served(
        "upgrade-to-several", _length(b"Connection: upgrade", b"Upgrade: x, y/2", body=b""), _EMPTY
    ),
    served(
        "connection-without-upgrade", _length(b"Connection: upgrade", b"Content-Length: 5"), _HELLO
    ),
]

PIPELINES = [
    served("two-requests", _GET * 2, _SEEN_GET, _SEEN_GET),
    served("ten-requests", _GET * 10, *[_SEEN_GET] * 10),
    served("after-a-length", _length(b"Content-Length: 5") + _GET, _HELLO, _SEEN_GET),
    served("after-chunks", _chunks(b"5\r\nhello\r\n0\r\n\r\n") + _GET, _HELLO, _SEEN_GET),
    served("after-a-blank-line", _length(b"Content-Length: 5") + b"\r\n" + _GET, _HELLO, _SEEN_GET),
    served(
        "get-with-a-body",
        b"GET /raw/y HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello" + _GET,
        Seen("GET", "/y", b"hello"),
        _SEEN_GET,
    ),
    Row(
        "bad-after-good",
        _GET + b"GET /raw/z HTTP/1.1\nHost: a\r\n\r\n",
        ((200,), (400,)),
        (_SEEN_GET,),
        False,
    ),
    Row(
        "body-longer-than-its-length",
        _length(b"Content-Length: 4"),
        ((200,), (400, 501)),
        (Seen("POST", "/x", b"hell"),),
        False,
    ),
    Row(
        "chunks-of-zero-length",
        _length(b"Content-Length: 0", body=b"0\r\n\r\n"),
        ((200,), (400,)),
        (_EMPTY,),
        False,
    ),
    Row(
        "requests-after-close",
        _GET[:-2] + b"Connection: close\r\n\r\n" + _GET,
        ((200,),),
        (_SEEN_GET,),
        False,
    ),
]

ROWS = [*LENGTHS, *CODINGS, *CHUNKS, *UPGRADES, *PIPELINES]
