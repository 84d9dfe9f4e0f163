"""Who sent a request, with proxies in front: the address, the scheme and the host."""

from ipaddress import ip_network

import pytest

from bff.plan.model.composition import TrustedProxies
from bff.web.http.forwarding import ForwardingReader
from bff.web.http.requests import GatewayRequest

ALL = frozenset({"forwarded", "x-forwarded-for", "x-forwarded-proto", "x-forwarded-host"})
PROXIES = ("10.0.0.0/8", "fd00::/8")

Sent = tuple[str | None, str, bytes | None]


def located(
    *headers: tuple[str, str],
    hops: int = 1,
    peer: str | None = "10.0.0.1",
    unix: bool = False,
    names: frozenset[str] = ALL,
) -> Sent:
    """What a request with these headers says of who sent it."""
    proxies = TrustedProxies(tuple(map(ip_network, PROXIES)), unix, hops, names)
    lines = [(name.encode(), value.encode("latin-1")) for name, value in headers]
    request = GatewayRequest("GET", "/", "", lines, client_host=peer)
    ForwardingReader(proxies).locate(request)
    return request.client_host, request.scheme, request.forwarded_host


def address(value: str, *, hops: int = 1, name: str = "x-forwarded-for") -> str | None:
    return located((name, value), hops=hops)[0]


PROXY = "10.0.0.1"
FOR = {
    # (the entries, hops): the client
    ("203.0.113.7", 1): "203.0.113.7",
    ("1.1.1.1, 203.0.113.7", 1): "203.0.113.7",  # the client wrote the first itself
    ("1.1.1.1,203.0.113.7", 1): "203.0.113.7",
    ('rubbish", 203.0.113.7', 1): "203.0.113.7",
    ("203.0.113.7, 10.0.0.2", 2): "203.0.113.7",
    ("1.1.1.1, 203.0.113.7, 10.0.0.2", 2): "203.0.113.7",
    ("203.0.113.7, 10.0.0.3, 10.0.0.2", 3): "203.0.113.7",
    # An exact number of hops: what trusted addresses write further out does not count.
    ("203.0.113.7, 10.0.0.2", 1): "10.0.0.2",
    # Past the outer proxy, straight to the inner one.
    ("1.1.1.1, 203.0.113.7", 2): "203.0.113.7",
    # Fewer entries than hops.
    ("10.0.0.2", 2): "10.0.0.2",
    ("", 1): PROXY,
    ("", 2): PROXY,
    # Entries that are no address end the walk where it is.
    ("unknown", 1): PROXY,
    ("_hidden", 1): PROXY,
    ("203.0.113.7, unknown", 1): PROXY,
    ("203.0.113.7, unknown", 2): PROXY,
    ("unknown, 10.0.0.2", 2): "10.0.0.2",
    ("203.0.113.7, ", 1): PROXY,
    ("203.0.113.7,, 10.0.0.2", 2): "10.0.0.2",
    ("203.0.113.256", 1): PROXY,
    ("203.0.113.07", 1): PROXY,
    ("0x7f.1", 1): PROXY,
    ("localhost", 1): PROXY,
    ("203.0.113.7 1.1.1.1", 1): PROXY,
    ("203.0.113.7;1.1.1.1", 1): PROXY,
    ("'203.0.113.7'", 1): PROXY,
    ("fe80::1%eth0", 1): PROXY,
    ("2001:db8::1::", 1): PROXY,
    ("[203.0.113.7]", 1): PROXY,
    ("²03.0.113.7", 1): PROXY,
    # Ports are left out.
    ("203.0.113.7:4711", 1): "203.0.113.7",
    ("[2001:db8::1]:4711", 1): "2001:db8::1",
    ("203.0.113.7:", 1): PROXY,
    ("203.0.113.7:471111", 1): PROXY,
    # IPv6 has one spelling; IPv4 within it is IPv4.
    ("2001:DB8:0::1", 1): "2001:db8::1",
    ("[2001:db8::1]", 1): "2001:db8::1",
    ("::ffff:203.0.113.7", 1): "203.0.113.7",
    ("203.0.113.7, fd00::2", 2): "203.0.113.7",
    ("203.0.113.7, ::ffff:10.0.0.2", 2): "203.0.113.7",
}


