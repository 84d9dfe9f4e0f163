"""What routes pass: `forward`, `return`, `cookies` and `expose`."""

from tests.support.projects import SHOP_SERVICE
from tests.unit.broken import Broken

_BANK = """
base: http://bank
headers: {x-key: "${secret.BANK_KEY}"}
operations:
  get:
    request: GET /
    returns: none
"""
_CORS = "cors: {origins: ['https://shop.example']}"
_OUT = "Leave it out."
_COOKIES = "cookies pass by their own names. List those in `cookies`: cookies: [cart]."
_CONNECTION = "belongs to one connection. Leave it out: no gateway passes it."


def _route(keys: str, message: str, *, more: str = _CORS) -> Broken:
    text = f"routes: {{/raw: {{service: shop, access: public, {keys}}}}}\n{more}"
    return Broken("gateway.yaml", text, f"routes./raw.{message}")


def _own(key: str, name: str) -> str:
    return f"{key}[0]: the header '{name.lower()}' is the gateway's own to set. {_OUT}"


ROWS = {
    "forward that is no list": _route("forward: ▶X-Api-Key", "forward: 'X-Api-Key' is not a list."),
    "forward of what the service's own replaces": Broken(
        "gateway.yaml",
        "routes: {/raw: {service: bank, access: public, credentials: service, forward: [▶X-Key]}}",
        "routes./raw.forward[0]: every request here has the 'X-Key' of bank's own. Leave it out.",
        {"bank": _BANK, "shop": SHOP_SERVICE},
    ),
    "forward that is no name": _route(
        "forward: [▶'X Key']",
        "forward[0]: 'X Key' is no name of a header. Use letters, digits and dashes.",
    ),
    "forward twice": _route(
        "forward: [X-Key, ▶x-key]", "forward[1]: this is the header 'X-Key' again. Keep one."
    ),
    "forward that passes anyway": _route(
        "forward: [X-Key, ▶Accept]", f"forward[1]: the header 'accept' passes anyway. {_OUT}"
    ),
    "forward of a cookie": _route("forward: [▶Cookie]", f"forward[0]: {_COOKIES}"),
    "forward of the receiver": _route(
        "forward: [▶Host]", f"forward[0]: the header 'host' {_CONNECTION}"
    ),
    "forward of a length": _route(
        "forward: [▶Content_Length]", f"forward[0]: the header 'content_length' {_CONNECTION}"
    ),
    "forward hop by hop": _route("forward: [▶TE]", f"forward[0]: the header 'te' {_CONNECTION}"),
    "forward of an address": _route(
        "forward: [▶X-Forwarded-For]", _own("forward", "X-Forwarded-For")
    ),
    "forward of an address that CGI reads so": _route(
        "forward: [▶X_Real.IP]", _own("forward", "X_Real.IP")
    ),
    "forward of what a proxy says": _route("forward: [▶Forwarded]", _own("forward", "Forwarded")),
    "forward of a trace": _route("forward: [▶traceparent]", _own("forward", "traceparent")),
    "forward of baggage": _route(
        "forward: [▶Baggage]",
        f"forward[0]: baggage does not pass: each service would read what others put in. {_OUT}",
    ),
    "forward of an id": _route("forward: [▶X-Request-ID]", _own("forward", "X-Request-ID")),
    "forward with an underscore": _route(
        "forward: [▶X_Key]",
        "forward[0]: no header with '_' or '.' gets in, so 'x_key' never comes. Write x-key.",
    ),
    "return that passes anyway": _route(
        "return: [▶ETag]", f"return[0]: the header 'etag' passes anyway. {_OUT}"
    ),
    "return of a cookie": _route("return: [▶Set-Cookie]", f"return[0]: {_COOKIES}"),
    "return hop by hop": _route(
        "return: [▶Connection]", f"return[0]: the header 'connection' {_CONNECTION}"
    ),
    "return of a date": _route("return: [▶Date]", _own("return", "Date")),
    "return of an id": _route("return: [▶x-request-id]", _own("return", "x-request-id")),
    "return of what cors says": _route(
        "return: [▶Access-Control-Allow-Origin]",
        f"return[0]: the header 'access-control-allow-origin' is for `cors` to answer. {_OUT}",
    ),
    "cookie that is no name": _route(
        "cookies: [▶'a=b']",
        "cookies[0]: 'a=b' is no name of a cookie. Use letters, digits, - and _.",
    ),
    "cookie twice": _route(
        "cookies: [cart, Cart, ▶cart]", "cookies[2]: the cookie 'cart' is listed twice. Keep one."
    ),
    "cookie of the gateway's own": _route(
        "cookies: [▶__Host-bff]",
        "cookies[0]: '__Host-bff' is a name for cookies of the gateway's own."
        " They never reach a service: choose another name.",
    ),
    "expose of a cookie": _route(
        "expose: [▶Set-Cookie]", f"expose[0]: no page may read cookies of a reply. {_OUT}"
    ),
    "expose of what pages read": _route(
        "expose: [▶Content-Type]", f"expose[0]: every page may read 'content-type' anyway. {_OUT}"
    ),
    "expose of what is dropped": _route(
        "expose: [▶Server]",
        "expose[0]: no reply of a route has 'server'. Name it in `return` too: return: [server].",
    ),
    "expose to nobody": _route(
        "expose: ▶[Link]",
        "expose: no page of another origin may read replies here, since none is listed."
        " List the origins of your pages: cors: {origins: [https://shop.example]}.",
        more="",
    ),
}
