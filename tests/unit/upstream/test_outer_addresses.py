"""Addresses of a service, as clients of a route have them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bff.upstream.passthrough.addresses import OuterAddresses

INNER = "http://inner.test:9102"
SHOP = OuterAddresses([INNER, "http://[::1]:9102"], "/shop")
BASED = OuterAddresses(["http://inner.test/api"], "/shop")
KEPT = OuterAddresses([f"{INNER}/api"], "")


@pytest.mark.parametrize(
    ("addresses", "location", "outer"),
    [
        (SHOP, "/items/", "/shop/items/"),
        (SHOP, "/items/?a=/b#/c", "/shop/items/?a=/b#/c"),
        (SHOP, "/", "/shop/"),
        (SHOP, "/?a=1", "/shop/?a=1"),
        (SHOP, f"{INNER}/items/", "/shop/items/"),
        (SHOP, INNER, "/shop/"),
        (SHOP, f"{INNER}?a=1", "/shop/?a=1"),
        (SHOP, "HTTPS://Inner.Test:9102/items", "/shop/items"),
        (SHOP, "//inner.test:9102/items", "/shop/items"),
        (SHOP, "http://user@inner.test:9102/items", "/shop/items"),
        (SHOP, "http://[::1]:9102/items", "/shop/items"),
        # it knows the prefix already
        (SHOP, "/shop/items", "/shop/items"),
        (SHOP, "/shop", "/shop"),
        (SHOP, "/shop?a=1", "/shop?a=1"),
        (SHOP, "/shopping", "/shop/shopping"),
        # other addresses
        (SHOP, "https://elsewhere.example/items", "https://elsewhere.example/items"),
        (SHOP, "http://inner.test/items", "http://inner.test/items"),  # another port
        (SHOP, "http://inner.test:9102.evil.example/", "http://inner.test:9102.evil.example/"),
        (SHOP, "//elsewhere.example/", "//elsewhere.example/"),
        (SHOP, "items/2", "items/2"),
        (SHOP, "../2", "../2"),
        (SHOP, "?page=2", "?page=2"),
        (SHOP, "mailto:a@b", "mailto:a@b"),
        (SHOP, "", ""),
        # a path of the base's own
        (BASED, "/api/items", "/shop/items"),
        (BASED, "/api", "/shop"),
        (BASED, "/api/", "/shop/"),
        (BASED, "/apis", "/shop/apis"),
        (BASED, "/login", "/shop/login"),
        (BASED, "https://inner.test:443/api/items", "/shop/items"),
        (BASED, "http://inner.test:80/api/items", "/shop/items"),
        (BASED, "http://inner.test:8080/api/items", "http://inner.test:8080/api/items"),
        (KEPT, "/api/kept/items", "/kept/items"),
        (KEPT, f"{INNER}/api", "/"),
        (KEPT, "/kept/items", "/kept/items"),
        # never another host
        (KEPT, f"{INNER}/api//evil.example", "/evil.example"),
        (KEPT, f"{INNER}//evil.example/x", "/evil.example/x"),
        (KEPT, f"{INNER}/\\\\evil.example", "/evil.example"),
        (OuterAddresses(["http://inner.test/shop/v2"], "/shop"), "/shop/v2/x", "/shop/x"),
        (OuterAddresses(["http://inner.test/shop"], "/shop"), "/shop/x", "/shop/x"),
    ],
)
def test_address_of_the_service_becomes_a_path_below_the_route(
    addresses: OuterAddresses, location: str, outer: str
) -> None:
    assert addresses.location(location.encode()) == outer.encode()


def test_bytes_that_are_no_ascii_stay() -> None:
    assert SHOP.location(b"/caf\xe9?\xff") == b"/shop/caf\xe9?\xff"


@given(
    addresses=st.sampled_from([SHOP, KEPT, BASED]),
    start=st.sampled_from(["http://", "HTTPS://", "//", "http:/\\", "http://a:b@"]),
    rest=st.text(st.sampled_from("/\\?#.@:ax")),
)
def test_no_inner_address_goes_out_and_none_becomes_another_host(
    addresses: OuterAddresses, start: str, rest: str
) -> None:
    host = "inner.test" if addresses is BASED else "inner.test:9102"
    outer = addresses.location(f"{start}{host}/{rest}".encode())
    assert outer.startswith(b"/")
    assert outer[1:2] not in (b"/", b"\\")
    assert b"inner" not in outer
