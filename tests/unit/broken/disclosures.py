"""What services learn of their callers: headers of claims, tokens."""

from tests.unit.broken import Broken

_SERVICE = """
base: http://shop
{lines}
operations:
  list_products:
    request: GET /products
    params:
      ids: {{type: array, items: {{type: integer}}}}
      {param}: {{in: header, type: string, required: false}}
    returns: schemas.shop:ProductPage
    {cache}
"""
_EXCHANGE = "token_url: 'http://h/t', client_id: a, client_secret: \"${secret.S}\""


def _service(lines: str, message: str, *, param: str = "X-Any", cache: str = "") -> Broken:
    text = _SERVICE.format(lines=lines, param=param, cache=cache)
    return Broken("services/shop.yaml", text, message)


def _headers(header: str, message: str) -> Broken:
    return _service(f"caller_headers: {{{header}}}", message)


ROWS = {
    "header of the caller's that is no text": _headers(
        "X-User: ▶7", "caller_headers.X-User: 7 is not a text. Put it in quotes if it is a text."
    ),
    "header of the caller's that is constant": _headers(
        "X-User: ▶web",
        "caller_headers.X-User: this reads nothing of the caller, so it is always the same."
        " Name a claim, ${claims.sub}; or write it in `headers`.",
    ),
    "header of the caller's that reads a param": _headers(
        'X-User: "${▶params.user}"',
        "caller_headers.X-User: unknown name 'params'. Known: claims.",
    ),
    "header of the caller's that is an object": _headers(
        'X-User: ▶"${{id: claims.sub}}"',
        "caller_headers.X-User: object can't be in a header."
        " Name a text, a number or a boolean, or a list of such.",
    ),
    "header of the caller's that is the gateway's": _headers(
        '▶X_Request_ID: "${claims.sub}"',
        "caller_headers.X_Request_ID: the header 'x-request-id' is the gateway's own to set."
        " Leave it out.",
    ),
    "header of the caller's that says where a client is": _headers(
        '▶X-Forwarded-User: "${claims.sub}"',
        "caller_headers.X-Forwarded-User: the header 'X-Forwarded-User' is the gateway's own to"
        " set. Choose another name.",
    ),
    "header of the caller's that is a token": _headers(
        '▶Authorization: "${claims.token}"',
        "caller_headers.Authorization: a token is no claim."
        " Write auth: {relay: true}, or `exchange`.",
    ),
    "header of the caller's that some servers read as another": _headers(
        'X-User: "${claims.sub}", ▶x_user: "${claims.id}"',
        "caller_headers.x_user: to some servers this is the header 'X-User'. Keep one.",
    ),
    "header of the caller's that the service always has": _service(
        'headers: {X.Tenant: a}\ncaller_headers: {▶X-Tenant: "${claims.tenant}"}',
        "caller_headers.X-Tenant: to some servers this is the header 'X.Tenant'. Keep one.",
    ),
    "param that stands for the caller": _service(
        'caller_headers: {X-User: "${claims.sub}"}',
        "operations.list_products.params.x_user: to the service 'x_user' is 'X-User', by which it"
        " learns who calls. Take it out of `caller_headers`, or out of the params.",
        param="▶x_user",
    ),
    "replies for everybody of a service that knows its caller": _service(
        "auth: {relay: true}",
        "operations.list_products.cache.scope: shop learns who calls, so that each reply is one"
        " caller's. Leave `scope` out.",
        cache="cache: {ttl: 60s, scope: ▶public}",
    ),
    "token that is not relayed": _service(
        "auth: {relay: ▶false}", "auth.relay: relays nothing. Write true, or leave `auth` out."
    ),
    "exchange for no service": _service(
        f"auth: {{▶exchange: {{{_EXCHANGE}}}}}",
        "auth.exchange: an exchange for no service in particular."
        " Name the one that the token is for: audience: orders.",
    ),
    "exchange with a secret in the file": _service(
        "auth: {exchange: {token_url: 'http://h/t', client_id: a, client_secret: ▶abc,"
        " audience: b}}",
        "auth.exchange.client_secret: a secret in the file."
        " Write ${secret.NAME}: a file in BFF_SECRETS_DIR, or a variable.",
    ),
    "caller's token beside the gateway's": _service(
        f"auth: {{relay: true, ▶exchange: {{{_EXCHANGE}, audience: a}}}}",
        "auth.exchange: relay and exchange are several credentials. Keep one.",
    ),
    "caller's token beside a param": _service(
        "auth: {relay: true}",
        "operations.list_products.params.Authorization: every request to the service has"
        " 'Authorization' already. Take it out of `headers`, `query` or `auth`, or out of the"
        " params.",
        param="▶Authorization",
    ),
}
