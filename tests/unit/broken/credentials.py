"""A service's headers, query and auth, and routes that lend them."""

from tests.unit.broken import Broken

_SERVICE = """
base: http://shop
{lines}
operations:
  list_products:
    request: {request}
    params:
      {ids}: {{type: array, items: {{type: integer}}}}
      {param}: {{in: header, type: string, required: false}}
    returns: schemas.shop:ProductPage
"""
_SECRET = "Write ${secret.NAME}: a file in BFF_SECRETS_DIR, or a variable."
_TWICE = "every request to the service has"


def _service(
    lines: str,
    message: str,
    *,
    param: str = "X-Any",
    ids: str = "ids",
    request: str = "GET /products",
) -> Broken:
    text = _SERVICE.format(lines=lines, param=param, ids=ids, request=request)
    return Broken("services/shop.yaml", text, message)


def _auth(auth: str, message: str) -> Broken:
    return _service(f"auth: {auth}", message)


ROWS = {
    "header that is the gateway's own": _service(
        "headers: {▶Host: x}",
        "headers.Host: the header 'Host' is the gateway's own to set. Leave it out.",
    ),
    "header of the request's trace": _service(
        "headers: {▶X-Request-ID: x}",
        "headers.X-Request-ID: the header 'X-Request-ID' is the gateway's own to set."
        " Leave it out.",
    ),
    "no name of a header": _service(
        "headers: {▶'X A': x}",
        "headers.X A: 'X A' is no name of a header. Use letters, digits and dashes.",
    ),
    "header twice": _service(
        "headers: {X-A: x, ▶x-a: y}", "headers.x-a: this is the header 'X-A'. Keep one."
    ),
    "header that is a number": _service(
        "headers: {X-Api-Version: ▶3}",
        "headers.X-Api-Version: this is no text. Put it in quotes if it is a text.",
    ),
    "header with an expression": _service(
        "headers: {X-A: ▶'${params.ids}'}",
        "headers.X-A: only the environment is read here. Write ${env.NAME} or ${secret.NAME}.",
    ),
    "header over several lines": _service(
        'headers: {X-A: ▶"a\\nb"}',
        "headers.X-A: the value holds a character that no header may hold. Write it on one line.",
    ),
    "credential in the file": _service(
        "headers: {Authorization: ▶Token abc}",
        "headers.Authorization: a secret in the file. Write ${secret.NAME} in it, or use `auth`.",
    ),
    "headers without an end": _service(
        f"headers: ▶{{X-A: {'a' * 9000}, X-B: {'b' * 9000}}}",
        "headers: all together have over 16384 bytes. Send less.",
    ),
    "query without a name": _service(
        "query: {▶'': x}", "query.: a param without a name. Write its name."
    ),
    "query that a param is": _service(
        "query: {tenant: a, ids: b}",
        f"operations.list_products.params.ids: {_TWICE} 'ids' already. Take it out of `headers`,"
        " `query` or `auth`, or out of the params.",
        ids="▶ids",
    ),
    "query that a request has": _service(
        "query: {tenant: a}",
        f"operations.list_products.request: {_TWICE} 'tenant' already. Take it out of the service's"
        " `query` or `auth`, or out of the request.",
        request="▶GET /products?tenant=b",
    ),
    "header that a param is": _service(
        "headers: {X-Tenant: a}",
        f"operations.list_products.params.x-tenant: {_TWICE} 'x-tenant' already. Take it out of"
        " `headers`, `query` or `auth`, or out of the params.",
        param="▶x-tenant",
    ),
    "auth beside a param of the caller's": _service(
        'auth: {bearer: "${secret.T}"}',
        f"operations.list_products.params.Authorization: {_TWICE} 'Authorization' already. Take it"
        " out of `headers`, `query` or `auth`, or out of the params.",
        param="▶Authorization",
    ),
    "auth beside a header": _service(
        'headers: {Authorization: "Token ${secret.A}"}\n▶auth: {bearer: "${secret.T}"}',
        "auth: 'authorization' stands in `headers` too. Keep one.",
    ),
    "auth of nothing": _service(
        "▶auth: {}",
        "auth: names no credential. Name bearer, basic, api_key, client_credentials, relay or"
        " exchange; or leave `auth` out.",
    ),
    "auth in two ways": _auth(
        '{bearer: "${secret.T}", ▶api_key: {in: header, name: X-K, value: "${secret.K}"}}',
        "auth.api_key: bearer and api_key are several credentials. Keep one.",
    ),
    "unknown way": _auth(
        '{▶berer: "${secret.T}"}',
        "auth.berer: unknown key 'berer'. Known: api_key, basic, bearer, client_credentials,"
        " exchange, relay. Did you mean 'bearer'?",
    ),
    "token in the file": _auth("{bearer: ▶abc}", f"auth.bearer: a secret in the file. {_SECRET}"),
    "token with its scheme": _auth(
        '{bearer: ▶"Bearer ${secret.T}"}',
        "auth.bearer: the secret begins with `Bearer`, which is put before it."
        " Leave it out of the secret.",
    ),
    "token that is a variable": _auth(
        "{bearer: ▶\"${env.T || 'abc'}\"}", f"auth.bearer: a variable is no secret. {_SECRET}"
    ),
    "password in the file": _auth(
        "{basic: {user: shop, password: ▶hunter2}}",
        f"auth.basic.password: a secret in the file. {_SECRET}",
    ),
    "user with a colon": _auth(
        '{basic: {user: ▶"a:b", password: "${secret.P}"}}',
        "auth.basic.user: a user with a colon. RFC 7617 has no way to send one.",
    ),
    "no password": _auth("{basic: ▶{user: shop}}", "auth.basic: needs the key 'password'."),
    "key in a cookie": _auth(
        '{api_key: {in: ▶cookie, name: k, value: "${secret.K}"}}',
        "auth.api_key.in: 'cookie' means nothing here. Known: header, query.",
    ),
    "key as a header that is the gateway's": _auth(
        '{api_key: {in: header, name: ▶Host, value: "${secret.K}"}}',
        "auth.api_key.name: the header 'Host' is the gateway's own to set. Leave it out.",
    ),
    "key without a name": _auth(
        "{api_key: {in: query, name: ▶'', value: \"${secret.K}\"}}",
        "auth.api_key.name: is empty. Write the name that the service reads.",
    ),
    "token endpoint that is no address": _auth(
        "{client_credentials: {token_url: ▶login.test, client_id: a, client_secret:"
        ' "${secret.S}"}}',
        "auth.client_credentials.token_url: this is no http address."
        " Write it whole: http://127.0.0.1:9102.",
    ),
    "token endpoint with a password": _auth(
        "{client_credentials: {token_url: ▶'http://a:b@h/t', client_id: a, client_secret:"
        ' "${secret.S}"}}',
        "auth.client_credentials.token_url: an address with a user or a password."
        " Write them in `auth`.",
    ),
    "token endpoint with a fragment": _auth(
        "{client_credentials: {token_url: ▶'http://h/t#a', client_id: a, client_secret:"
        ' "${secret.S}"}}',
        "auth.client_credentials.token_url: an address with a fragment."
        " Leave it out: it is never sent.",
    ),
    "client's secret in the file": _auth(
        "{client_credentials: {token_url: 'http://h/t', client_id: a, client_secret: ▶abc}}",
        f"auth.client_credentials.client_secret: a secret in the file. {_SECRET}",
    ),
    "scope of two words": _auth(
        "{client_credentials: {token_url: 'http://h/t', client_id: a, client_secret:"
        ' "${secret.S}", scopes: [▶"a b"]}}',
        "auth.client_credentials.scopes[0]: this is no scope."
        " One word of visible ASCII characters.",
    ),
    "route that lends nothing": Broken(
        "gateway.yaml",
        "routes: {/raw: {service: shop, credentials: ▶service}}",
        "routes./raw.credentials: shop has no headers, query or auth that this route could send."
        " State them in services/shop.yaml, or leave `credentials` out.",
    ),
    "credentials of somebody else": Broken(
        "gateway.yaml",
        "routes: {/raw: {service: shop, credentials: ▶client}}",
        "routes./raw.credentials: 'client' means nothing here. Known: service.",
    ),
}
