"""The client behind proxies: the address, the scheme and the host that a request has. Pure.

Rules:
1. The walk begins at the address that connects. From a trusted address it goes on to the one that
   this proxy reports, `hops` times at most. Each proxy adds the address that connects to it at the
   end of the header, so what a client has written itself stands further to the left.
2. The walk ends where it stands when that address is not trusted, when the header has no more
   entries, and when the next entry is no address (RFC 7239 §6: `unknown`, `_hidden`). The client
   is the address where it ends.
3. Scheme and host are the connection's own, unless the walk went all `hops`.
4. Where Forwarded and X-Forwarded-For are both there, the walk goes on while they agree. Scheme and
   host are then those of X-Forwarded-…, unless Forwarded has others.
5. A Forwarded header that RFC 7239 §4 does not allow is read as empty.
"""

import re
from collections.abc import Iterable, Mapping
from functools import lru_cache
from ipaddress import IPv6Address, ip_address
from itertools import islice
from typing import Final, NamedTuple

from bff.plan.model.composition import TrustedProxies
from bff.web.http.requests import GatewayRequest, is_host

_SCHEMES: Final = {b"http": "http", b"https": "https", b"ws": "http", b"wss": "https"}

_TOKEN = rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
_PAIR = re.compile(
    rb"[ \t]*(%b)=(%b|\"(?:[\t !\x23-\x5b\x5d-\x7e\x80-\xff]|\\[\t -~\x80-\xff])*\")[ \t]*([;,]|$)"
    % (_TOKEN, _TOKEN)
)
_ESCAPE = re.compile(rb"\\(.)", re.DOTALL)
# An IPv4 address, or an IPv6 one in brackets, perhaps with a port; or an IPv6 one alone.
_NODE = re.compile(
    rb"([0-9.]+)(?::[0-9]{1,5})?|\[([0-9A-Fa-f:.]+)\](?::[0-9]{1,5})?|([0-9A-Fa-f:.]+)"
)
_LONGEST_READ: Final = 4096  # of a Forwarded header, in bytes: ten hops need a quarter
_LONGEST_REMEMBERED: Final = 256


class Client(NamedTuple):
    """Who sent a request. `scheme` and `host` are None where the connection's own hold."""

    address: str | None
    scheme: str | None = None
    host: bytes | None = None


class _Headers(NamedTuple):
    """The headers of a request that count, each with its lines joined; None where it is absent."""

    forwarded: bytes | None
    addresses: bytes | None
    scheme: bytes | None
    host: bytes | None


class ForwardingReader:
    """Finds the clients behind trusted proxies. Safe between threads."""

    def __init__(self, proxies: TrustedProxies) -> None:
        self._proxies = proxies
        self._names = tuple(
            name.encode() if name in proxies.headers else b""
            for name in ("forwarded", "x-forwarded-for", "x-forwarded-proto", "x-forwarded-host")
        )
        self._is_trusted = lru_cache(1024)(self._find_trust)
        self._find_once = lru_cache(1024)(self._find)

    def locate(self, request: GatewayRequest) -> None:
        """Have a request say who sent it. It holds the connection's own facts before."""
        peer = request.client_host
        if not self._is_trusted(peer):
            return
        request.is_trusted = True
        headers = _Headers(*[request.header_list(name) if name else None for name in self._names])
        is_short = sum(map(len, filter(None, headers))) <= _LONGEST_REMEMBERED
        client = (self._find_once if is_short else self._find)(peer, headers)
        request.client_host = client.address
        request.scheme = client.scheme or request.scheme
        request.forwarded_host = client.host

    def _find(self, peer: str | None, headers: _Headers) -> Client:
        hops = self._proxies.hops
        elements = _elements(headers.forwarded, hops)
        entries: Iterable[str | None] = (_address(each.get(b"for", b"")) for each in elements)
        if headers.addresses is not None:
            listed = [_address(each) for each in _last(headers.addresses, hops)]
            entries = listed if headers.forwarded is None else map(_agreed, listed, entries)
        here, walked = peer, 0
        for entry in entries:
            if entry is None or not self._is_trusted(here):
                break
            here, walked = entry, walked + 1
        if walked < hops:
            return Client(_plain(here))
        element = elements[hops - 1] if elements else {}
        scheme, host = element.get(b"proto"), element.get(b"host")
        if headers.addresses is not None:
            scheme = _agreed_value(_at_hop(headers.scheme, hops), scheme)
            host = _agreed_value(_at_hop(headers.host, hops), host)
        return Client(
            here,
            _SCHEMES.get((scheme or b"").lower()),
            host if host is not None and is_host(host) else None,
        )

    def _find_trust(self, address: str | None) -> bool:
        if not address:  # who connects through a UNIX socket has none
            return self._proxies.by_unix_socket
        try:
            found = ip_address(_plain(address) or "")
        except ValueError:
            return False
        return any(found in network for network in self._proxies.networks)


def _plain(address: str | None) -> str | None:
    """An address as it is written elsewhere: `::ffff:10.0.0.1` is 10.0.0.1."""
    if address is not None and address.startswith("::ffff:"):
        return _address(address.encode("latin-1", "replace")) or address
    return address


def _address(node: bytes) -> str | None:
    """The address in an entry, without its port; None where it is none."""
    match = _NODE.fullmatch(node.strip(b" \t"))
    if match is None:
        return None
    try:
        found = ip_address((match[1] or match[2] or match[3]).decode())
    except ValueError:
        return None
    if isinstance(found, IPv6Address):
        if match[1] is not None:
            return None
        return str(found.ipv4_mapped or found)
    return None if match[2] is not None else str(found)


def _last(values: bytes, count: int) -> list[bytes]:
    """The last entries of a list, the last of them first."""
    return values.rsplit(b",", count)[::-1][:count]


def _at_hop(values: bytes | None, hops: int) -> bytes | None:
    """The value that the outermost proxy has written: of a list the one that stands there, else
    the only one, which the proxies behind it pass on."""
    if values is None:
        return None
    entries = _last(values, hops)
    if b"," not in values:
        return values.strip(b" \t")
    return entries[hops - 1].strip(b" \t") if len(entries) == hops else None


def _elements(forwarded: bytes | None, hops: int) -> list[Mapping[bytes, bytes]]:
    """The last elements of a Forwarded header, the last of them first."""
    if forwarded is None or len(forwarded) > _LONGEST_READ:
        return []
    elements: list[dict[bytes, bytes]] = [{}]
    at = 0
    while at < len(forwarded):
        match = _PAIR.match(forwarded, at)
        if match is None:
            return []
        name, value, end = match.groups()
        if name.lower() in elements[-1]:
            return []
        if value.startswith(b'"'):
            value = _ESCAPE.sub(rb"\1", value[1:-1])
        elements[-1][name.lower()] = value
        if end == b",":
            elements.append({})
        at = match.end()
    return list(islice(reversed(elements), hops))


def _agreed(one: str | None, other: str | None) -> str | None:
    return one if one == other else None


def _agreed_value(own: bytes | None, other: bytes | None) -> bytes | None:
    """A value of X-Forwarded-…, unless Forwarded has another."""
    is_same = own is None or other is None or own.lower() == other.lower()
    return own if is_same else None
