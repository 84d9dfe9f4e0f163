"""`trusted_proxies`: whose word counts on who sent a request."""

from tests.unit.broken import Broken

_NETWORK = (
    "Write 10.0.0.7, 10.0.0.0/8, fd00::/8, or unix for a UNIX socket: names are not looked up."
)


def _addresses(address: str, message: str) -> Broken:
    text = f"trusted_proxies: {{addresses: [10.0.0.0/8, {address}], hops: 1}}"
    return Broken("gateway.yaml", text, f"trusted_proxies.addresses[1]: {message}")


def _proxies(keys: str, message: str) -> Broken:
    text = f"trusted_proxies: {{addresses: [10.0.0.0/8], {keys}}}"
    return Broken("gateway.yaml", text, f"trusted_proxies.{message}")


def _everybody(address: str) -> str:
    return (
        f"'{address}' trusts whoever connects: anyone could choose the address that limits and logs"
        " know. Name the proxies' own addresses: 10.0.0.0/8."
    )


ROWS = {
    "everybody is trusted": _addresses("▶0.0.0.0/0", _everybody("0.0.0.0/0")),
    "half of everybody is trusted": _addresses("▶128.0.0.0/1", _everybody("128.0.0.0/1")),
    "everybody of IPv6 is trusted": _addresses("▶'::/0'", _everybody("::/0")),
    "everybody of IPv4 within IPv6 is trusted": _addresses(
        "▶'::ffff:0.0.0.0/96'", _everybody("::ffff:0.0.0.0/96")
    ),
    "a name": _addresses("▶nginx", f"'nginx' is no address. {_NETWORK}"),
    "a pattern": _addresses("▶'10.*'", f"'10.*' is no address. {_NETWORK}"),
    "an address with a port": _addresses(
        "▶'10.0.0.7:80'", f"'10.0.0.7:80' is no address. {_NETWORK}"
    ),
    "bits beside the network": _addresses(
        "▶10.0.0.7/8",
        "'10.0.0.7/8' has bits beside its network. Write 10.0.0.0/8, or 10.0.0.7 for one address.",
    ),
    "no proxy": Broken(
        "gateway.yaml",
        "trusted_proxies: {addresses: ▶[], hops: 1}",
        "trusted_proxies.addresses: no proxy is named. Leave out `trusted_proxies` where there is"
        " none.",
    ),
    "hops left out": Broken(
        "gateway.yaml",
        "trusted_proxies: ▶{addresses: [10.0.0.0/8]}",
        "trusted_proxies: needs the key 'hops'.",
    ),
    "no hops": _proxies("hops: ▶0", "hops: 0 is not at least 1."),
    "hops that are no number": _proxies("hops: ▶all", "hops: 'all' is not a whole number."),
    "more hops than anyone has": _proxies("hops: ▶11", "hops: 11 is not at most 10."),
    "a header that names nobody": _proxies(
        "hops: 1, headers: [▶X-Real-IP]",
        "headers[0]: 'X-Real-IP' means nothing here. Known: Forwarded, X-Forwarded-For,"
        " X-Forwarded-Host, X-Forwarded-Proto.",
    ),
    "headers without the client": _proxies(
        "hops: 1, headers: ▶[X-Forwarded-Proto]",
        "headers: no header here names the client. Name X-Forwarded-For, or Forwarded.",
    ),
}
