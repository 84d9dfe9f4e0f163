"""A product's replies, good and spoilt, and screens over an upstream that gives them.

    with WireServer(product_with(price="NaN")) as upstream:
        screen = product_screens(screens, upstream)
        assert screen.get("/fail").status == 502

`HUSHED` stands in every reply, in a header and in a field that the schema lacks.
"""

from tests.support.gateway.hosts import Answer
from tests.support.gateway.screens import Screen, Screens, value_reply
from tests.support.structured_fields import read_list
from tests.support.upstream.wire import Script, WireServer
from tests.support.upstream.wire_scripts import head, raw

HUSHED = "hush-7f3a"
PRODUCT = {"id": 1, "title": "Hat", "price": 9.5}
GOOD = f'{{"id": 1, "title": "Hat", "price": 9.5, "cost": "{HUSHED}"}}'.encode()

_SCREEN = """
    endpoint: GET /POLICY
    deadline: DEADLINE
    steps:
      product: {call: products.get, on_failure: POLICY}
    response: {product: '${product}', warnings: '${degraded}'}
    cache: {ttl: 20ms, stale: 30s}
    """
_QUICK = "{endpoint: GET /quick, steps: {look: {call: shop.look}}}"
_SERVICE = """
    base: BASE
    timeout: TIMEOUT
    compression: COMPRESSION
    operations: {get: {request: GET /it, returns: 'schemas.shop:Product'}}
    """


def said(status: int = 200, body: bytes = GOOD, *headers: tuple[str, str]) -> bytes:
    """A reply's bytes."""
    fields = [("Content-Type", "application/json"), ("X-Inside", HUSHED), *headers]
    return head(status, [*fields, ("Content-Length", str(len(body)))]) + body


def json_said(body: bytes, *headers: tuple[str, str]) -> Script:
    """200 with this for JSON."""
    return raw(said(200, body, *headers))


def product_with(**texts: str) -> Script:
    """The product, with other JSON texts for some of its fields; one byte for each character."""
    fields = {"id": "1", "title": '"Hat"', "price": "9.5", "cost": f'"{HUSHED}"'} | texts
    body = ", ".join(f'"{name}": {text}' for name, text in fields.items())
    return json_said(b"{%s}" % body.encode("latin-1"))


def product_screens(
    screens: Screens,
    upstream: WireServer,
    *,
    deadline: str = "10s",
    timeout: str = "10s",
    compression: str = "off",
) -> Screen:
    """The product at `/fail` as a required step and at `/optional` as an optional one; `/quick`
    is over another upstream. A degraded payload is kept for its `ttl`, so that is short; a
    complete one stays a hit for the time of `stale`."""
    screen = _SCREEN.replace("DEADLINE", deadline)
    policies = {policy: screen.replace("POLICY", policy) for policy in ("fail", "optional")}
    service = _SERVICE.replace("BASE", upstream.url).replace("TIMEOUT", timeout)
    return screens(
        {**policies, "quick": _QUICK},
        {"/look": value_reply({})},
        services={"products": service.replace("COMPRESSION", compression)},
    )


def after_degraded(screen: Screen, path: str) -> Answer:
    """The first answer that isn't the degraded payload, kept for a moment and marked as it is."""
    for _ in range(1000):
        answer = screen.get(path)
        if answer.status != 200 or answer.header("proxy-status") is None:
            return answer
        ((_, facts),) = read_list(answer.header("cache-status") or "")
        assert facts["hit"] is True
        assert answer.json()["warnings"]
    raise AssertionError("it is kept for longer than its time")


def is_complete(answer: Answer, came_about: dict[str, object]) -> None:
    """Fails unless this is the whole payload, and its `Cache-Status` says that it came about so."""
    assert answer.status == 200
    assert answer.json() == {"product": PRODUCT, "warnings": []}
    assert answer.header("proxy-status") is None
    ((cache, facts),) = read_list(answer.header("cache-status") or "")
    assert cache == "bff"
    assert facts.items() >= came_about.items()