@pytest.mark.parametrize(("entries", "hops"), FOR)
def test_entries_of_x_forwarded_for_name_the_client(entries: str, hops: int) -> None:
    assert address(entries, hops=hops) == FOR[entries, hops]


FORWARDED = {
    ("for=203.0.113.7", 1): "203.0.113.7",
    ("For=203.0.113.7", 1): "203.0.113.7",
    ('for="203.0.113.7"', 1): "203.0.113.7",
    ('for="203.0.113.7:4711"', 1): "203.0.113.7",
    ('for="[2001:db8::1]:4711"', 1): "2001:db8::1",
    ('for="203.0\\.113.7"', 1): "203.0.113.7",
    ("for=1.1.1.1, for=203.0.113.7;by=10.0.0.1", 1): "203.0.113.7",
    ("for=203.0.113.7;proto=https,for=10.0.0.2", 2): "203.0.113.7",
    ('host="a, b; c";for=203.0.113.7', 1): "203.0.113.7",
    ("proto=https", 1): PROXY,
    ("for=unknown", 1): PROXY,
    ('for="_hidden"', 1): PROXY,
    # What RFC 7239 does not allow says nothing, wherever it stands.
    ("for=2001:db8::1", 1): PROXY,
    ("for=1.1.1.1;for=203.0.113.7", 1): PROXY,
    ("203.0.113.7", 1): PROXY,
    ('for="203.0.113.7', 1): PROXY,
    ('", for=203.0.113.7', 1): PROXY,
    ("for = 203.0.113.7", 1): PROXY,
    ("for=1.1.1.1, " * 400 + "for=203.0.113.7", 1): PROXY,
}


@pytest.mark.parametrize(("value", "hops"), FORWARDED)
def test_elements_of_forwarded_name_the_client(value: str, hops: int) -> None:
    assert address(value, hops=hops, name="forwarded") == FORWARDED[value, hops]


@pytest.mark.parametrize(
    "peer", ["203.0.113.1", "11.0.0.1", "::ffff:203.0.113.1", "nowhere", None, ""]
)
def test_word_of_an_address_that_is_not_named_never_counts(peer: str | None) -> None:
    told = located(
        ("x-forwarded-for", "1.1.1.1"),
        ("x-forwarded-proto", "https"),
        ("x-forwarded-host", "evil.example"),
        ("forwarded", "for=1.1.1.1;proto=https;host=evil.example"),
        peer=peer,
    )
    assert told == (peer, "http", None)


@pytest.mark.parametrize("peer", ["10.255.255.255", "::ffff:10.0.0.1", "fd00::1"])
def test_word_of_a_named_address_counts_in_each_spelling(peer: str) -> None:
    assert located(("x-forwarded-for", "203.0.113.7"), peer=peer)[0] == "203.0.113.7"


@pytest.mark.parametrize("peer", [None, ""])
def test_unix_socket_is_trusted_where_it_is_named(peer: str | None) -> None:
    assert located(("x-forwarded-for", "203.0.113.7"), peer=peer, unix=True)[0] == "203.0.113.7"


def test_lines_of_a_header_are_one_list() -> None:
    lines = [("x-forwarded-for", "1.1.1.1"), ("x-forwarded-for", "203.0.113.7")]
    assert located(*lines)[0] == "203.0.113.7"


BOTH = {
    # (X-Forwarded-For, Forwarded, hops): the client, as far as both agree
    ("203.0.113.7", "for=203.0.113.7", 1): "203.0.113.7",
    ("203.0.113.7", 'for="203.0.113.7:80"', 1): "203.0.113.7",
    ("203.0.113.7", "for=1.1.1.1", 1): PROXY,
    ("203.0.113.7", "rubbish", 1): PROXY,
    ("203.0.113.7", "", 1): PROXY,
    ("203.0.113.7, 10.0.0.2", "for=1.1.1.1, for=10.0.0.2", 2): "10.0.0.2",
    ("203.0.113.7, 10.0.0.2", "for=10.0.0.2", 2): "10.0.0.2",
    ("unknown", "for=unknown", 1): PROXY,
}


