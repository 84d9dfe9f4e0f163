"""`trusted_proxies:` of `gateway.yaml`: which proxies stand in front, and what they report."""

import ipaddress
from collections.abc import Iterator
from contextlib import suppress
from typing import Annotated, Final, Literal

from pydantic import AfterValidator, Field

from bff.declarations.declaration import Declaration, Violation, refusal
from bff.declarations.models.forms import FromList

UNIX: Final = "unix"  # the address of who connects through a UNIX socket

_MOST_ADDRESSES: Final = 1000
_MOST_HOPS: Final = 10
# The largest networks that are private: 10.0.0.0/8 and fc00::/7.
_SHORTEST_PREFIX: Final = {4: 8, 6: 7}
_MAPPED: Final = ipaddress.IPv6Network("::ffff:0:0/96")

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
ForwardingHeader = Literal["Forwarded", "X-Forwarded-For", "X-Forwarded-Proto", "X-Forwarded-Host"]
FORWARDING_HEADERS: Final[tuple[ForwardingHeader, ...]] = (
    "Forwarded", "X-Forwarded-For", "X-Forwarded-Proto", "X-Forwarded-Host",
)  # fmt: skip


def network_of(text: str) -> Network:
    """The network that an address of a proxy stands for. Raises `ValueError`."""
    network = ipaddress.ip_network(text)
    if isinstance(network, ipaddress.IPv6Network) and network.subnet_of(_MAPPED):
        inner = network.network_address.ipv4_mapped
        return ipaddress.ip_network(f"{inner}/{network.prefixlen - 96}")
    return network


def _check_address(text: str) -> str:
    if text == UNIX:
        return text
    try:
        network = network_of(text)
    except ValueError:
        raise refusal(_no_network(text)) from None
    if network.prefixlen < _SHORTEST_PREFIX[network.version]:
        raise refusal(
            Violation(
                f"'{text}' trusts whoever connects: anyone could choose the address that limits and"
                " logs know",
                "Name the proxies' own addresses: 10.0.0.0/8.",
            )
        )
    return text


def _no_network(text: str) -> Violation:
    with suppress(ValueError):
        meant = ipaddress.ip_network(text, strict=False)
        return Violation(
            f"'{text}' has bits beside its network",
            f"Write {meant}, or {text.partition('/')[0]} for one address.",
        )
    return Violation(
        f"'{text}' is no address",
        "Write 10.0.0.7, 10.0.0.0/8, fd00::/8, or unix for a UNIX socket: names are not looked up.",
    )


ProxyAddress = Annotated[str, AfterValidator(_check_address)]


class TrustedProxiesDecl(Declaration):
    """Proxies whose word counts on who sent a request: `hops` of them, one behind the other."""

    addresses: Annotated[tuple[ProxyAddress, ...], FromList]
    hops: Annotated[int, Field(ge=1, le=_MOST_HOPS)]
    headers: Annotated[tuple[ForwardingHeader, ...], FromList] = FORWARDING_HEADERS

    def violations(self) -> Iterator[Violation]:
        if self.knows("addresses"):
            if not self.addresses:
                mend = "Leave out `trusted_proxies` where there is none."
                yield Violation("no proxy is named", mend, ("addresses",))
            if len(self.addresses) > _MOST_ADDRESSES:
                yield Violation(
                    f"more than {_MOST_ADDRESSES} addresses", "Name networks.", ("addresses",)
                )
        if self.knows("headers") and not {"Forwarded", "X-Forwarded-For"} & {*self.headers}:
            yield Violation(
                "no header here names the client",
                "Name X-Forwarded-For, or Forwarded.",
                ("headers",),
            )
