"""`status` and `headers` of a composition, and `redirect_origins`."""

from tests.unit.broken import Broken, broken_composition

STEPS = """endpoint: GET /screen
params: {id: {type: integer}, next: {type: string, required: false}}
steps:
  user: {call: shop.get_user, with: {id: '${params.id}'}}
  orders: {call: shop.list_orders, with: {user_id: 1}}
"""
STATUSES = "200, 201, 202, 204, 301, 302, 303, 307, 308"
NAMES = (
    "They are Content-Disposition, Content-Language, Content-Location, Deprecation, Link, Location,"
    " Retry-After, Sunset, and X-… of your own."
)


def _row(lines: str, message: str) -> Broken:
    return broken_composition(f"{STEPS}{lines}\n", message)


def _header(text: str, message: str) -> Broken:
    name = text.partition(":")[0].replace("▶", "")
    return _row(f"headers:\n  {text}", f"headers.{name}: {message}")


def _origin(text: str, message: str) -> Broken:
    return Broken(
        "gateway.yaml", f"redirect_origins: [▶'{text}']\n", f"redirect_origins[0]: {message}"
    )


ROWS = {
    "status of an error": _row(
        "status: ▶404",
        f"status: 404 is no status of a payload. Write {STATUSES}, or one ${{…}}."
        " For errors there are the `statuses` of steps: {404: {reply: 404}}.",
    ),
    "status in quotes": _row(
        "status: ▶'201'",
        f"status: this is no status. Write {STATUSES}, or one ${{…}}."
        " For errors there are the `statuses` of steps: {404: {reply: 404}}.",
    ),
    "status that is a text": _row(
        "status: ▶${user.firstName}",
        "status: a status is an integer, and this is string."
        " Give one for every case: ${order.is_new && `201` || `200`}.",
    ),
    "status that may be null": _row(
        "status: ▶'${params.next && `201`}'",
        'status: a status is an integer, and this is "" | 201 | null.'
        " Give one for every case: ${order.is_new && `201` || `200`}.",
    ),
    "status that may be of an error": _row(
        "status: ▶${params.id > `5` && `201` || `404`}",
        f"status: this may be 404, and no payload has such a status. They are {STATUSES}.",
    ),
    "status with text beside it": _row(
        "status: ▶20${user.id}",
        "status: one expression stands alone here, and this has more beside it."
        " Keep one ${…}; to join or compare, write it within: ${a == 'x'}.",
    ),
    "response of a 204": _row(
        "status: 204\n▶response: ${user}", "response: a 204 has no body. Leave `response` out."
    ),
    "views of a 204": _row(
        "status: 204\n▶views: {v: [id]}", "views: a 204 has no body. Leave `views` out."
    ),
    "redirect without a Location": _row(
        "status: ▶303",
        "status: a redirect leads nowhere without a Location."
        " Add it: headers: {Location: /orders/${…}}.",
    ),
    "redirect whose Location may be null": _row(
        "status: 303\nheaders: {Location: ▶'/users/${user.last_name}'}",
        "headers.Location: may be null, and a redirect needs its Location."
        " Give it a text for that case, with `||`.",
    ),
    "header that sets cookies": _header(
        "▶Set-Cookie: a=b", f"'Set-Cookie' is no header that a composition sets. {NAMES}"
    ),
    "header that frames": _header(
        "▶Transfer-Encoding: chunked",
        f"'Transfer-Encoding' is no header that a composition sets. {NAMES}",
    ),
    "header that caches": _header(
        "▶Cache-Control: public", f"'Cache-Control' is no header that a composition sets. {NAMES}"
    ),
    "header that is misspelt": _header(
        "▶Locaton: /a",
        f"'Locaton' is no header that a composition sets. {NAMES} Did you mean 'Location'?",
    ),
    "header with an underscore": _header(
        "▶X_Total: '5'", f"'X_Total' is no header that a composition sets. {NAMES}"
    ),
    "header that the gateway sets": _header(
        "▶X-Request-ID: a",
        "'X-Request-ID' means something to the gateway, or to proxies. Choose another name.",
    ),
    "header that a proxy obeys": _header(
        "▶X-Accel-Redirect: /secret",
        "'X-Accel-Redirect' means something to the gateway, or to proxies. Choose another name.",
    ),
    "header that another proxy obeys": _header(
        "▶X-Envoy-Immediate-Health-Check-Fail: 'true'",
        "'X-Envoy-Immediate-Health-Check-Fail' means something to the gateway, or to proxies."
        " Choose another name.",
    ),
    "header that is there twice": _row(
        "headers:\n  X-Total: '5'\n  ▶x-total: '6'",
        "headers.x-total: 'x-total' is the header 'X-Total' again. Keep one.",
    ),
    "header with a number": _header(
        "Retry-After: ▶5", "5 is not a text. Put it in quotes if it is a text."
    ),
    "header that is empty": _header("X-A: ▶''", "is empty. Give it a text, or leave it out."),
    "header that reads a list": _header(
        "X-Orders: '${▶orders.orders}'",
        "list[Order] can't be in a header. Name a text, a number or a boolean.",
    ),
    "header with a line break": _header(
        'X-A: ▶"a\\r\\nSet-Cookie: b=c"',
        "holds a character that no header may hold. Leave it out, or encode it: %20.",
    ),
    "header that reads an unknown field": _header(
        "X-Name: '${user.▶frstName}'",
        "User has no field 'frstName'. Known: born, firstName, id, last_name, role."
        " Did you mean 'firstName'?",
    ),
    "Location with a blank": _header(
        "Location: ▶/a b",
        "holds a character that no address may hold. Leave it out, or encode it: %20.",
    ),
    "Location with a segment of dots": _header(
        "Location: ▶/a/../b",
        "this fails always: the address has a segment that is empty or only dots.",
    ),
    "header that is longer than all may be": _row(
        f"headers: ▶{{X-A: {'a' * 5000}, X-B: {'b' * 5000}}}",
        "headers: this fails always: the headers have more than 8192 bytes.",
    ),
    "status that is a list": _row(
        "status: ▶${`[201]`}",
        "status: a status is an integer, and this is list[201]."
        " Give one for every case: ${order.is_new && `201` || `200`}.",
    ),
    "Location that begins with an expression": _header(
        "Location: '${▶user.firstName}'",
        "begins with an expression, so it may lead anywhere. Begin with a path or an origin:"
        " /orders/${…}; or list the origins that it may have: redirect_origins of gateway.yaml.",
    ),
    "Location on another host by two slashes": _header(
        "Location: ▶//evil.example/${user.id}",
        "an address begins with a path from the root, or with an origin."
        " Write /orders/${…}, or https://shop.example/${…}.",
    ),
    "Location that is relative": _header(
        "Location: ▶orders/${user.id}",
        "an address begins with a path from the root, or with an origin."
        " Write /orders/${…}, or https://shop.example/${…}.",
    ),
    "Location of another scheme": _header(
        "Location: ▶javascript:alert(1)",
        "an address begins with a path from the root, or with an origin."
        " Write /orders/${…}, or https://shop.example/${…}.",
    ),
    "Location with an expression within its origin": _header(
        "Location: ▶https://shop.example${user.firstName}",
        "an expression stands within the origin."
        " End the origin before it: https://shop.example/${…}.",
    ),
    "Location with a user": _header(
        "Location: ▶https://shop.example@evil.example/",
        "an address begins with a path from the root, or with an origin."
        " Write /orders/${…}, or https://shop.example/${…}.",
    ),
    "Content-Location that begins with an expression": _header(
        "Content-Location: '${▶user.firstName}'",
        "begins with an expression, so it may lead anywhere. Begin with a path or an origin:"
        " /orders/${…}.",
    ),
    "Link that begins with an expression": _header(
        "Link: ▶${user.firstName}",
        'begins with an expression. Write it like this: </orders?page=${…}>; rel="next".',
    ),
    "Content-Disposition that is no such": _header(
        "Content-Disposition: ▶file ${user.id}",
        "begins with 'file '. Write it like this: attachment; filename*=UTF-8''${…}.",
    ),
    "redirect origin that is any": _origin(
        "*", "'*' is no origin. Name each origin exactly, without a path: https://app.example.com."
    ),
    "redirect origin with a path": _origin(
        "https://pay.example/x",
        "'https://pay.example/x' is no origin."
        " Name each origin exactly, without a path: https://pay.example.",
    ),
}
