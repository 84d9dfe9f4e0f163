"""`limits` of the project, of a composition and of a route."""

from tests.unit.broken import Broken

_BY = "Write identity, api_key or address, or an expression: ${claims.tenant}."
_RATE = "this is no rate. Write how many a second, minute, hour or day: 100/minute."


def _limits(text: str, message: str) -> Broken:
    return Broken("gateway.yaml", f"limits: {text}", message)


def _screen(keys: str, message: str) -> Broken:
    text = (
        f"endpoint: GET /\nsteps: {{p: {{call: shop.list_products, with: {{ids: [1]}}}}}}\n{keys}"
    )
    return Broken("compositions/screen.yaml", text, message)


ROWS = {
    "limits that are no list": _limits("▶{by: address}", "limits: a mapping is not a list."),
    "limit without a rate": _limits("[▶{by: address}]", "limits[0]: needs the key 'rate'."),
    "limit by what nothing counts by": _limits(
        "[{by: ▶adress, rate: 1/second}]", f"limits[0].by: nothing counts by 'adress'. {_BY}"
    ),
    "rate of an unknown unit": _limits(
        "[{by: address, rate: ▶100/min}]", f"limits[0].rate: {_RATE}"
    ),
    "rate that is a number": _limits("[{by: address, rate: ▶100}]", f"limits[0].rate: {_RATE}"),
    "rate of nothing": _limits(
        "[{by: address, rate: ▶0/second}]",
        "limits[0].rate: a rate of nothing. Write how many may come: 100/minute.",
    ),
    "rate that is too high": _limits(
        "[{by: address, rate: ▶1000001/second}]",
        "limits[0].rate: a rate is 1000000/second at most.",
    ),
    "burst of nothing": _limits(
        "[{by: address, rate: 5/second, burst: ▶0}]", "limits[0].burst: 0 is not at least 1."
    ),
    "window that is unknown": _limits(
        "[{by: address, rate: 5/second, window: ▶fixed}]",
        "limits[0].window: 'fixed' means nothing here. Known: sliding.",
    ),
    "window with a burst": _limits(
        "[{by: address, rate: 5/second, window: sliding, ▶burst: 3}]",
        "limits[0].burst: a window has no burst. Leave `burst` out.",
    ),
    "window that is exact": _limits(
        "[{by: address, rate: 5/second, window: sliding, ▶exact: true}]",
        "limits[0].exact: a window counts every request. Leave `exact` out.",
    ),
    "without_redis that is unknown": _limits(
        "[{by: address, rate: 5/second, without_redis: ▶fail}]",
        "limits[0].without_redis: 'fail' means nothing here. Known: closed, local, open.",
    ),
    "limit twice": _limits(
        "[{by: address, rate: 5/second}, ▶{by: address, rate: 5/second}]",
        "limits[1]: this is limits[0] again. Keep one.",
    ),
    "too many limits": _limits(
        f"▶[{', '.join(f'{{by: address, rate: {number}/second}}' for number in range(1, 10))}]",
        "limits: more than 8 limits. Keep those that differ.",
    ),
    "failed credentials twice": _limits(
        "[{by: failed_credentials, rate: 5/second}, {by: ▶failed_credentials, rate: 5/hour}]",
        "limits[1].by: failed credentials have one limit. Keep one.",
    ),
    "failed credentials by leases": _limits(
        "[{by: failed_credentials, rate: 5/second, ▶exact: false}]",
        "limits[0].exact: failed credentials are counted one by one. Leave `exact` out.",
    ),
    "failed credentials of a composition": _screen(
        "limits: [{by: ▶failed_credentials, rate: 5/second}]",
        "limits[0].by: failed credentials are counted for the whole project."
        " Write this limit in gateway.yaml, under `limits`.",
    ),
    "limit of the project by a param": _limits(
        "[{by: '${▶params.id}', rate: 5/second}]",
        "limits[0].by: unknown name 'params'. Known: claims.",
    ),
    "limit by a param of the body": Broken(
        "compositions/screen.yaml",
        """
endpoint: POST /
params: {id: {type: integer, in: body}}
steps: {p: {call: shop.create_order, with: {user_id: 1, note: ''}}}
limits: [{by: '${params.▶id}', rate: 5/second}]
""",
        "limits[0].by: no param 'id' is declared. Declare it under params.",
    ),
    "limit by API keys that nobody has": Broken(
        "gateway.yaml",
        "identity: {jwt: [{issuer: 'https://id.example', audience: [shop], algorithms: [RS256],"
        " keys: 'https://id.example/keys'}]}\n"
        "limits: [{by: ▶api_key, rate: 5/second}]",
        "limits[0].by: the project takes no API keys."
        " Declare identity.api_keys in gateway.yaml, or count by identity.",
    ),
    "limit by all claims": _limits(
        "[{by: ▶'${claims}', rate: 5/second}]",
        "limits[0].by: requests can't be counted by claims. Name a text, a number or a boolean.",
    ),
    "limit by what may be null": _screen(
        "params: {id: {type: integer, in: query, required: false}}\n"
        "limits: [{by: ▶'${params.id}', rate: 5/second}]",
        "limits[0].by: may be null, and null counts for nobody."
        " Give it a value for that case: ${claims.tenant || 'none'}.",
    ),
    "limit by a text with an expression in it": _limits(
        "[{by: ▶'tenant-${claims.tenant}', rate: 5/second}]",
        "limits[0].by: one expression stands alone here, and this has more beside it."
        " Keep one ${…}; to join or compare, write it within: ${a == 'x'}.",
    ),
    "limit of a route by what nothing counts by": Broken(
        "gateway.yaml",
        "routes: {/raw: {service: shop, access: public, limits: [{by: ▶user, rate: 1/second}]}}",
        f"routes./raw.limits[0].by: nothing counts by 'user'. {_BY}",
    ),
}
