"""Rows about heads: lines, targets, versions, methods, names, values, hosts, sizes."""

from tests.integration.raw_requests.rows import Row, Seen, answered, refused, served

_GET = Seen("GET", "/x", b"")


def _line(line: bytes) -> bytes:
    return line + b"\r\nHost: a\r\n\r\n"


def _with(*lines: bytes) -> bytes:
    return b"\r\n".join([b"GET /raw/x HTTP/1.1", b"Host: a", *lines, b"", b""])


def _hosts(version: bytes, *hosts: bytes) -> bytes:
    return b"\r\n".join([b"GET /raw/x HTTP/" + version, *hosts, b"", b""])


LINES = [
    served("plain", _line(b"GET /raw/x HTTP/1.1"), _GET),
    refused("two-blanks-before-target", _line(b"GET  /raw/x HTTP/1.1")),
    refused("two-blanks-after-target", _line(b"GET /raw/x  HTTP/1.1")),
    refused("blank-before-method", _line(b" GET /raw/x HTTP/1.1")),
    refused("blank-after-version", _line(b"GET /raw/x HTTP/1.1 ")),
    refused("tab-before-target", _line(b"GET\t/raw/x HTTP/1.1")),
    refused("tab-after-target", _line(b"GET /raw/x\tHTTP/1.1")),
    refused("vertical-tab", _line(b"GET /raw/x\x0bHTTP/1.1")),
    refused("no-target", _line(b"GET HTTP/1.1")),
    refused("empty-target", _line(b"GET  HTTP/1.1")),
    refused("no-version", _line(b"GET /raw/x")),
    refused("no-version-but-blank", _line(b"GET /raw/x ")),
    refused("method-alone", _line(b"GET")),
    refused("four-words", _line(b"GET /raw/x y HTTP/1.1")),
    refused("nul-in-target", _line(b"GET /raw/\x00 HTTP/1.1")),
    refused("cr-in-target", _line(b"GET /raw/\r HTTP/1.1")),
    refused("lf-alone-ends-line", b"GET /raw/x HTTP/1.1\nHost: a\r\n\r\n"),
    refused("lf-alone-ends-head", b"GET /raw/x HTTP/1.1\r\nHost: a\r\n\n\r\n\r\n"),
    refused("only-lf", b"GET /raw/x HTTP/1.1\nHost: a\n\n\r\n\r\n"),
    refused("cr-alone-ends-line", b"GET /raw/x HTTP/1.1\rHost: a\r\n\r\n"),
    refused("cr-cr-lf", b"GET /raw/x HTTP/1.1\r\r\nHost: a\r\n\r\n"),
    refused("tls-hello", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n"),
    refused("reply-as-request", b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"),
    refused("header-first", b"Host: a\r\nGET /raw/x HTTP/1.1\r\n\r\n"),
    served("one-blank-line-before", b"\r\n" + _line(b"GET /raw/x HTTP/1.1"), _GET),
    served("three-blank-lines-before", b"\r\n" * 3 + _line(b"GET /raw/x HTTP/1.1"), _GET),
    refused("many-blank-lines-before", b"\r\n" * 100 + _line(b"GET /raw/x HTTP/1.1")),
    refused("lf-before", b"\n" + _line(b"GET /raw/x HTTP/1.1")),
    refused("cr-before", b"\r" + _line(b"GET /raw/x HTTP/1.1")),
]

VERSIONS = [
    *(
        refused(f"version-{version.decode()}", _line(b"GET /raw/x HTTP/" + version), 400, 505)
        for version in (b"0.9", b"1.2", b"2.0", b"3.0", b"1.9", b"0.0", b"9.9")
    ),
    *(
        refused(f"odd-version-{name}", _line(b"GET /raw/x " + version))
        for name, version in {
            "lower-case": b"http/1.1",
            "one-digit": b"HTTP/1",
            "two-digits": b"HTTP/1.10",
            "leading-zero": b"HTTP/01.1",
            "comma": b"HTTP/1,1",
            "no-slash": b"HTTP1.1",
            "ice": b"ICE/1.0",
            "rtsp": b"RTSP/1.0",
            "blank-inside": b"HTTP/ 1.1",
            "high-digit": "HTTP/1.١".encode(),
        }.items()
    ),
    refused("http-2-preface", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400, 505),
]

METHODS = [
    *(
        served(
            f"method-{method}", _line(f"{method} /raw/x HTTP/1.1".encode()), Seen(method, "/x", b"")
        )
        for method in ("DELETE", "OPTIONS", "PATCH", "POST", "PROPFIND", "PUT", "REPORT", "SEARCH")
    ),
    *(
        refused(f"unknown-method-{name}", _line(method + b" /raw/x HTTP/1.1"), 501)
        for name, method in {
            "lower-case": b"get",
            "mixed-case": b"Get",
            "longer": b"GETX",
            "made-up": b"FROB",
            "long": b"A" * 300,
            "rtsp": b"DESCRIBE",
            "ice": b"SOURCE",
            "token-characters": b"!#$%&'*+.^_`|~",
        }.items()
    ),
    *(
        refused(f"malformed-method-{name}", _line(method + b" /raw/x HTTP/1.1"))
        for name, method in {
            "brackets": b"G(E)T",
            "colon": b"GET:",
            "high": b"G\xcbT",
            "nul": b"GET\x00",
            "slash": b"GE/T",
            "quote": b'"GET"',
        }.items()
    ),
    answered("trace", _line(b"TRACE /raw/x HTTP/1.1"), 501, 405),
    refused("connect", b"CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\n", 501, 400),
    refused("connect-to-a-path", _line(b"CONNECT /raw/x HTTP/1.1"), 501, 400),
]

TARGETS = [
    served("query", _line(b"GET /raw/x?a=%20&b HTTP/1.1"), Seen("GET", "/x?a=%20&b", b"")),
    served("query-of-marks", _line(b"GET /raw/x??? HTTP/1.1"), Seen("GET", "/x???", b"")),
    served("absolute", _line(b"GET http://a/raw/x?q HTTP/1.1"), Seen("GET", "/x?q", b"")),
    served("absolute-upper", _line(b"GET HTTP://A/raw/x HTTP/1.1"), _GET),
    answered("absolute-without-path", _line(b"GET http://a HTTP/1.1"), 404),
    refused("absolute-of-another-host", _line(b"GET http://b/raw/x HTTP/1.1")),
    refused("absolute-with-user", _line(b"GET http://u@a/raw/x HTTP/1.1")),
    refused("absolute-of-another-scheme", _line(b"GET ftp://a/raw/x HTTP/1.1")),
    refused("absolute-without-host", _line(b"GET http:///raw/x HTTP/1.1")),
    refused("fragment", _line(b"GET /raw/x#y HTTP/1.1")),
    refused("fragment-in-query", _line(b"GET /raw/x?a#y HTTP/1.1")),
    refused("no-slash", _line(b"GET raw/x HTTP/1.1")),
    refused("query-alone", _line(b"GET ?x HTTP/1.1")),
    refused("asterisk", _line(b"OPTIONS * HTTP/1.1")),
    refused("asterisk-for-get", _line(b"GET * HTTP/1.1")),
    refused("authority-for-get", _line(b"GET a:80 HTTP/1.1")),
    refused("high-byte", _line(b"GET /raw/\xe9 HTTP/1.1")),
    refused("utf-8", _line("GET /raw/é HTTP/1.1".encode())),
    refused("delete-character", _line(b"GET /raw/\x7f HTTP/1.1")),
    answered("dot-segment", _line(b"GET /raw/../x HTTP/1.1"), 400),
    answered("encoded-dot-segment", _line(b"GET /raw/%2e%2E/x HTTP/1.1"), 400),
    answered("backslash-dots", _line(b"GET /raw/..\\x HTTP/1.1"), 400),
    answered("backslash", _line(b"GET /raw/a\\x HTTP/1.1"), 400),
    answered("two-slashes-first", _line(b"GET //raw/x HTTP/1.1"), 404),
    answered("percent-alone", _line(b"GET /% HTTP/1.1"), 400, 404),
    refused("line-of-8-KiB-and-more", _line(b"GET /raw/" + b"x" * 8200 + b" HTTP/1.1"), 414),
    refused("line-of-20-KiB", _line(b"GET /raw/" + b"x" * 20_000 + b" HTTP/1.1"), 414),
    served(
        "line-of-nearly-8-KiB",
        _line(b"GET /raw/" + b"x" * 8100 + b" HTTP/1.1"),
        Seen("GET", "/" + "x" * 8100, b""),
    ),
]

HEADERS = [
    served("no-blank-after-colon", _with(b"Accept:x"), _GET),
    served("blanks-around-value", _with(b"Accept: \t x \t "), _GET),
    served("empty-value", _with(b"Accept:"), _GET),
    served("high-bytes-in-value", _with(b"X-A: \xe9\xff"), _GET),
    served("underscore-name", _with(b"X_A: 1"), _GET),
    served("dotted-name", _with(b"X.A: 1"), _GET),
    served("a-hundred-lines", _with(*[b"X-%d: 1" % each for each in range(99)]), _GET),
    served("30-KiB", _with(b"X-A: " + b"x" * 30_000), _GET),
    refused("over-a-hundred-lines", _with(*[b"X-%d: 1" % each for each in range(100)]), 431),
    refused("over-32-KiB", _with(b"X-A: " + b"x" * 33_000), 431),
    refused("over-32-KiB-in-lines", _with(*[b"X-A: " + b"x" * 990] * 40), 431),
    refused("blank-before-colon", _with(b"X-A : 1")),
    refused("tab-before-colon", _with(b"X-A\t: 1")),
    refused("blank-in-name", _with(b"X A: 1")),
    refused("no-colon", _with(b"X-A")),
    refused("no-name", _with(b": 1")),
    refused("folded-by-blank", _with(b"X-A: 1", b" 2")),
    refused("folded-by-tab", _with(b"X-A: 1", b"\t2")),
    refused("folded-first", b"GET /raw/x HTTP/1.1\r\n Host: a\r\n\r\n"),
    refused("folded-empty", _with(b"X-A: 1", b" ")),
    refused("nul-in-value", _with(b"X-A: a\x00b")),
    refused("nul-in-name", _with(b"X\x00A: 1")),
    refused("cr-in-value", _with(b"X-A: a\rb")),
    refused("lf-in-value", _with(b"X-A: a\nb")),
    refused("lf-smuggles-a-header", _with(b"X-A: a\nTransfer-Encoding: chunked")),
    refused("control-in-value", _with(b"X-A: a\x01b")),
    refused("escape-in-value", _with(b"X-A: a\x1bb")),
    refused("vertical-tab-in-value", _with(b"X-A: a\x0bb")),
    refused("form-feed-in-value", _with(b"X-A: a\x0cb")),
    refused("delete-in-value", _with(b"X-A: a\x7fb")),
    *(
        refused(f"name-with-{each:02x}", _with(b"X%bA: 1" % bytes([each])))
        for each in b'"(),/;<=>?@[\\]{}\x7f\x80\xe9'
    ),
    served("expect-continue", _with(b"Expect: 100-continue"), _GET),
    refused("expect-else", _with(b"Expect: tea"), 417),
    refused("expect-twice", _with(b"Expect: 100-continue", b"Expect: 100-continue"), 400, 417),
    served("connection-unknown", _with(b"Connection: x, y"), _GET),
    Row("connection-close", _with(b"Connection: close"), ((200,),), (_GET,), False),
    Row("connection-close-in-a-list", _with(b"Connection: x, Close"), ((200,),), (_GET,), False),
    Row(
        "connection-in-lines",
        _with(b"Connection: x", b"Connection: close"),
        ((200,),),
        (_GET,),
        False,
    ),
]

# Each is a token, and some reader folds it onto a name that the gateway sets or trusts.
FOLDED = [
    served(f"folds-onto-{name.decode()}", _with(name + b": 1.2.3.4, evil"), _GET)
    for trusted in (
        *(b"Authorization-", b"Connection-", b"Content-Length", b"Content-Type", b"Cookie-"),
        *(b"Host-", b"Idempotency-Key", b"If-None-Match", b"Proxy-Authorization"),
        *(b"Transfer-Encoding", b"Via-", b"X-Forwarded-For", b"X-Forwarded-Host"),
        *(b"X-Forwarded-Proto", b"X-Real-IP", b"X-Request-ID"),
    )
    for name in (trusted.replace(b"-", b"_"), trusted.replace(b"-", b"."))
]

# What the gateway sets itself, and what is for it alone.
KEPT_BACK = [
    served(f"kept-back-{line.split(b':')[0].decode()}", _with(line), _GET)
    for line in (
        *(b"Via: 1.1 evil", b"X-Forwarded-For: 1.2.3.4", b"X-Forwarded-Host: evil"),
        *(b"X-Forwarded-Proto: gopher", b"X-Real-IP: 1.2.3.4", b"Forwarded: for=1.2.3.4"),
        *(b"Cookie: a=b", b"Proxy-Authorization: Basic YQ==", b"Proxy-Connection: close"),
        *(b"Keep-Alive: timeout=1", b"X-Original-URL: /admin", b"X-HTTP-Method-Override: PUT"),
    )
]

HOSTS = [
    *(
        served(f"host-{name}", _hosts(b"1.1", b"Host: " + host), _GET)
        for name, host in {
            "name": b"shop.example",
            "port": b"shop.example:8080",
            "address": b"127.0.0.1:1",
            "ipv6": b"[::1]:80",
            "empty-port": b"a:",
        }.items()
    ),
    *(
        answered(f"bad-host-{name}", _hosts(b"1.1", b"Host: " + host), 400)
        for name, host in {
            "empty": b"",
            "blank-inside": b"a b",
            "user": b"u@a",
            "path": b"a/b",
            "letters-for-port": b"a:b",
            "half-a-bracket": b"[::1",
            "comma": b"a,b",
            "high": b"\xe9",
            "long": b"x" * 300,
            "query": b"a?b",
            "fragment": b"a#b",
        }.items()
    ),
    answered("no-host", _hosts(b"1.1"), 400),
    answered("two-hosts", _hosts(b"1.1", b"Host: a", b"Host: b"), 400),
    answered("the-same-host-twice", _hosts(b"1.1", b"Host: a", b"host: a"), 400),
    Row("no-host-in-1.0", _hosts(b"1.0"), ((200,),), (_GET,), False),
    Row("host-in-1.0", _hosts(b"1.0", b"Host: a"), ((200,),), (_GET,), False),
    Row("two-hosts-in-1.0", _hosts(b"1.0", b"Host: a", b"Host: b"), ((400,),), (), False),
    served("1.0-kept-alive", _hosts(b"1.0", b"Host: a", b"Connection: keep-alive"), _GET),
    Row(
        "1.0-kept-and-closed",
        _hosts(b"1.0", b"Connection: keep-alive, close"),
        ((200,),),
        (_GET,),
        False,
    ),
]

ROWS = [*LINES, *VERSIONS, *METHODS, *TARGETS, *HEADERS, *FOLDED, *KEPT_BACK, *HOSTS]