@pytest.mark.parametrize(("entries", "forwarded", "hops"), BOTH)
def test_two_headers_count_as_far_as_they_agree(entries: str, forwarded: str, hops: int) -> None:
    headers = [("x-forwarded-for", entries), ("forwarded", forwarded)]
    assert located(*headers, hops=hops)[0] == BOTH[entries, forwarded, hops]


SCHEMES = {
    "https": "https", "HTTPS": "https", "http": "http", "wss": "https", "ws": "http",
    "http, https": "https", "https, http": "http", "": "http", "ftp": "http", "https;": "http",
}  # fmt: skip


@pytest.mark.parametrize("value", SCHEMES)
def test_scheme_is_what_the_proxy_writes(value: str) -> None:
    headers = [("x-forwarded-for", "203.0.113.7"), ("x-forwarded-proto", value)]
    assert located(*headers)[1] == SCHEMES[value]


def test_scheme_and_host_of_two_proxies_are_those_of_the_outer_one() -> None:
    chain = ("x-forwarded-for", "203.0.113.7, 10.0.0.2")
    listed = [chain, ("x-forwarded-proto", "https, http"), ("x-forwarded-host", "shop.example, in")]
    assert located(*listed, hops=2) == ("203.0.113.7", "https", b"shop.example")
    passed_on = [chain, ("x-forwarded-proto", "https"), ("x-forwarded-host", "shop.example")]
    assert located(*passed_on, hops=2) == ("203.0.113.7", "https", b"shop.example")
    forged = [chain, ("x-forwarded-proto", "https, http, http")]
    assert located(*forged, hops=2)[1] == "http"
    short = [chain, ("x-forwarded-proto", "http, https")]
    assert located(*short, hops=3) == ("203.0.113.7", "http", None)
    elements = "for=203.0.113.7;proto=https;host=shop.example, for=10.0.0.2;proto=http;host=in"
    assert located(("forwarded", elements), hops=2) == ("203.0.113.7", "https", b"shop.example")


@pytest.mark.parametrize(
    "missing", [(), (("x-forwarded-for", "unknown"),), (("forwarded", "proto=https"),)]
)
def test_scheme_and_host_without_a_client_do_not_count(
    missing: tuple[tuple[str, str], ...],
) -> None:
    headers = [("x-forwarded-proto", "https"), ("x-forwarded-host", "shop.example")]
    assert located(*missing, *headers) == (PROXY, "http", None)


@pytest.mark.parametrize("host", ["a b", "a/b", "a@b", "", "a:port", "h" * 256, "[::1"])
def test_what_is_no_host_does_not_count(host: str) -> None:
    headers = [("x-forwarded-for", "203.0.113.7"), ("x-forwarded-host", host)]
    assert located(*headers)[2] is None


def test_what_forwarded_says_otherwise_of_scheme_and_host_does_not_count() -> None:
    chain = [("x-forwarded-for", "203.0.113.7"), ("forwarded", "for=203.0.113.7;proto=http;host=a")]
    own = [("x-forwarded-proto", "https"), ("x-forwarded-host", "shop.example")]
    assert located(*chain, *own)[1:] == ("http", None)
    # A client that knows its address adds a Forwarded header behind a proxy that writes none.
    assert located(chain[0], ("forwarded", "for=203.0.113.7;proto=https;host=evil"))[1:] == (
        "http", None,
    )  # fmt: skip


def test_header_that_the_proxies_do_not_write_is_not_read() -> None:
    names = frozenset({"x-forwarded-for", "x-forwarded-proto"})
    headers = [("x-forwarded-for", "203.0.113.7"), ("forwarded", "for=1.1.1.1;host=evil")]
    host = ("x-forwarded-host", "evil.example")
    assert located(*headers, host, names=names) == ("203.0.113.7", "http", None)


def test_long_headers_are_not_remembered() -> None:
    proxies = TrustedProxies((ip_network("10.0.0.0/8"),), False, 1, ALL)
    reader = ForwardingReader(proxies)
    for number in range(3):
        entries = b"1.1.1.1, " * 100 + b"203.0.113.%d" % number
        request = GatewayRequest("GET", "/", "", [(b"x-forwarded-for", entries)], client_host=PROXY)
        reader.locate(request)
        assert request.client_host == f"203.0.113.{number}"
    assert reader._find_once.cache_info().currsize == 0
